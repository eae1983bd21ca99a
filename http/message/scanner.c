// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "http/message/scanner.h"

#include <endian.h>

static const char *find_control(const char *at, const char *end);
static inline uint64_t control_marks(const char *at);
static enum scan block_scan(struct block *b, struct slice in, const struct block_limits *limits,
                            size_t *skipped, size_t *used, enum refusal *why);
static size_t bytes_allowed(const struct block *b, const struct block_limits *limits);
static void block_collect(struct block *b, struct slice s, size_t max_bytes, struct arena *a);

enum scan scanner_next(struct scanner *s, struct slice in, size_t *used, enum refusal *why) {
    const char *at = in.at, *end = in.at + in.len;
    *used = in.len;
    if (at == end) return SCAN_MORE;
    if (!s->is_after_cr) {
        *why = REFUSE_FOLDING;
        if (s->line_bytes == 0 && (*at == ' ' || *at == '\t')) return SCAN_BAD;
        at = find_control(at, end);
        s->line_bytes += (size_t)(at - in.at);
        if (at == end) return SCAN_MORE;
        *why = *at == '\n' ? REFUSE_BARE_LF : REFUSE_CONTROL_BYTE;
        if (*at != '\r') return SCAN_BAD;
        s->is_after_cr = true;
        if (++at == end) return SCAN_MORE;
    }
    *why = REFUSE_BARE_CR;
    if (*at != '\n') return SCAN_BAD;
    *why = REFUSE_NONE;
    *used = (size_t)(at + 1 - in.at);
    enum scan verdict = s->line_bytes > 0 ? SCAN_LINE : SCAN_EMPTY_LINE;
    *s = (struct scanner){0};
    return verdict;
}

// The first control byte that is not a tab, or end.
static const char *find_control(const char *at, const char *end) {
    for (;; at++) {
        uint64_t marks = 0;
        while (end - at >= 8 && (marks = control_marks(at)) == 0) at += 8;
        if (marks != 0) at += __builtin_ctzll(marks) / 8;
        if (at == end) return at;
        unsigned char c = (unsigned char)*at;
        if ((c < 0x20 && c != '\t') || c == 0x7f) return at;
    }
}

// The high bit of each of eight bytes that is below 0x20 or equal to 0x7f, by the usual bit tricks. The subtraction's borrow
// may mark more bytes, but only behind (in the order of memory) one that is rightly marked.
static inline uint64_t control_marks(const char *at) {
    const uint64_t each = 0x0101010101010101;
    uint64_t word;
    memcpy(&word, at, 8);
    word = le64toh(word);
    uint64_t is_del = (word & each * 0x7f) + each;
    return ((word - each * 0x20) | is_del) & ~word & each * 0x80;
}

enum scan block_feed(struct block *b, struct slice in, const struct block_limits *limits,
                     struct arena *a, size_t *used, enum refusal *why) {
    size_t skipped = 0;
    *used = 0;
    if (in.len == 0) return SCAN_MORE;
    enum scan verdict = block_scan(b, in, limits, &skipped, used, why);
    block_collect(b, (struct slice){in.at + skipped, *used - skipped}, limits->bytes, a);
    return verdict;
}

static enum scan block_scan(struct block *b, struct slice in, const struct block_limits *limits,
                            size_t *skipped, size_t *used, enum refusal *why) {
    struct block now = *b; // its len runs ahead of what is collected
    enum scan verdict = SCAN_MORE;
    *used = 0;
    while (*used < in.len && verdict == SCAN_MORE) {
        size_t allowed = bytes_allowed(&now, limits), n;
        struct slice rest = slice_skip(in, *used);
        if (rest.len > allowed) rest.len = allowed;
        verdict = scanner_next(&now.scanner, rest, &n, why);
        *used += n;
        now.len += n;
        if (verdict == SCAN_MORE && n == allowed) {
            *why = now.lines == 0 ? REFUSE_LINE_TOO_LONG : limits->too_large;
            if (now.len >= limits->bytes) *why = limits->too_large;
            verdict = SCAN_BAD;
        } else if (verdict == SCAN_EMPTY_LINE && now.lines == 0 && now.may_skip_empty) {
            now.may_skip_empty = false;
            *skipped = *used;
            now.len = 0;
            verdict = SCAN_MORE;
        } else if (verdict == SCAN_LINE) {
            if (now.lines++ == 0) now.first_line_bytes = now.len;
            *why = REFUSE_TOO_MANY_FIELDS;
            verdict = now.lines > limits->lines ? SCAN_BAD : SCAN_MORE;
        }
    }
    now.at = b->at;
    now.len = *skipped > 0 ? 0 : b->len;
    *b = now;
    return verdict;
}

// How many more bytes the limits leave before the next line end.
static size_t bytes_allowed(const struct block *b, const struct block_limits *limits) {
    size_t whole = limits->bytes - b->len;
    if (b->lines > 0) return whole;
    size_t line = limits->first_line_bytes + 2 - b->scanner.line_bytes;
    return line < whole ? line : whole;
}

static void block_collect(struct block *b, struct slice s, size_t max_bytes, struct arena *a) {
    if (b->len + s.len > b->cap) {
        size_t cap = b->len == 0 ? s.len : 2 * (b->len + s.len);
        b->cap = cap < max_bytes ? cap : max_bytes;
        char *at = arena_alloc(a, b->cap);
        if (b->len > 0) memcpy(at, b->at, b->len);
        b->at = at;
    }
    if (s.len > 0) memcpy(b->at + b->len, s.at, s.len);
    b->len += s.len;
}
