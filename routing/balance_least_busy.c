// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "routing/balance.h"

// The least in-flight exchanges per weight; those who tie take turns as in round robin.
struct member *balance_least_busy(struct pool *p, uint64_t key_hash, const uint64_t *tried) {
    (void)key_hash;
    const struct member *least = NULL;
    for (size_t i = 0; i < p->member_count; i++) {
        struct member *m = &p->members[i];
        if (member_may_take(m, tried) && (!least || is_less_busy(m, least))) least = m;
    }
    struct member *best = NULL;
    int earned = 0;
    for (size_t i = 0; least && i < p->member_count; i++) {
        struct member *m = &p->members[i];
        if (!member_may_take(m, tried) || is_less_busy(least, m)) continue;
        m->credit += (int)m->weight;
        earned += (int)m->weight;
        if (!best || m->credit > best->credit) best = m;
    }
    if (best) best->credit -= earned;
    return best;
}
