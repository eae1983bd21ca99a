// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/slice.h"
#include "core/text.h"

// Lines on their way from one process to another, in memory that both share (core/shared) and that began as zeros. One writes and
// never waits: what finds no room is counted. One reads, and says whether it wants any. A writer that dies leaves whole lines only;
// another may go on where it ended.
#define RING_BYTES (64u << 10)

struct ring {
    // the writer's
    _Alignas(64) uint64_t written; // bytes, ever
    uint64_t dropped;              // lines, ever
    // the reader's
    _Alignas(64) uint64_t read;
    uint32_t is_wanted;
    char bytes[RING_BYTES];
};

// The writer's side: one load while nobody reads.
bool ring_is_wanted(const struct ring *r);
// A line with its newline.
void ring_write(struct ring *r, struct slice line);

// The reader's side. Beginning to want passes over what stands there from earlier.
void ring_want(struct ring *r, bool wants);
// Adds the lines that are there; returns how many were dropped since *dropped was last set, and sets it.
uint64_t ring_read(struct ring *r, struct text *out, uint64_t *dropped);
