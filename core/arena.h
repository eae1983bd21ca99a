// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stddef.h>

#include "core/slice.h"

// Memory of one lifetime: allocated piece by piece, freed in one call. All of it is aligned for any
// type. An arena never returns NULL: what is put into one is bounded by a limit that was checked
// before; going over `max_bytes` is our own mistake (CHECK), as is running out of memory.
struct arena;

// first_bytes is kept over arena_reset(), so a reused arena does not touch malloc in the usual case.
struct arena *arena_new(size_t first_bytes, size_t max_bytes);
void arena_free(struct arena *a);
// Runs the cleanups (last added first), frees all but the first block.
void arena_reset(struct arena *a);

void *arena_alloc(struct arena *a, size_t bytes);  // not zeroed
void *arena_zalloc(struct arena *a, size_t bytes); // zeroed
struct slice arena_copy(struct arena *a, struct slice s);
char *arena_string(struct arena *a, struct slice s);                // a copy with a final NUL
struct slice arena_printf(struct arena *a, const char *format, ...) // also NUL-terminated
    __attribute__((format(printf, 2, 3)));
size_t arena_used(const struct arena *a);

// Ties what is not memory to the arena: run on reset and free.
void arena_on_free(struct arena *a, void (*cleanup)(void *arg), void *arg);
