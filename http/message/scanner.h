// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "http/message/head.h"

// The rules for every byte that is not body (head, chunk lines, trailers), whatever llhttp accepts: LF only after CR, CR only
// before LF, no control byte but tab, no line that begins with space or tab (RFC 9112 sections 2.2 and 5.2).
// Bytes may come in any pieces; the verdicts are the same.
struct scanner {
    size_t line_bytes; // of the line so far, without its end
    bool is_after_cr;
};

enum scan { SCAN_MORE, SCAN_LINE, SCAN_EMPTY_LINE, SCAN_BAD };

// Reads on to the end of the line: *used bytes, the CRLF among them. SCAN_BAD sets *why.
enum scan scanner_next(struct scanner *s, struct slice in, size_t *used, enum refusal *why);

// Lines up to an empty one, collected without a gap in the arena: a head or trailers. Begin with {0}, may_skip_empty and last set.
struct block {
    struct scanner scanner;
    char *at;
    size_t len; // collected, line ends among them
    size_t cap;
    size_t first_line_bytes; // with CRLF; 0 until it has come
    unsigned lines;          // that have ended; the empty one at the end does not count
    bool may_skip_empty;     // one empty line before the first is left out (RFC 9112 section 2.2)
};

struct block_limits {
    size_t first_line_bytes; // without CRLF; beyond it REFUSE_LINE_TOO_LONG
    size_t bytes;            // of the whole; beyond it too_large
    unsigned lines;          // beyond it REFUSE_TOO_MANY_FIELDS
    enum refusal too_large;
};

// SCAN_MORE: all was used. SCAN_EMPTY_LINE: the block is whole. SCAN_BAD: *why. Never SCAN_LINE. Takes less than three times limits->bytes from the arena.
enum scan block_feed(struct block *b, struct slice in, const struct block_limits *limits,
                     struct arena *a, size_t *used, enum refusal *why);
