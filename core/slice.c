// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/slice.h"

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

struct slice slice_trim(struct slice s) {
    while (s.len > 0 && is_blank(s.at[0])) s = slice_skip(s, 1);
    while (s.len > 0 && is_blank(s.at[s.len - 1])) s.len--;
    return s;
}

struct slice slice_cut(struct slice *rest, char mark) {
    struct slice whole = *rest;
    ptrdiff_t at = slice_find(whole, mark);
    if (at < 0) {
        *rest = (struct slice){NULL, 0};
        return whole;
    }
    *rest = slice_skip(whole, (size_t)at + 1);
    return (struct slice){whole.at, (size_t)at};
}

bool slice_to_u64(struct slice s, uint64_t *out) {
    uint64_t sum = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned)(unsigned char)s.at[i] - '0';
        if (digit > 9) return false;
        if (__builtin_mul_overflow(sum, 10u, &sum) || __builtin_add_overflow(sum, digit, &sum))
            return false;
    }
    if (s.len == 0) return false;
    *out = sum;
    return true;
}

ptrdiff_t slice_find(struct slice s, char c) {
    if (s.len == 0) return -1;
    const char *found = memchr(s.at, c, s.len);
    return found ? found - s.at : -1;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    int lower = c | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

int slice_hex_byte(struct slice s) {
    if (s.len < 2) return -1;
    int high = hex_digit(s.at[0]), low = hex_digit(s.at[1]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}
