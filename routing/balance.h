// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "routing/config.h"
#include "routing/decide.h"

// Those that a member is chosen from: all of them take requests. At least one.
struct candidates {
    struct member *const *at;
    size_t count;
};
// The ways of choosing, as balances.def lists them. `key_hash` is that of the answer.
typedef struct member *balance_fn(struct pool *p, struct candidates from, uint64_t key_hash);
#define BALANCE(id, name, choose) balance_fn choose;
#include "routing/balances.def"
#undef BALANCE

#define BALANCE_NAMES "round-robin|least-busy|random-2|hash" // in the order of balances.def

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
// How many requests a member of these may have in flight: bound times the average by weight, the request that asks counted, rounded
// up. The sum of all is more than what is in flight, so somebody always has room.
struct load_bound {
    uint64_t total; // in flight, with this one
    uint64_t weight;
    unsigned bound; // in thousandths
};
struct load_bound load_bound_of(unsigned bound, struct candidates among);
uint64_t load_bound_most(const struct load_bound *b, const struct member *m);
// It has as many requests as it may.
bool member_is_full(const struct member *m);
// a's load is less than b's, by their weights, compared without dividing.
bool is_less_busy(const struct member *a, const struct member *b);
