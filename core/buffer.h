// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stddef.h>

#include "core/slice.h"

// A queue of bytes in blocks. Outside core/ only the TLS layer and the stream's tests see one. A NULL buffer is an empty
// one to those who only look.
struct buffer;

// The blocks of one loop: those that wait to be used again, so that a small exchange asks for no memory, and how much all buffers hold.
struct blocks;
struct blocks *blocks_new(void);
void blocks_free(struct blocks *set); // after all buffers that were made with it
void blocks_set_budget(struct blocks *set, size_t bytes); // for all buffers together; none at first
// What one queue should hold at most: a 64th of what all others leave of the budget. So a few may hold much, and of many each holds
// little ("dynamic thresholds", as switches share their memory among queues). Nothing is refused who holds more.
size_t blocks_share(const struct blocks *set);

struct buffer *buffer_new(struct blocks *blocks); // NULL: none are kept
void buffer_free(struct buffer *b);
size_t buffer_len(const struct buffer *b);
struct slice buffer_peek(const struct buffer *b); // the first contiguous run
// The first `max` bytes, or all if there are fewer, whatever runs they lie in; they stay. Returns how many.
size_t buffer_copy(const struct buffer *b, char *to, size_t max);
void buffer_consume(struct buffer *b, size_t bytes); // at most its length
void buffer_add(struct buffer *b, struct slice s);   // copies
// Moves the first `bytes` of src to the end of dst; whole blocks with 1 KiB and more in them change hands without a copy.
void buffer_move(struct buffer *dst, struct buffer *src, size_t bytes);
// Contiguous space at the end: what is left of the last block if that is `least` at least, else a new block for `wanted`.
// buffer_commit() makes the first n of it content. Nothing else happens to the buffer in between. got (how much it really is) may be NULL.
char *buffer_reserve(struct buffer *b, size_t least, size_t wanted, size_t *got);
void buffer_commit(struct buffer *b, size_t n);
// Fills up to `max` slices with the first runs; returns how many. For writev and for records.
size_t buffer_runs(const struct buffer *b, struct slice *runs, size_t max);
