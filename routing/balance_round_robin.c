// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "routing/balance.h"

// Smooth weighted round robin: at each turn every member earns its weight, and the richest takes the request and pays what all
// earned. With weights 5, 1, 1 that gives a a b a c a a. Members that were left out of a turn earn nothing in it.
struct member *balance_round_robin(struct pool *p, struct candidates from, uint64_t key_hash) {
    (void)p, (void)key_hash;
    struct member *best = NULL;
    int earned = 0;
    for (size_t i = 0; i < from.count; i++) {
        struct member *m = from.at[i];
        m->credit += (int)m->weight;
        earned += (int)m->weight;
        if (!best || m->credit > best->credit) best = m;
    }
    best->credit -= earned;
    return best;
}
