// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/arena.h"
#include "core/slice.h"

// Which lines of the access log somebody wants to see. Pure.

enum { TAIL_HOST, TAIL_SITE, TAIL_POOL, TAIL_BACKEND, TAIL_REASON, TAIL_ID, TAIL_VALUES };

struct tail_filter {
    struct slice values[TAIL_VALUES]; // as the line has them; at is NULL: any
    struct slice status;              // "404", "5xx"
    bool has_events;                  // also what happens beside requests
    uint64_t after;                   // number of a line
    bool has_after;
};

// Of a query: "after=12&events&host=www.example.com&status=5xx". What was percent-encoded is put into the arena, the rest stays where it is.
// False: something else is in it.
bool tail_filter_read(struct slice query, struct arena *a, struct tail_filter *out);
// A line as http/access_line.h writes it, without its newline.
bool tail_filter_fits(const struct tail_filter *f, struct slice line);
