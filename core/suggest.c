// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/suggest.h"

#include <ctype.h>
#include <stdio.h>

enum { NAME_MAX_BYTES = 40 };

static unsigned edit_distance(const char *a, const char *b);
static unsigned least_of(unsigned a, unsigned b, unsigned c);

// A third of the letters may be wrong, but no more than three of them.
void suggest_try(struct suggestion *s, const char *name) {
    size_t len = strlen(s->wrong);
    if (len > NAME_MAX_BYTES || strlen(name) > NAME_MAX_BYTES) return;
    unsigned most = len < 3 ? 1 : len < 9 ? 2 : 3;
    unsigned distance = edit_distance(s->wrong, name);
    if (distance > most || distance >= len) return;
    if (s->best && s->distance <= distance) return;
    s->best = name;
    s->distance = distance;
}

const char *suggest_text(const struct suggestion *s, char buf[SUGGEST_MAX]) {
    buf[0] = '\0';
    if (s->best) snprintf(buf, SUGGEST_MAX, " (did you mean '%s'?)", s->best);
    return buf;
}

// Changes, insertions, deletions and swaps of neighbours (optimal string alignment), ignoring case; three rows of the table at a time.
static unsigned edit_distance(const char *a, const char *b) {
    unsigned rows[3][NAME_MAX_BYTES + 2];
    size_t a_len = strlen(a), b_len = strlen(b);
    for (size_t j = 0; j <= b_len; j++) rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a_len; i++) {
        unsigned *now = rows[i % 3], *last = rows[(i - 1) % 3], *older = rows[(i + 1) % 3];
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
            now[j] = least_of(last[j] + 1, now[j - 1] + 1, last[j - 1] + (x != y));
            bool is_swap = i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
                           y == tolower((unsigned char)a[i - 2]);
            if (is_swap && older[j - 2] + 1 < now[j]) now[j] = older[j - 2] + 1;
        }
    }
    return rows[a_len % 3][b_len];
}

static unsigned least_of(unsigned a, unsigned b, unsigned c) {
    unsigned least = a < b ? a : b;
    return least < c ? least : c;
}
