// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <sys/random.h>

#include "core/check.h"
#include "routing/balance.h"

static struct member *draw(struct pool *p, struct candidates from, uint64_t total,
                           const struct member *without);
static uint64_t roll(struct pool *p);

// Two different members drawn at random by weight; the less busy one of them.
struct member *balance_random_2(struct pool *p, struct candidates from, uint64_t key_hash) {
    (void)key_hash;
    uint64_t total = 0;
    for (size_t i = 0; i < from.count; i++) total += from.at[i]->weight;
    struct member *first = draw(p, from, total, NULL);
    if (total == first->weight) return first;
    struct member *second = draw(p, from, total - first->weight, first);
    return is_less_busy(second, first) ? second : first;
}

static struct member *draw(struct pool *p, struct candidates from, uint64_t total,
                           const struct member *without) {
    uint64_t point = roll(p) % total;
    for (size_t i = 0; i < from.count; i++) {
        struct member *m = from.at[i];
        if (m == without) continue;
        if (point < m->weight) return m;
        point -= m->weight;
    }
    check_failed("the weights add up", __FILE__, __LINE__, __func__);
}

// splitmix64; each process has its own dice.
static uint64_t roll(struct pool *p) {
    if (p->dice == 0 && getrandom(&p->dice, sizeof p->dice, 0) != sizeof p->dice) p->dice = 1;
    uint64_t x = p->dice += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}
