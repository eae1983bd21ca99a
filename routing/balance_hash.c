// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <xxhash.h>

#include "routing/balance.h"

// Weighted rendezvous: each member draws a number u from (key, member), the least -ln(u)/weight takes the key. Who takes a key
// depends on the members' texts and weights only: not on their order, the machine or the process. When a member comes or goes, only
// its own keys move. All of it is in integers, so that every machine computes the same.
enum { KEY_SEED = 0x5eed, MEMBER_SEED = 0x3e3b };

static uint64_t draw(const struct member *m, uint64_t key_hash);
static uint64_t minus_ln(uint64_t d);

struct member *balance_hash(struct pool *p, uint64_t key_hash, const uint64_t *tried) {
    struct member *best = NULL;
    uint64_t best_draw = 0, best_ln = 0;
    for (size_t i = 0; i < p->member_count; i++) {
        struct member *m = &p->members[i];
        if (!member_may_take(m, tried)) continue;
        uint64_t d = draw(m, key_hash);
        if (best && m->weight == best->weight && d >= best_draw) continue;
        if (best && m->weight != best->weight) {
            // d alone, without the logarithm, is a lower bound: most end here.
            if ((unsigned __int128)(d >> 6) * best->weight > (unsigned __int128)best_ln * m->weight)
                continue;
            struct distance theirs = {minus_ln(d), m->weight}, ours = {best_ln, best->weight};
            if (!is_nearer(theirs, ours)) continue;
        }
        best = m;
        best_draw = d;
        best_ln = minus_ln(d);
    }
    return best;
}

struct distance balance_distance(const struct member *m, uint64_t key_hash) {
    return (struct distance){minus_ln(draw(m, key_hash)), m->weight};
}

bool is_nearer(struct distance a, struct distance b) {
    return (unsigned __int128)a.at * b.weight < (unsigned __int128)b.at * a.weight;
}

uint64_t balance_key_hash(struct slice key) {
    return XXH3_64bits_withSeed(key.at ? key.at : "", key.len, KEY_SEED);
}

uint64_t balance_member_seed(struct slice text) {
    return XXH3_64bits_withSeed(text.at, text.len, MEMBER_SEED);
}

// 1 - u, in 2^-64: the less, the nearer.
static uint64_t draw(const struct member *m, uint64_t key_hash) {
    uint64_t x = key_hash ^ m->seed;
    x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93;
    x = (x ^ (x >> 29)) * 0x9fb21c651e98df25;
    return x ^ (x >> 32);
}

// -ln(1 - d/2^64) in 2^-58: the series x + x^2/2 + x^3/3 + ... after u was doubled until it is at least a half.
static uint64_t minus_ln(uint64_t d) {
    const uint64_t ln2 = 199786072581291494; // in 2^-58
    uint64_t u = ~d, sum = 0;
    if (u == 0) u = 1;
    for (; !(u >> 63); u <<= 1) sum += ln2;
    uint64_t x = ~u, power = x;
    for (unsigned n = 1; power >> 6; n++) {
        sum += (power >> 6) / n;
        power = (uint64_t)((unsigned __int128)power * x >> 64);
    }
    return sum;
}
