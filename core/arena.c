// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/arena.h"

#include <sanitizer/asan_interface.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"

// Blocks after the first double in size up to BLOCK_MAX; a piece that is larger gets a block of its own.
// Under ASan everything that was not given out is poisoned, so a use after arena_reset() is found.
enum { ALIGN = alignof(max_align_t), BLOCK_MIN = 4096, BLOCK_MAX = 65536 };

struct block {
    struct block *next;
    size_t size;
    alignas(max_align_t) char bytes[];
};

struct cleanup {
    struct cleanup *next;
    void (*run)(void *arg);
    void *arg;
};

struct arena {
    char *at;  // the free space of the newest block
    char *end; // of that block
    struct block *first;
    struct block *others; // newest first
    struct cleanup *cleanups;
    size_t used;
    size_t max_bytes;
    size_t next_size;
};

static struct block *block_new(size_t size);
static void block_free(struct block *b);
static void *alloc_in_new_block(struct arena *a, size_t bytes);
static void run_cleanups(struct arena *a);
static void open_first_block(struct arena *a);

static size_t round_up(size_t bytes) {
    return (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

struct arena *arena_new(size_t first_bytes, size_t max_bytes) {
    struct arena *a = malloc(sizeof *a);
    CHECK(a);
    *a = (struct arena){.first = block_new(round_up(first_bytes)), .max_bytes = max_bytes};
    open_first_block(a);
    return a;
}

void arena_free(struct arena *a) {
    if (!a) return;
    arena_reset(a);
    block_free(a->first);
    free(a);
}

void arena_reset(struct arena *a) {
    run_cleanups(a);
    while (a->others) {
        struct block *b = a->others;
        a->others = b->next;
        block_free(b);
    }
    open_first_block(a);
}

void *arena_alloc(struct arena *a, size_t bytes) {
    CHECK(bytes <= a->max_bytes);
    size_t taken = round_up(bytes);
    a->used += taken;
    CHECK(a->used <= a->max_bytes);
    if (taken > (size_t)(a->end - a->at)) return alloc_in_new_block(a, bytes);
    void *piece = a->at;
    a->at += taken;
    ASAN_UNPOISON_MEMORY_REGION(piece, bytes);
    return piece;
}

void *arena_zalloc(struct arena *a, size_t bytes) {
    void *piece = arena_alloc(a, bytes);
    memset(piece, 0, bytes);
    return piece;
}

struct slice arena_copy(struct arena *a, struct slice s) {
    char *copy = arena_alloc(a, s.len);
    if (s.len > 0) memcpy(copy, s.at, s.len);
    return (struct slice){copy, s.len};
}

char *arena_string(struct arena *a, struct slice s) {
    char *copy = arena_alloc(a, s.len + 1);
    if (s.len > 0) memcpy(copy, s.at, s.len);
    copy[s.len] = '\0';
    return copy;
}

struct slice arena_printf(struct arena *a, const char *format, ...) {
    char first_try[256];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(first_try, sizeof first_try, format, args);
    va_end(args);
    CHECK(len >= 0);
    char *out = arena_alloc(a, (size_t)len + 1);
    if ((size_t)len < sizeof first_try) {
        memcpy(out, first_try, (size_t)len + 1);
    } else {
        va_start(args, format);
        vsnprintf(out, (size_t)len + 1, format, args);
        va_end(args);
    }
    return (struct slice){out, (size_t)len};
}

size_t arena_used(const struct arena *a) {
    return a->used;
}

void arena_on_free(struct arena *a, void (*cleanup)(void *arg), void *arg) {
    struct cleanup *c = arena_alloc(a, sizeof *c);
    *c = (struct cleanup){a->cleanups, cleanup, arg};
    a->cleanups = c;
}

static struct block *block_new(size_t size) {
    struct block *b = malloc(sizeof *b + size);
    CHECK(b);
    *b = (struct block){.size = size};
    ASAN_POISON_MEMORY_REGION(b->bytes, size);
    return b;
}

static void block_free(struct block *b) {
    ASAN_UNPOISON_MEMORY_REGION(b->bytes, b->size);
    free(b);
}

// What is left of the block in use is given up, unless the piece is a large one.
static void *alloc_in_new_block(struct arena *a, size_t bytes) {
    size_t taken = round_up(bytes);
    bool is_large = taken > a->next_size / 2;
    struct block *b = block_new(is_large ? taken : a->next_size);
    b->next = a->others;
    a->others = b;
    ASAN_UNPOISON_MEMORY_REGION(b->bytes, bytes);
    if (is_large) return b->bytes;
    a->at = b->bytes + taken;
    a->end = b->bytes + b->size;
    if (a->next_size < BLOCK_MAX) a->next_size *= 2;
    return b->bytes;
}

// A cleanup may still allocate, or add another one.
static void run_cleanups(struct arena *a) {
    while (a->cleanups) {
        struct cleanup *c = a->cleanups;
        a->cleanups = c->next;
        c->run(c->arg);
    }
}

static void open_first_block(struct arena *a) {
    ASAN_POISON_MEMORY_REGION(a->first->bytes, a->first->size);
    a->at = a->first->bytes;
    a->end = a->at + a->first->size;
    a->used = 0;
    a->next_size = BLOCK_MIN;
}
