// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/buffer.h"

#include <event2/buffer.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "core/check.h"

struct buffer {
    struct evbuffer *bytes;
    size_t len; // evbuffer_get_length(), which is asked for more than all else, without a call
    struct evbuffer_iovec reserved; // since buffer_reserve()
};

// Pieces shorter than this are copied by buffer_move(): a piece has a page of memory behind it, and a source
// that trickles must not make a queue whose memory is a thousand times its length.
#define PIECE_WORTH_MOVING 1024

static size_t pieces(const struct buffer *b, struct evbuffer_iovec *v, size_t max);
static void copy_first(struct buffer *dst, struct buffer *src, size_t bytes);

struct buffer *buffer_new(void) {
    struct buffer *b = calloc(1, sizeof(*b));
    CHECK(b != NULL);
    b->bytes = evbuffer_new();
    CHECK(b->bytes != NULL);
    return b;
}

void buffer_free(struct buffer *b) {
    if (!b) return;
    evbuffer_free(b->bytes);
    free(b);
}

size_t buffer_len(const struct buffer *b) {
    return b ? b->len : 0;
}

struct slice buffer_peek(const struct buffer *b) {
    struct slice run = {NULL, 0};
    buffer_runs(b, &run, 1);
    return run;
}

size_t buffer_copy(const struct buffer *b, char *to, size_t max) {
    ev_ssize_t n = b ? evbuffer_copyout(b->bytes, to, max) : 0;
    CHECK(n >= 0);
    return (size_t)n;
}

void buffer_consume(struct buffer *b, size_t bytes) {
    if (bytes == 0) return;
    CHECK(bytes <= buffer_len(b));
    CHECK(evbuffer_drain(b->bytes, bytes) == 0);
    b->len -= bytes;
}

void buffer_add(struct buffer *b, struct slice s) {
    if (s.len == 0) return;
    CHECK(evbuffer_add(b->bytes, s.at, s.len) == 0);
    b->len += s.len;
}

void buffer_move(struct buffer *dst, struct buffer *src, size_t bytes) {
    CHECK(bytes <= buffer_len(src));
    while (bytes > 0) {
        size_t n = buffer_peek(src).len;
        if (n > bytes) n = bytes;
        if (n < PIECE_WORTH_MOVING) {
            copy_first(dst, src, n);
        } else {
            CHECK(evbuffer_remove_buffer(src->bytes, dst->bytes, n) == (int)n);
            src->len -= n;
            dst->len += n;
        }
        bytes -= n;
    }
}

char *buffer_reserve(struct buffer *b, size_t bytes, size_t *got) {
    CHECK(evbuffer_reserve_space(b->bytes, (ev_ssize_t)bytes, &b->reserved, 1) == 1);
    if (got) *got = b->reserved.iov_len;
    return b->reserved.iov_base;
}

void buffer_commit(struct buffer *b, size_t n) {
    CHECK(n <= b->reserved.iov_len);
    b->reserved.iov_len = n;
    CHECK(evbuffer_commit_space(b->bytes, &b->reserved, 1) == 0);
    b->len += n;
    b->reserved.iov_len = 0;
}

size_t buffer_runs(const struct buffer *b, struct slice *runs, size_t max) {
    struct evbuffer_iovec v[64];
    size_t n = pieces(b, v, max < 64 ? max : 64);
    for (size_t i = 0; i < n; i++) runs[i] = (struct slice){v[i].iov_base, v[i].iov_len};
    return n;
}

static size_t pieces(const struct buffer *b, struct evbuffer_iovec *v, size_t max) {
    if (buffer_len(b) == 0) return 0;
    int n = evbuffer_peek(b->bytes, -1, NULL, v, (int)max);
    CHECK(n >= 0);
    // It says how many there are, also when there was no room for them.
    return (size_t)n < max ? (size_t)n : max;
}

static void copy_first(struct buffer *dst, struct buffer *src, size_t bytes) {
    struct slice run = buffer_peek(src);
    buffer_add(dst, (struct slice){run.at, bytes});
    buffer_consume(src, bytes);
}
