// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// Not libevent's evbuffer: of the 3,400 instructions that libevent took for a small exchange more than half were those of its general case
// (references, pinning, callbacks, locks), and each recv and each head cost a malloc (tests/guard/guard, before and after).
#include "core/buffer.h"

#include <sanitizer/asan_interface.h> // nothing without the sanitizer
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"

// With its header and malloc's it fills a page.
#define BLOCK_BYTES ((size_t)4096 - 64)
// So many blocks of that size wait to be used again: a turn of the loop has about as many under way.
#define SPARES_MAX 64
#define SHARES     64
// Pieces shorter than this are copied by buffer_move(): a piece has a page of memory behind it, and a source
// that trickles must not make a queue whose memory is a thousand times its length.
#define PIECE_WORTH_MOVING 1024

struct block {
    struct block *next;
    char *at; // content
    size_t len;
    char *end; // of the space
    char bytes[];
};

struct blocks {
    struct block *spares;
    unsigned count;
    size_t held_bytes; // in all buffers, with the room in their blocks
    size_t budget_bytes;
};

// No block in the queue is empty.
struct buffer {
    struct block *first, *last;
    size_t len;
    struct block
        *reserved; // since buffer_reserve(): the last one, or one that is not in the queue yet
    struct blocks *blocks;
};

static struct block *block_new(struct blocks *set, size_t bytes);
static void block_free(struct blocks *set, struct block *k);
static size_t room(const struct block *k);
static void append(struct buffer *b, struct block *k);
static void drop_first(struct buffer *b);
static struct block *take_first(struct buffer *b);
static void copy_first(struct buffer *dst, struct buffer *src, size_t bytes);

struct blocks *blocks_new(void) {
    struct blocks *set = calloc(1, sizeof(*set));
    CHECK(set != NULL);
    set->budget_bytes = SIZE_MAX;
    return set;
}

void blocks_set_budget(struct blocks *set, size_t bytes) {
    set->budget_bytes = bytes;
}

size_t blocks_share(const struct blocks *set) {
    if (set->held_bytes >= set->budget_bytes) return 0;
    return (set->budget_bytes - set->held_bytes) / SHARES;
}

void blocks_free(struct blocks *set) {
    if (!set) return;
    while (set->spares) {
        struct block *k = set->spares;
        set->spares = k->next;
        free(k);
    }
    free(set);
}

struct buffer *buffer_new(struct blocks *blocks) {
    struct buffer *b = calloc(1, sizeof(*b));
    CHECK(b != NULL);
    b->blocks = blocks;
    return b;
}

void buffer_free(struct buffer *b) {
    if (!b) return;
    if (b->reserved && b->reserved != b->last) block_free(b->blocks, b->reserved);
    while (b->first) drop_first(b);
    free(b);
}

size_t buffer_len(const struct buffer *b) {
    return b ? b->len : 0;
}

struct slice buffer_peek(const struct buffer *b) {
    if (!b || !b->first) return (struct slice){NULL, 0};
    return (struct slice){b->first->at, b->first->len};
}

size_t buffer_runs(const struct buffer *b, struct slice *runs, size_t max) {
    size_t n = 0;
    for (const struct block *k = b ? b->first : NULL; k && n < max; k = k->next)
        runs[n++] = (struct slice){k->at, k->len};
    return n;
}

size_t buffer_copy(const struct buffer *b, char *to, size_t max) {
    size_t done = 0;
    for (const struct block *k = b ? b->first : NULL; k && done < max; k = k->next) {
        size_t n = k->len < max - done ? k->len : max - done;
        memcpy(to + done, k->at, n);
        done += n;
    }
    return done;
}

void buffer_consume(struct buffer *b, size_t bytes) {
    CHECK(bytes <= buffer_len(b));
    while (bytes > 0 && bytes >= b->first->len) {
        bytes -= b->first->len;
        drop_first(b);
    }
    if (bytes == 0) return;
    b->first->at += bytes;
    b->first->len -= bytes;
    b->len -= bytes;
}

void buffer_add(struct buffer *b, struct slice s) {
    while (s.len > 0) {
        if (!b->last || room(b->last) == 0) append(b, block_new(b->blocks, s.len));
        struct block *k = b->last;
        size_t n = s.len < room(k) ? s.len : room(k);
        memcpy(k->at + k->len, s.at, n);
        k->len += n;
        b->len += n;
        s = slice_skip(s, n);
    }
}

void buffer_move(struct buffer *dst, struct buffer *src, size_t bytes) {
    CHECK(bytes <= buffer_len(src));
    while (bytes > 0) {
        size_t n = src->first->len < bytes ? src->first->len : bytes;
        if (n < PIECE_WORTH_MOVING || n < src->first->len)
            copy_first(dst, src, n);
        else
            append(dst, take_first(src));
        bytes -= n;
    }
}

char *buffer_reserve(struct buffer *b, size_t least, size_t wanted, size_t *got) {
    CHECK(!b->reserved && wanted >= least);
    b->reserved = b->last && room(b->last) >= least ? b->last : block_new(b->blocks, wanted);
    if (got) *got = room(b->reserved);
    return b->reserved->at + b->reserved->len;
}

void buffer_commit(struct buffer *b, size_t n) {
    struct block *k = b->reserved;
    CHECK(k && n <= room(k));
    b->reserved = NULL;
    if (k == b->last) {
        k->len += n;
        b->len += n;
    } else if (n > 0) {
        k->len = n;
        append(b, k);
    } else {
        block_free(b->blocks, k);
    }
}

// --- blocks ---

static struct block *block_new(struct blocks *set, size_t bytes) {
    struct block *k;
    if (bytes < BLOCK_BYTES) bytes = BLOCK_BYTES;
    if (set && set->spares && bytes == BLOCK_BYTES) {
        k = set->spares;
        ASAN_UNPOISON_MEMORY_REGION(k->bytes, BLOCK_BYTES);
        set->spares = k->next;
        set->count--;
    } else {
        k = malloc(sizeof(*k) + bytes);
        CHECK(k != NULL);
        k->end = k->bytes + bytes;
    }
    if (set) set->held_bytes += bytes;
    k->next = NULL;
    k->at = k->bytes;
    k->len = 0;
    return k;
}

static void block_free(struct blocks *set, struct block *k) {
    size_t bytes = (size_t)(k->end - k->bytes);
    if (set) set->held_bytes -= bytes;
    if (!set || bytes != BLOCK_BYTES || set->count >= SPARES_MAX) {
        free(k);
        return;
    }
    k->next = set->spares;
    set->spares = k;
    set->count++;
    ASAN_POISON_MEMORY_REGION(k->bytes, BLOCK_BYTES); // who still looks at it is found
}

static size_t room(const struct block *k) {
    return (size_t)(k->end - (k->at + k->len));
}

static void append(struct buffer *b, struct block *k) {
    *(b->last ? &b->last->next : &b->first) = k;
    b->last = k;
    b->len += k->len;
}

static void drop_first(struct buffer *b) {
    block_free(b->blocks, take_first(b));
}

static struct block *take_first(struct buffer *b) {
    struct block *k = b->first;
    b->first = k->next;
    if (!b->first) b->last = NULL;
    b->len -= k->len;
    k->next = NULL;
    return k;
}

static void copy_first(struct buffer *dst, struct buffer *src, size_t bytes) {
    buffer_add(dst, (struct slice){src->first->at, bytes});
    buffer_consume(src, bytes);
}
