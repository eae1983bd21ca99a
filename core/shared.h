// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stddef.h>
#include <stdint.h>

// One segment of memory that all processes of an rsp see at the same address. It is made before the first fork and
// its layout never changes. All of it begins as zeros, and it belongs to no process: what one that died wrote stays.
// Rows: every process that counts has one (each worker, control, the supervisor); who has which is the caller's to say.
struct shared;

struct shared_area {
    const char *name; // a literal
    size_t bytes;     // of the area, or of one row's slot
    size_t slots;     // 1: one area for all; the number of rows: one slot for each
};
struct shared_plan {
    unsigned rows;
    unsigned counters; // per row; their numbers are the caller's enum
    const struct shared_area *areas;
    size_t area_count;
};
#define SHARED_AREAS_MAX 16
#define SHARED_BYTES_MAX (512u << 20) // a page that nobody touches costs nothing

// NULL and errno when the memory cannot be had. The areas are copied.
struct shared *shared_new(const struct shared_plan *plan);
// Unmaps it in this process only.
void shared_free(struct shared *s);

// Found by name once, at the start; kept as pointers. A name or slot that is not in the plan is our own mistake (CHECK).
// Every slot begins on a cache line of its own.
void *shared_area(struct shared *s, const char *name);
void *shared_slot(struct shared *s, const char *name, unsigned slot);

// The counters of one row, plan->counters of them, on cache lines of their own. One writer: the row's process, which
// adds by a relaxed load and store; everybody may read, relaxed.
uint64_t *shared_counters(struct shared *s, unsigned row);
// Over all rows. A gauge that goes up in one row and down in another sums up right (modulo 2^64).
uint64_t shared_sum(const struct shared *s, unsigned counter);
// For the gauges of a process that died: its connections are gone, its totals stay. Called when nobody writes the row.
void shared_clear_counter(struct shared *s, unsigned row, unsigned counter);
