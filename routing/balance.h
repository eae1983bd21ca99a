// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "routing/config.h"
#include "routing/decide.h"

// The ways of choosing, as balances.def lists them. `key_hash` is that of the answer; members in `tried` (may be NULL) and those of
// weight 0 are left out; NULL when nobody is left.
typedef struct member *balance_fn(struct pool *p, uint64_t key_hash, const uint64_t *tried);
#define BALANCE(id, name, choose) balance_fn choose;
#include "routing/balances.def"
#undef BALANCE

#define BALANCE_NAMES "round-robin|least-busy|random-2|hash" // in the order of balances.def

static inline bool member_may_take(const struct member *m, const uint64_t *tried) {
    return m->weight > 0 && !(tried && tried[m->index / 64] >> (m->index % 64) & 1);
}

// The hash of a key, the same on all machines.
uint64_t balance_key_hash(struct slice key);
// The seed of a member.
uint64_t balance_member_seed(struct slice text);
// How far a member is from a key, by its weight: the nearest takes it. Comparable among the members of a pool.
struct distance {
    uint64_t at;     // -ln(u) of the member's draw, in 2^-58
    unsigned weight; // to divide it by
};
struct distance balance_distance(const struct member *m, uint64_t key_hash);
bool is_nearer(struct distance a, struct distance b);
// a/b's load is less than c/d's, compared without dividing.
bool is_less_busy(const struct member *a, const struct member *b);
