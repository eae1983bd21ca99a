// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/siphash.h"

#include <endian.h>
#include <string.h>

struct state {
    uint64_t v0, v1, v2, v3;
};

static void mix(struct state *s, uint64_t word);
static void turn(struct state *s);
static uint64_t left(uint64_t x, unsigned by);
static uint64_t word_at(const char *at, size_t len);

uint64_t siphash(struct siphash_key key, struct slice text) {
    struct state s = {key.k0 ^ 0x736f6d6570736575, key.k1 ^ 0x646f72616e646f6d,
                      key.k0 ^ 0x6c7967656e657261, key.k1 ^ 0x7465646279746573};
    size_t whole = text.len / 8 * 8;
    for (size_t i = 0; i < whole; i += 8) mix(&s, word_at(text.at + i, 8));
    mix(&s, word_at(text.at + whole, text.len - whole) | (uint64_t)text.len << 56);
    s.v2 ^= 0xff;
    for (int i = 0; i < 4; i++) turn(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

static void mix(struct state *s, uint64_t word) {
    s->v3 ^= word;
    turn(s);
    turn(s);
    s->v0 ^= word;
}

static void turn(struct state *s) {
    s->v0 += s->v1;
    s->v1 = left(s->v1, 13) ^ s->v0;
    s->v0 = left(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = left(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = left(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = left(s->v1, 17) ^ s->v2;
    s->v2 = left(s->v2, 32);
}

static uint64_t left(uint64_t x, unsigned by) {
    return x << by | x >> (64 - by);
}

// Little-endian, as everywhere in SipHash.
static uint64_t word_at(const char *at, size_t len) {
    uint64_t word = 0;
    if (len > 0) memcpy(&word, at, len);
    return le64toh(word);
}
