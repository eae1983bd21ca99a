// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/chain/print_map.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"

enum { ROOM_FIRST = 64 };

struct known {
    unsigned char prints[2 * PRINT_BYTES];
    void *value; // NULL: the place is free
};
// Open addressing; never more than half full.
struct print_map {
    struct known *places;
    size_t room, count; // room: a power of two
};

static void join(const unsigned char *a, const unsigned char *b, unsigned char *prints);
static struct known *find(const struct print_map *m, const unsigned char *prints);
static void grow(struct print_map *m);

struct print_map *print_map_new(void) {
    struct print_map *m = calloc(1, sizeof *m);
    CHECK(m);
    grow(m);
    return m;
}

void print_map_free(struct print_map *m, void (*drop)(void *value)) {
    if (!m) return;
    for (size_t i = 0; drop && i < m->room; i++)
        if (m->places[i].value) drop(m->places[i].value);
    free(m->places);
    free(m);
}

void *print_map_find(const struct print_map *m, const unsigned char *a, const unsigned char *b) {
    unsigned char prints[2 * PRINT_BYTES];
    join(a, b, prints);
    return find(m, prints)->value;
}

bool print_map_add(struct print_map *m, const unsigned char *a, const unsigned char *b,
                   void *value) {
    unsigned char prints[2 * PRINT_BYTES];
    if (m->count == PRINT_MAP_MAX) return false;
    join(a, b, prints);
    struct known *one = find(m, prints);
    CHECK(value && !one->value);
    memcpy(one->prints, prints, sizeof prints);
    one->value = value;
    if (++m->count * 2 > m->room) grow(m);
    return true;
}

static void join(const unsigned char *a, const unsigned char *b, unsigned char *prints) {
    memcpy(prints, a, PRINT_BYTES);
    if (b)
        memcpy(prints + PRINT_BYTES, b, PRINT_BYTES);
    else
        memset(prints + PRINT_BYTES, 0, PRINT_BYTES);
}

// Its place, or the one where it belongs.
static struct known *find(const struct print_map *m, const unsigned char *prints) {
    uint32_t a, b;
    memcpy(&a, prints, sizeof a);
    memcpy(&b, prints + PRINT_BYTES, sizeof b);
    size_t i = (a ^ b) & (m->room - 1);
    while (m->places[i].value && memcmp(m->places[i].prints, prints, 2 * PRINT_BYTES) != 0)
        i = (i + 1) & (m->room - 1);
    return &m->places[i];
}

static void grow(struct print_map *m) {
    struct print_map more = {.room = m->room ? m->room * 2 : ROOM_FIRST, .count = m->count};
    more.places = calloc(more.room, sizeof *more.places);
    CHECK(more.places);
    for (size_t i = 0; i < m->room; i++)
        if (m->places[i].value) *find(&more, m->places[i].prints) = m->places[i];
    free(m->places);
    *m = more;
}
