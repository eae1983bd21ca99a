// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// The stream: its life, what its owner sees, and what it waits for. Receiving is in stream_read.c, sending in
// stream_write.c, the layer (TLS) in stream_layer.c, bodies that go past us in stream_splice.c.
//
// The transport is two raw events of libevent over two buffers of ours, not a bufferevent. Two thirds of the cost of
// a bufferevent are its epoll_ctl around each write and its ioctl before each read (of 4,096 bytes at most); with
// writes and reads of our own nothing of it was left in use but its memory, and its watermarks and suspensions
// would be a second, hidden set of rules beside ours.
//
// What to wait for is derived in one function, derive_events(), at the end of each turn in which something has
// changed. (Only writing says at once that the kernel is full, so that nobody tries again in the same turn.)
#include "core/stream.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/check.h"
#include "core/clock.h"
#include "core/stream_parts.h"

#define INPUT_MAX_DEFAULT ((size_t)64 * 1024)
#define LOW_MARK_DEFAULT  ((size_t)64 * 1024)

static void wake_owner(void *arg);
static void close_turn(void *arg);
static void derive_events(struct stream *s);
static void input_changed(struct stream *s);
static struct buffer *output(struct stream *s);
static void output_changed(struct stream *s);

struct stream *stream_new(struct loop *loop, int fd) {
    struct stream *s = calloc(1, sizeof(*s));
    CHECK(s != NULL && fd >= 0);
    s->loop = loop;
    s->fd = fd;
    s->input_max = INPUT_MAX_DEFAULT;
    s->low_mark = LOW_MARK_DEFAULT;
    s->last_input_ms = s->last_output_ms = clock_ms();
    stream_init_reading(s);
    stream_init_writing(s);
    task_init(&s->wake_task, wake_owner, s);
    task_init(&s->close_task, close_turn, s);
    stream_changed(s);
    return s;
}

void stream_free(struct stream *s) {
    if (!s) return;
    CHECK(s->fd >= 0);
    stream_wait_for(&s->readable, false); // before close: see loop_new()
    stream_wait_for(&s->writable, false);
    close(s->fd);
    s->fd = -1;
    s->on_wake = NULL;
    loop_remove_task(s->loop, &s->wake_task);
    stream_free_layer(s);
    stream_return_pipe(s);
    buffer_free(s->input);
    buffer_free(s->output);
    s->input = s->output = NULL;
    stream_changed(s);
}

void stream_set_owner(struct stream *s, ready_fn *on_wake, void *arg) {
    s->on_wake = on_wake;
    s->arg = arg;
}

void stream_wake_later(struct stream *s) {
    stream_wake(s);
}

void stream_wake(struct stream *s) {
    if (s->on_wake) loop_add_task(s->loop, &s->wake_task);
}

static void wake_owner(void *arg) {
    struct stream *s = arg;
    if (s->on_wake) s->on_wake(s->arg);
}

void stream_changed(struct stream *s) {
    loop_add_last_task(s->loop, &s->close_task);
}

static void close_turn(void *arg) {
    struct stream *s = arg;
    if (s->fd < 0) {
        free(s);
        return;
    }
    stream_advance(s);
    stream_flush(s);
    derive_events(s);
}

static void derive_events(struct stream *s) {
    stream_wait_for(&s->readable, stream_wants_input(s));
    stream_wait_for(&s->writable, stream_wants_room(s));
}

void stream_wait_for(struct interest *i, bool is_wanted) {
    if (is_wanted == i->is_added) return;
    CHECK((is_wanted ? event_add(&i->event, NULL) : event_del(&i->event)) == 0);
    i->is_added = is_wanted;
}

void stream_fail(struct stream *s, int error) {
    if (s->end == STREAM_FAILED) return;
    s->end = STREAM_FAILED;
    s->error = error;
    s->output_state = OUTPUT_BROKEN;
    buffer_consume(s->output, buffer_len(s->output));
    if (s->inner) buffer_consume(s->inner->io.wire_out, buffer_len(s->inner->io.wire_out));
    stream_return_pipe(s);
    stream_wake(s);
    stream_changed(s);
}

// --- input ---

struct slice stream_peek(const struct stream *s) {
    return buffer_peek(s->input);
}

size_t stream_copy(const struct stream *s, char *to, size_t max) {
    return buffer_copy(s->input, to, max);
}

size_t stream_input_len(const struct stream *s) {
    return buffer_len(s->input);
}

void stream_consume(struct stream *s, size_t bytes) {
    if (bytes == 0) return;
    stream_made_room(s);
    buffer_consume(s->input, bytes);
    input_changed(s);
}

enum stream_end stream_end(const struct stream *s) {
    return s->end;
}

void stream_set_input_max(struct stream *s, size_t bytes) {
    if (bytes > s->input_max) stream_made_room(s);
    s->input_max = bytes;
    input_changed(s);
}

void stream_hold(struct stream *s, enum stream_hold reason) {
    s->holds |= reason;
    input_changed(s);
}

void stream_release(struct stream *s, enum stream_hold reason) {
    s->holds &= ~(unsigned)reason;
    input_changed(s);
}

static void input_changed(struct stream *s) {
    bool is_due = s->inner && s->inner->is_due;
    if (is_due || stream_wants_input(s) != s->readable.is_added) stream_changed(s);
}

// --- output ---

void stream_write(struct stream *s, struct slice bytes) {
    if (bytes.len == 0 || s->output_state == OUTPUT_BROKEN) return;
    buffer_add(output(s), bytes);
    output_changed(s);
}

char *stream_reserve(struct stream *s, size_t bytes) {
    size_t got;
    return buffer_reserve(output(s), bytes, bytes, &got);
}

void stream_commit(struct stream *s, size_t n) {
    buffer_commit(s->output, s->output_state == OUTPUT_BROKEN ? 0 : n);
    if (n > 0) output_changed(s);
}

void stream_move(struct stream *dst, struct stream *src, size_t bytes) {
    if (bytes == 0) return;
    if (dst->output_state == OUTPUT_BROKEN) {
        stream_consume(src, bytes);
        return;
    }
    stream_made_room(src);
    buffer_move(output(dst), src->input, bytes);
    input_changed(src);
    output_changed(dst);
}

size_t stream_backlog(struct stream *s) {
    size_t bytes = stream_unsent(s);
    if (bytes > 0) s->is_backlog_seen = true;
    return bytes;
}

size_t stream_backlog_share(const struct stream *s) {
    return blocks_share(loop_blocks(s->loop));
}

void stream_set_low_mark(struct stream *s, size_t bytes) {
    s->low_mark = bytes;
}

void stream_shut(struct stream *s) {
    if (s->output_state != OUTPUT_OPEN) return;
    s->output_state = OUTPUT_ENDING;
    stream_changed(s);
}

bool stream_is_shut(const struct stream *s) {
    return s->output_state == OUTPUT_SHUT;
}

static struct buffer *output(struct stream *s) {
    CHECK(s->output_state == OUTPUT_OPEN || s->output_state == OUTPUT_BROKEN);
    if (!s->output) s->output = buffer_new(loop_blocks(s->loop));
    return s->output;
}

static void output_changed(struct stream *s) {
    if (s->inner) s->inner->is_due = true;
    stream_changed(s);
}

// --- what it is ---

const char *stream_failure(const struct stream *s) {
    if (s->end == STREAM_FAILED) {
        return s->error ? strerror(s->error) : s->inner->ops->failure(s->inner->layer);
    }
    if (s->end != STREAM_TRUNCATED) return "no failure";
    return s->inner->is_open ? "closed without close_notify" : "closed during the handshake";
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

void stream_pair(struct loop *loop, struct stream *pair[2]) {
    int fds[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    pair[0] = stream_new(loop, fds[0]);
    pair[1] = stream_new(loop, fds[1]);
}
