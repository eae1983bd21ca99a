// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <sys/random.h>

#include "core/check.h"
#include "routing/balance.h"

static struct member *draw(struct pool *p, uint64_t total, const uint64_t *tried,
                           const struct member *without);
static uint64_t roll(struct pool *p);

// Two different members drawn at random by weight; the less busy one of them.
struct member *balance_random_2(struct pool *p, uint64_t key_hash, const uint64_t *tried) {
    (void)key_hash;
    uint64_t total = 0;
    for (size_t i = 0; i < p->member_count; i++)
        if (member_may_take(&p->members[i], tried)) total += p->members[i].weight;
    if (total == 0) return NULL;
    struct member *first = draw(p, total, tried, NULL);
    if (total == first->weight) return first;
    struct member *second = draw(p, total - first->weight, tried, first);
    return is_less_busy(second, first) ? second : first;
}

static struct member *draw(struct pool *p, uint64_t total, const uint64_t *tried,
                           const struct member *without) {
    uint64_t point = roll(p) % total;
    for (size_t i = 0; i < p->member_count; i++) {
        struct member *m = &p->members[i];
        if (m == without || !member_may_take(m, tried)) continue;
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
