// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/buffer.h"

#include <event2/buffer.h>
#include <stdlib.h>

#include "core/check.h"

enum { RUNS_MAX = 64 };

struct buffer {
    struct evbuffer *bytes;
    struct evbuffer_iovec room; // reserved, not yet committed
};

struct buffer *buffer_new(void) {
    struct buffer *b = calloc(1, sizeof(*b));
    CHECK(b);
    b->bytes = evbuffer_new();
    CHECK(b->bytes);
    return b;
}

void buffer_free(struct buffer *b) {
    if (!b) return;
    evbuffer_free(b->bytes);
    free(b);
}

size_t buffer_len(const struct buffer *b) {
    return b ? evbuffer_get_length(b->bytes) : 0;
}

struct slice buffer_peek(const struct buffer *b) {
    struct slice run = {0};
    buffer_runs(b, &run, 1);
    return run;
}

void buffer_consume(struct buffer *b, size_t bytes) {
    if (bytes == 0) return;
    CHECK(bytes <= buffer_len(b) && evbuffer_drain(b->bytes, bytes) == 0);
}

void buffer_add(struct buffer *b, struct slice s) {
    if (s.len > 0) CHECK(evbuffer_add(b->bytes, s.at, s.len) == 0);
}

void buffer_move(struct buffer *dst, struct buffer *src, size_t bytes) {
    if (bytes == 0) return;
    CHECK(evbuffer_remove_buffer(src->bytes, dst->bytes, bytes) == (int)bytes);
}

char *buffer_reserve(struct buffer *b, size_t bytes, size_t *got) {
    CHECK(evbuffer_reserve_space(b->bytes, (ev_ssize_t)bytes, &b->room, 1) == 1);
    if (got) *got = b->room.iov_len;
    return b->room.iov_base;
}

void buffer_commit(struct buffer *b, size_t n) {
    CHECK(n <= b->room.iov_len);
    b->room.iov_len = n;
    CHECK(evbuffer_commit_space(b->bytes, &b->room, 1) == 0);
    b->room = (struct evbuffer_iovec){0};
}

size_t buffer_runs(const struct buffer *b, struct slice *runs, size_t max) {
    struct evbuffer_iovec found[RUNS_MAX];
    if (buffer_len(b) == 0) return 0;
    if (max > RUNS_MAX) max = RUNS_MAX;
    int n = evbuffer_peek(b->bytes, -1, NULL, found, (int)max);
    CHECK(n >= 0);
    size_t count = (size_t)n < max ? (size_t)n : max;
    for (size_t i = 0; i < count; i++)
        runs[i] = (struct slice){found[i].iov_base, found[i].iov_len};
    return count;
}
