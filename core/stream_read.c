// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// Receiving: one recv for each readable event, straight into the buffer. The event is level-triggered, so nothing is
// asked twice only to hear that there is no more.
#include <errno.h>
#include <event2/event.h>
#include <sys/socket.h>

#include "core/check.h"
#include "core/clock.h"
#include "core/stream_parts.h"

// What one recv may bring grows while reads fill it and shrinks when they do not. The sizes are those of malloc's
// blocks less what we and malloc keep in them. A block is freed when its last byte has gone, so a slow sink holds up to
// one block more than its backlog; larger ones than these cost memory and save no time that could be measured.
#define RECV_OVERHEAD 64
#define RECV_FIRST    ((size_t)4 * 1024 - RECV_OVERHEAD)
#define RECV_MOST     ((size_t)64 * 1024 - RECV_OVERHEAD)
// A block that has less room than this is left as it is.
#define RECV_LEAST ((size_t)1024)
// Of what a layer has not taken yet; more than the longest record of TLS.
#define WIRE_IN_MAX ((size_t)64 * 1024)

static void on_readable(evutil_socket_t fd, short what, void *arg);
static size_t room(const struct stream *s);
static size_t slack(const struct stream *s);
static size_t larger(size_t a, size_t b);
static bool receive(struct stream *s);
static void on_received(struct stream *s, size_t bytes, size_t asked);
static void on_wire_end(struct stream *s);
static void adapt(struct stream *s, size_t bytes, size_t asked);

void stream_init_reading(struct stream *s) {
    s->recv_size = RECV_FIRST;
    CHECK(event_assign(&s->readable.event, loop_base(s->loop), s->fd, EV_READ | EV_PERSIST,
                       on_readable, s) == 0);
}

bool stream_wants_input(const struct stream *s) {
    bool is_open = s->end == STREAM_OPEN && !s->is_wire_ended;
    bool is_held = s->holds && stream_handshake(s) != PENDING;
    return is_open && !is_held && room(s) > 0;
}

static size_t room(const struct stream *s) {
    size_t len = stream_input_len(s);
    if (len >= s->input_max) return 0;
    if (!s->inner) return larger(s->input_max - len, slack(s));
    size_t waiting = buffer_len(s->inner->io.wire_in);
    return waiting < WIRE_IN_MAX ? WIRE_IN_MAX - waiting : 0;
}

// An owner that takes a few bytes at a time from a full input must not make us receive a few bytes at a time.
static size_t slack(const struct stream *s) {
    size_t eighth = s->input_max / 8;
    return eighth < RECV_FIRST ? eighth : RECV_FIRST;
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

static void on_readable(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    struct stream *s = arg;
    loop_begin_turn(s->loop);
    bool is_wanted = stream_wants_input(s); // something before us in this turn may have held it
    if (is_wanted && s->is_bypassed) {
        stream_wake(s);
        return;
    }
    if (is_wanted) receive(s);
    stream_advance(s);
    if (s->inner || !stream_wants_input(s)) stream_changed(s);
}

void stream_read_rest(struct stream *s) {
    while (s->end == STREAM_OPEN && !s->is_wire_ended && room(s) > 0 && receive(s)) continue;
    stream_advance(s);
}

// Whether something came.
static bool receive(struct stream *s) {
    size_t want = room(s);
    size_t asked;
    struct buffer *b = stream_wire_in(s);
    size_t block = want < s->recv_size ? want : s->recv_size;
    char *at = buffer_reserve(b, block < RECV_LEAST ? block : RECV_LEAST, block, &asked);
    if (asked > want) asked = want;
    ssize_t n = recv(s->fd, at, asked, 0);
    int error = errno;
    buffer_commit(b, n > 0 ? (size_t)n : 0);
    errno = error;
    stream_received(s, n, asked);
    return n > 0;
}

bool stream_is_busy(const struct stream *s) {
    return s->recv_size > RECV_FIRST;
}

void stream_read_once(struct stream *s) {
    receive(s);
}

void stream_received(struct stream *s, ssize_t n, size_t asked) {
    if (n > 0) {
        on_received(s, (size_t)n, asked);
    } else if (n == 0) {
        on_wire_end(s);
    } else if (errno != EAGAIN && errno != EINTR) {
        stream_fail(s, errno);
    }
}

static void on_received(struct stream *s, size_t bytes, size_t asked) {
    s->bytes_in += bytes;
    s->last_input_ms = clock_ms();
    adapt(s, bytes, asked);
    if (s->inner) {
        s->inner->is_due = true;
    } else {
        stream_wake(s);
    }
}

static void on_wire_end(struct stream *s) {
    s->is_wire_ended = true;
    if (s->inner) {
        s->inner->is_due = true;
        return;
    }
    s->end = STREAM_ENDED;
    stream_wake(s);
}

static void adapt(struct stream *s, size_t bytes, size_t asked) {
    size_t size = s->recv_size + RECV_OVERHEAD;
    if (bytes == asked && asked >= s->recv_size && s->recv_size < RECV_MOST) {
        s->recv_size = size * 4 - RECV_OVERHEAD;
    } else if (bytes < size / 4 && s->recv_size > RECV_FIRST) {
        s->recv_size = size / 4 - RECV_OVERHEAD;
    }
}
