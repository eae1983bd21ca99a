// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/text.h"
#include "http/message/parser.h"

// What the parser (and forwarding) makes of bytes, as text: the cases compare it with what they expect, the fuzz targets compare
// the same bytes in different pieces.

struct scenario {
    bool is_request;     // requests, one after the other; else answers up to the final one
    enum method answers; // the method that the answers are for
    bool ends;           // the peer closes after the bytes
    bool has_small_limits;
    bool forwards; // each head is also forwarded; its bytes follow, each line after "> "
    bool is_trusted, adds_forwarded, keeps_upgrade, passes_expect, is_chunked, closes; // forward.h
    bool is_old_client;                                                                // HTTP/1.0
};
extern const struct message_limits SMALL_LIMITS;

// Pieces of the input: [0, cut) and the rest; 0 gives all at once.
#define CUT_EVERYWHERE SIZE_MAX

// Appends; false when the parser broke its contract (said in the text).
bool transcript_write(struct text *out, const struct scenario *s, struct slice in, size_t cut);
// With \r \n \t \0 \\ and \xHH for what cannot be shown.
void transcript_quote(struct text *out, struct slice bytes);
