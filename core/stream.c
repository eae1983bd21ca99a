// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// The stream as its owner sees it. The socket's side is in stream_wire.c.
//
// Under it lie raw events over evbuffers, not a bufferevent: with reads and writes of our own (core/stream.h says why) nothing of a
// bufferevent would be used but its memory, and freezing and unfreezing its buffers would be the only trace of it.

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "core/check.h"
#include "core/clock.h"
#include "core/stream_parts.h"

enum { DEFAULT_INPUT_MAX = 64 * 1024, DEFAULT_LOW_MARK = 64 * 1024, FIRST_READ_BYTES = 4096 };

static void run_wake(void *arg);
static struct buffer *need(struct buffer **b);
static struct buffer *output(struct stream *s);

struct stream *stream_new(struct loop *loop, int fd) {
    struct stream *s = calloc(1, sizeof(*s));
    CHECK(s && fd >= 0);
    s->loop = loop;
    s->fd = fd;
    s->failure = "";
    s->input_max = DEFAULT_INPUT_MAX;
    s->low_mark = DEFAULT_LOW_MARK;
    s->read_bytes = FIRST_READ_BYTES;
    s->last_input_ms = s->last_output_ms = clock_ms();
    task_init(&s->wake, run_wake, s);
    stream_wire_init(s);
    stream_tend_later(s);
    return s;
}

void stream_free(struct stream *s) {
    if (!s) return;
    s->on_wake = NULL;
    loop_remove_task(s->loop, &s->wake);
    stream_wire_close(s);
    stream_tend_later(s); // the memory goes there
}

void stream_set_owner(struct stream *s, ready_fn *on_wake, void *arg) {
    s->on_wake = on_wake;
    s->arg = arg;
}

void stream_wake_later(struct stream *s) {
    stream_wake(s);
}

void stream_wake(struct stream *s) {
    if (s->on_wake) loop_add_task(s->loop, &s->wake);
}

static void run_wake(void *arg) {
    struct stream *s = arg;
    if (s->on_wake) s->on_wake(s->arg);
}

// --- input ---

struct slice stream_peek(const struct stream *s) {
    return buffer_peek(s->in);
}

size_t stream_input_len(const struct stream *s) {
    return buffer_len(s->in);
}

void stream_consume(struct stream *s, size_t bytes) {
    if (bytes == 0) return;
    buffer_consume(s->in, bytes);
    if (!s->reads || s->layer) stream_tend_later(s);
}

enum stream_end stream_end(const struct stream *s) {
    return s->end;
}

void stream_set_input_max(struct stream *s, size_t bytes) {
    if (s->input_max == bytes) return;
    s->input_max = bytes;
    stream_tend_later(s);
}

void stream_hold(struct stream *s, enum stream_hold reason) {
    s->holds |= reason;
    stream_tend_later(s);
}

void stream_release(struct stream *s, enum stream_hold reason) {
    s->holds &= ~(unsigned)reason;
    stream_tend_later(s);
}

// --- output ---

void stream_write(struct stream *s, struct slice bytes) {
    if (bytes.len == 0) return;
    buffer_add(output(s), bytes);
}

char *stream_reserve(struct stream *s, size_t bytes) {
    return buffer_reserve(output(s), bytes, NULL);
}

void stream_commit(struct stream *s, size_t n) {
    buffer_commit(s->out, n);
}

void stream_move(struct stream *dst, struct stream *src, size_t bytes) {
    if (bytes == 0) return;
    buffer_move(output(dst), src->in, bytes);
    if (!src->reads || src->layer) stream_tend_later(src);
}

size_t stream_backlog(const struct stream *s) {
    return buffer_len(s->out) + (s->layer ? buffer_len(s->wire_out) : 0);
}

void stream_set_low_mark(struct stream *s, size_t bytes) {
    s->low_mark = bytes;
}

void stream_flush(struct stream *s) {
    if (s->layer) stream_advance_layer(s);
    stream_write_out(s);
}

void stream_shut(struct stream *s) {
    if (s->shut == SHUT_NO) s->shut = SHUT_WANTED;
    stream_tend_later(s);
}

bool stream_is_shut(const struct stream *s) {
    return s->shut == SHUT_DONE;
}

static struct buffer *output(struct stream *s) {
    CHECK(s->shut == SHUT_NO);
    stream_tend_later(s);
    return need(&s->out);
}

static struct buffer *need(struct buffer **b) {
    if (!*b) *b = buffer_new();
    return *b;
}

// --- what it is ---

const char *stream_failure(const struct stream *s) {
    return s->failure;
}

int stream_fd(const struct stream *s) {
    return s->fd;
}

struct loop *stream_loop(const struct stream *s) {
    return s->loop;
}

uint64_t stream_bytes_in(const struct stream *s) {
    return s->bytes_in;
}

uint64_t stream_bytes_out(const struct stream *s) {
    return s->bytes_out;
}

uint64_t stream_last_input_ms(const struct stream *s) {
    return s->last_input_ms;
}

uint64_t stream_last_output_ms(const struct stream *s) {
    return s->last_output_ms;
}

// --- the layer ---

void stream_add_layer(struct stream *s, const struct layer_ops *ops, void *layer) {
    CHECK(!s->layer);
    s->layer_ops = ops;
    s->layer = layer;
    s->layer_state = LAYER_HANDSHAKE;
    // what was read and written until now is the wire's
    s->wire_in = s->in;
    s->wire_out = s->out;
    s->in = s->out = NULL;
    need(&s->wire_in), need(&s->wire_out), need(&s->in), need(&s->out);
    stream_tend_later(s);
}

void *stream_layer(const struct stream *s) {
    return s->layer;
}

enum progress stream_handshake(const struct stream *s) {
    if (!s->layer || s->layer_state == LAYER_OPEN || s->layer_state == LAYER_ENDED) return READY;
    return s->layer_state == LAYER_FAILED || s->end != STREAM_OPEN ? BROKEN : PENDING;
}

void stream_pair(struct loop *loop, struct stream *pair[2]) {
    int fds[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    for (int i = 0; i < 2; i++) pair[i] = stream_new(loop, fds[i]);
}

void stream_destroy(struct stream *s) {
    if (s->layer) {
        s->layer_ops->free(s->layer);
        buffer_free(s->wire_in);
        buffer_free(s->wire_out);
    }
    buffer_free(s->in);
    buffer_free(s->out);
    free(s);
}
