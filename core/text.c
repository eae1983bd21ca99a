// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/check.h"

// Invariant: cap is 0 or more than len, so that a final NUL always fits.
static size_t make_room(struct text *t, size_t bytes);

void text_init(struct text *t, size_t max_bytes) {
    *t = (struct text){.max_bytes = max_bytes};
}

void text_fini(struct text *t) {
    free(t->at);
    *t = (struct text){.max_bytes = t->max_bytes};
}

void text_clear(struct text *t) {
    t->len = 0;
    t->is_cut = false;
}

void text_add(struct text *t, struct slice s) {
    if (s.len < t->cap - t->len) { // with room for the NUL: the usual case
        if (s.len > 0) memcpy(t->at + t->len, s.at, s.len);
        t->len += s.len;
        return;
    }
    size_t n = make_room(t, s.len);
    if (n < s.len) t->is_cut = true;
    if (n > 0) memcpy(t->at + t->len, s.at, n);
    t->len += n;
}

void text_add_char(struct text *t, char c) {
    if (1 < t->cap - t->len) {
        t->at[t->len++] = c;
        return;
    }
    text_add(t, (struct slice){&c, 1});
}

void text_add_u64(struct text *t, uint64_t n) {
    char digits[24];
    char *first = digits + sizeof digits;
    do {
        *--first = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    text_add(t, slice_from(first, digits + sizeof digits));
}

char *text_reserve(struct text *t, size_t bytes) {
    CHECK(bytes >= t->cap - t->len ? make_room(t, bytes) == bytes : true);
    return t->at + t->len;
}

void text_commit(struct text *t, size_t n) {
    CHECK(n < t->cap - t->len);
    t->len += n;
}

void text_add_json(struct text *t, struct slice s) {
    text_add_char(t, '"');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
            text_printf(t, "\\u%04x", c);
        else
            text_add_char(t, (char)c);
    }
    text_add_char(t, '"');
}

void text_add_lines(struct text *t, const char *before, struct slice lines) {
    while (lines.len > 0) {
        text_add(t, slice_of(before));
        text_add(t, slice_cut(&lines, '\n'));
        text_add_char(t, '\n');
    }
}

void text_printf(struct text *t, const char *format, ...) {
    char first_try[256];
    va_list args;
    va_start(args, format);
    int wanted = vsnprintf(first_try, sizeof first_try, format, args);
    va_end(args);
    CHECK(wanted >= 0);
    if ((size_t)wanted < sizeof first_try) {
        text_add(t, (struct slice){first_try, (size_t)wanted});
        return;
    }
    size_t n = make_room(t, (size_t)wanted);
    if (n < (size_t)wanted) t->is_cut = true;
    if (n == 0) return;
    va_start(args, format);
    vsnprintf(t->at + t->len, n + 1, format, args);
    va_end(args);
    t->len += n;
}

struct slice text_slice(const struct text *t) {
    return (struct slice){t->at, t->len};
}

const char *text_string(struct text *t) {
    if (t->cap == 0) return "";
    t->at[t->len] = '\0';
    return t->at;
}

// Returns how many of the bytes fit under the maximum; there is memory for them and a NUL then.
static size_t make_room(struct text *t, size_t bytes) {
    size_t left = t->max_bytes - t->len;
    if (bytes > left) bytes = left;
    size_t needed = t->len + bytes + 1;
    if (bytes == 0 || needed <= t->cap) return bytes;
    size_t cap = t->cap > 0 ? t->cap : 128;
    while (cap < needed) cap *= 2;
    if (cap > t->max_bytes + 1) cap = t->max_bytes + 1;
    t->at = realloc(t->at, cap);
    CHECK(t->at);
    t->cap = cap;
    return bytes;
}
