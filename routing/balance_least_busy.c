// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "routing/balance.h"

// The least in-flight exchanges per weight; those who tie take turns as in round robin.
struct member *balance_least_busy(struct pool *p, struct candidates from, uint64_t key_hash) {
    (void)p, (void)key_hash;
    const struct member *least = from.at[0];
    for (size_t i = 1; i < from.count; i++)
        if (is_less_busy(from.at[i], least)) least = from.at[i];
    struct member *best = NULL;
    int earned = 0;
    for (size_t i = 0; i < from.count; i++) {
        struct member *m = from.at[i];
        if (m != least && is_less_busy(least, m)) continue;
        m->credit += (int)m->weight;
        earned += (int)m->weight;
        if (!best || m->credit > best->credit) best = m;
    }
    best->credit -= earned;
    return best;
}
