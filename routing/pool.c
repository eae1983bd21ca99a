// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "routing/balance.h"

static balance_fn *const balances[] = {
#define BALANCE(id, name, choose) [BALANCE_##id] = choose,
#include "routing/balances.def"
#undef BALANCE
};

// A hash pool without a key (a request without Host, a cookie that is missing) takes turns.
struct member *pool_choose(struct pool *p, const struct route_answer *answer,
                           const uint64_t *tried) {
    if (answer->fixed) return member_may_take(answer->fixed, tried) ? answer->fixed : NULL;
    if (p->balance == BALANCE_HASH && !answer->key.at) return balance_round_robin(p, 0, tried);
    return balances[p->balance](p, answer->key_hash, tried);
}

bool is_less_busy(const struct member *a, const struct member *b) {
    return (uint64_t)a->in_flight * b->weight < (uint64_t)b->in_flight * a->weight;
}
