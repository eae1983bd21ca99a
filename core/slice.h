// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

// A run of bytes that somebody else owns. Not terminated; at may be NULL when len is 0.
struct slice {
    const char *at;
    size_t len;
};

// The slice of a string literal: SLICE("close").
#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})
// The same as an initialiser of a static struct.
#define SLICE_INIT(literal)                                                                        \
    { (literal), sizeof(literal) - 1 }
// For printf's "%.*s".
#define SLICE_ARGS(s) ((int)(s).len), ((s).at ? (s).at : "")

static inline struct slice slice_of(const char *text) {
    return (struct slice){text, text ? strlen(text) : 0};
}

static inline struct slice slice_from(const char *begin, const char *end) {
    return (struct slice){begin, (size_t)(end - begin)};
}

static inline bool slice_equals(struct slice a, struct slice b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

// Equal when A-Z and a-z count as the same.
static inline bool slice_equals_nocase(struct slice a, struct slice b) {
    return a.len == b.len && (a.len == 0 || strncasecmp(a.at, b.at, a.len) == 0);
}

static inline bool slice_starts_with(struct slice s, struct slice prefix) {
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.at, prefix.at, prefix.len) == 0);
}

// The rest after n bytes; n must not be more than the length.
static inline struct slice slice_skip(struct slice s, size_t n) {
    return (struct slice){s.at + n, s.len - n};
}

// Everything below: core/slice.c.

// Without spaces and tabs at both ends.
struct slice slice_trim(struct slice s);
// Cuts the part before the first `mark` off *rest and returns it; without a mark: all of it, and
// *rest becomes empty with at == NULL. Loop while rest.at != NULL.
struct slice slice_cut(struct slice *rest, char mark);
// A whole non-negative decimal number, digits only, at least one. False on anything else or overflow.
bool slice_to_u64(struct slice s, uint64_t *out);
// The byte that the first two characters spell in hexadecimal, as after a '%'. -1: they do not.
int slice_hex_byte(struct slice s);
// The position of the first c, or -1.
ptrdiff_t slice_find(struct slice s, char c);
