// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <xxhash.h>

#include "routing/balance.h"

// Weighted rendezvous: each member draws a number u from (key, member), the least -ln(u)/weight takes the key. Who takes a key
// depends on the members' texts and weights only: not on their order, the machine or the process. When a member comes or goes, only
// its own keys move. All of it is in integers, so that every machine computes the same.
enum { KEY_SEED = 0x5eed, MEMBER_SEED = 0x3e3b };

static struct member *nearest(struct candidates from, uint64_t key_hash,
                              const struct load_bound *bound);
static bool has_room(const struct load_bound *b, const struct member *m);
static uint64_t draw(const struct member *m, uint64_t key_hash);
static uint64_t minus_ln(uint64_t d);
static double least_ln(uint64_t d);
static double most_ln(uint64_t d);
static double part_of(uint64_t d);

// With a bound, a key whose member is too busy goes to its own next choice that is not. Who has nothing in flight is not too busy
// whatever the others have, so the sum over all members is asked for only when the first choice is at work.
struct member *balance_hash(struct pool *p, struct candidates from, uint64_t key_hash) {
    struct member *first = nearest(from, key_hash, NULL);
    if (p->bound == 0 || member_in_flight(first) == 0) return first;
    struct load_bound bound = load_bound_of(p->bound, from);
    if (has_room(&bound, first)) return first;
    struct member *next = nearest(from, key_hash, &bound);
    return next ? next : first; // the counts have changed since they were summed
}

// Of those that have room below the bound, if there is one. NULL: nobody has. Where weights differ, limits of the distances decide
// nearly always, and only those that lie too close together are computed.
static struct member *nearest(struct candidates from, uint64_t key_hash,
                              const struct load_bound *bound) {
    struct member *best = NULL;
    uint64_t best_draw = 0;
    double low = 0, high = 0; // the best's distance lies between
    for (size_t i = 0; i < from.count; i++) {
        struct member *m = from.at[i];
        uint64_t d = draw(m, key_hash);
        bool differs = best && m->weight != best->weight;
        if (best && !differs && d >= best_draw) continue;
        if (differs && least_ln(d) > high * m->weight) continue;
        if (bound && !has_room(bound, m)) continue;
        if (differs && most_ln(d) >= low * m->weight) {
            struct distance theirs = {minus_ln(d), m->weight};
            if (!is_nearer(theirs, (struct distance){minus_ln(best_draw), best->weight})) continue;
        }
        best = m;
        best_draw = d;
        low = least_ln(d) / m->weight;
        high = most_ln(d) / m->weight;
    }
    return best;
}

struct load_bound load_bound_of(unsigned bound, struct candidates among) {
    struct load_bound b = {.total = 1, .bound = bound};
    for (size_t i = 0; i < among.count; i++) {
        b.total += member_in_flight(among.at[i]);
        b.weight += among.at[i]->weight;
    }
    return b;
}

// In flight < load_bound_most(), without dividing.
static bool has_room(const struct load_bound *b, const struct member *m) {
    unsigned __int128 load = (unsigned __int128)(b->weight * 1000) * member_in_flight(m);
    return load < (unsigned __int128)(b->total * b->bound) * m->weight;
}

uint64_t load_bound_most(const struct load_bound *b, const struct member *m) {
    unsigned __int128 share = (unsigned __int128)b->total * b->bound * m->weight;
    uint64_t parts = b->weight * 1000;
    return (uint64_t)((share + parts - 1) / parts);
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

// x + x^2/2 <= -ln(1 - x) <= x + x^2/2 + x^3 / 3(1 - x), with room for rounding, that of minus_ln() too.
static double least_ln(uint64_t d) {
    double x = part_of(d);
    return (x + x * x / 2) * (1 - 1e-12) - 1e-15;
}

static double most_ln(uint64_t d) {
    double x = part_of(d);
    return (x + x * x / 2 + x * x * x / (3 * (1 - x) + 1e-300)) * (1 + 1e-12) + 1e-15;
}

static double part_of(uint64_t d) {
    return (double)(int64_t)(d >> 1) * 0x1p-63;
}

// -ln(u), u = 1 - d/2^64, in 2^-58. u is doubled until it is at least a half; then with z = (1 - u) / (1 + u), which is at most a
// third, the series is 2 (z + z^3/3 + z^5/5 + ...).
static uint64_t minus_ln(uint64_t d) {
    const uint64_t ln2 = 199786072581291494; // in 2^-58
    uint64_t u = ~d, sum = 0, series = 0;
    if (u == 0) u = 1;
    for (; !(u >> 63); u <<= 1) sum += ln2;
    uint64_t x = ~u;
    uint64_t z =
        (uint64_t)(((unsigned __int128)x << 63) / (((unsigned __int128)1 << 64) - (x >> 1)));
    uint64_t square = (uint64_t)((unsigned __int128)z * z >> 64);
    uint64_t power = z;
    // what is left after 20 terms is below 2^-63; written out, the divisions by n are multiplications
#pragma GCC unroll 20
    for (unsigned n = 1; n < 40; n += 2) {
        if (power >> 5 == 0) break;
        series += power / n;
        power = (uint64_t)((unsigned __int128)power * square >> 64);
    }
    return sum + (series >> 5);
}
