// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// The socket's side of a stream: reading, writing, the layer, and what is looked after at the end of each turn.
//
// A keep-alive exchange costs one recv and one sendmsg per side and nothing else: the read event stays added, the write event is
// added only when the kernel refused bytes, and both are changed at the end of the turn only, so that a hold and its release in
// one turn cost nothing.

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/check.h"
#include "core/clock.h"
#include "core/stream_parts.h"

enum {
    LEAST_READ_BYTES = 4096,
    MOST_READ_BYTES = 256 * 1024,
    WIRE_INPUT_MAX = 64 * 1024, // ciphertext that waits for its turn
    WRITE_RUNS = 64,
};

static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);
static size_t room_to_read(const struct stream *s);
static void read_in(struct stream *s, size_t bytes);
static void meet_wire_end(struct stream *s);
static void tend(void *arg);
static void steer_reading(struct stream *s);
static void steer_writing(struct stream *s);
static void finish_shut(struct stream *s);
static void note_layer_state(struct stream *s, enum layer_state state);

void stream_wire_init(struct stream *s) {
    struct event_base *base = loop_base(s->loop);
    event_assign(&s->read_event, base, s->fd, EV_READ | EV_PERSIST, on_readable, s);
    event_assign(&s->write_event, base, s->fd, EV_WRITE | EV_PERSIST, on_writable, s);
    task_init(&s->tend, tend, s);
}

void stream_wire_close(struct stream *s) {
    if (s->fd < 0) return;
    event_del(&s->read_event);
    event_del(&s->write_event);
    close(s->fd);
    s->fd = -1;
}

void stream_tend_later(struct stream *s) {
    loop_add_last_task(s->loop, &s->tend);
}

void stream_fail(struct stream *s, enum stream_end end, const char *why) {
    if (s->end != STREAM_OPEN && end != STREAM_FAILED) return;
    s->end = end;
    s->failure = why;
    stream_tend_later(s);
    stream_wake(s);
}

// --- reading ---

static void on_readable(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    struct stream *s = arg;
    loop_begin_turn(s->loop);
    size_t room = room_to_read(s);
    if (room > 0) read_in(s, room < s->read_bytes ? room : s->read_bytes);
    if (room_to_read(s) == 0) stream_tend_later(s);
}

// How many bytes may be read from the socket now; 0: none.
static size_t room_to_read(const struct stream *s) {
    if (s->fd < 0 || s->wire_ended || s->holds || s->end == STREAM_FAILED) return 0;
    size_t len = buffer_len(s->in);
    if (len >= s->input_max) return 0;
    if (!s->layer) return s->input_max - len;
    size_t waiting = buffer_len(s->wire_in);
    return waiting < WIRE_INPUT_MAX ? WIRE_INPUT_MAX - waiting : 0;
}

// One recv, straight into the buffer. Reads that are filled make the next one larger, and the other way round.
static void read_in(struct stream *s, size_t bytes) {
    struct buffer **in = s->layer ? &s->wire_in : &s->in;
    if (!*in) *in = buffer_new();
    char *room = buffer_reserve(*in, bytes, NULL);
    ssize_t n = recv(s->fd, room, bytes, 0);
    int error = errno;
    buffer_commit(*in, n > 0 ? (size_t)n : 0);
    if (n < 0 && (error == EAGAIN || error == EINTR)) return;
    if (n < 0) {
        stream_fail(s, STREAM_FAILED, strerrordesc_np(error));
        return;
    }
    if (n == 0) {
        meet_wire_end(s);
        return;
    }
    s->bytes_in += (uint64_t)n;
    s->last_input_ms = clock_ms();
    if ((size_t)n == s->read_bytes && s->read_bytes < MOST_READ_BYTES) s->read_bytes *= 4;
    if ((size_t)n < s->read_bytes / 8) s->read_bytes = LEAST_READ_BYTES;
    if (s->layer)
        stream_advance_layer(s);
    else
        stream_wake(s);
}

static void meet_wire_end(struct stream *s) {
    s->wire_ended = true;
    stream_tend_later(s);
    if (s->layer)
        stream_advance_layer(s);
    else
        stream_fail(s, STREAM_ENDED, "");
}

// --- the layer ---

void stream_advance_layer(struct stream *s) {
    if (s->layer_state == LAYER_FAILED) return;
    struct layer_io io = {
        .wire_in = s->wire_in,
        .wire_out = s->wire_out,
        .plain_in = s->in,
        .plain_out = s->out,
        .plain_in_max = s->input_max,
        .wire_ended = s->wire_ended,
    };
    size_t had_bytes = buffer_len(s->in), had_output = buffer_len(s->wire_out);
    enum layer_state state = s->layer_ops->advance(s->layer, &io);
    if (buffer_len(s->in) != had_bytes || state != s->layer_state) stream_wake(s);
    if (buffer_len(s->wire_out) != had_output) stream_tend_later(s);
    note_layer_state(s, state);
    bool is_cut = s->wire_ended && buffer_len(s->wire_in) == 0 && s->end == STREAM_OPEN;
    if (is_cut) stream_fail(s, STREAM_TRUNCATED, "the connection ended without close_notify");
}

static void note_layer_state(struct stream *s, enum layer_state state) {
    if (state == s->layer_state) return;
    s->layer_state = state;
    if (state == LAYER_ENDED) stream_fail(s, STREAM_ENDED, "");
    if (state == LAYER_FAILED) stream_fail(s, STREAM_FAILED, s->layer_ops->failure(s->layer));
}

// --- writing ---

static void on_writable(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    struct stream *s = arg;
    loop_begin_turn(s->loop);
    stream_tend_later(s);
}

void stream_write_out(struct stream *s) {
    struct buffer *b = s->layer ? s->wire_out : s->out;
    if (s->fd < 0 || s->shut == SHUT_DONE) return;
    struct slice runs[WRITE_RUNS];
    struct iovec parts[WRITE_RUNS];
    size_t count = buffer_runs(b, runs, WRITE_RUNS);
    if (count == 0) return;
    for (size_t i = 0; i < count; i++)
        parts[i] = (struct iovec){(void *)(uintptr_t)runs[i].at, runs[i].len};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    ssize_t n = sendmsg(s->fd, &message, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        int error = errno;
        buffer_consume(b, buffer_len(b)); // nobody will take it
        stream_fail(s, STREAM_FAILED, strerrordesc_np(error));
        return;
    }
    if (n <= 0) return;
    buffer_consume(b, (size_t)n);
    s->bytes_out += (uint64_t)n;
    s->last_output_ms = clock_ms();
}

// --- the end of the turn ---

static void tend(void *arg) {
    struct stream *s = arg;
    if (s->fd < 0) {
        stream_destroy(s);
        return;
    }
    if (s->layer &&
        (buffer_len(s->out) > 0 || buffer_len(s->wire_in) > 0 || s->layer_state == LAYER_HANDSHAKE))
        stream_advance_layer(s);
    stream_write_out(s);
    if (s->shut == SHUT_WANTED || s->shut == SHUT_SAID) finish_shut(s);
    steer_reading(s);
    steer_writing(s);
}

// Reads while somebody wants it: derived from the state, changed only where it differs.
static void steer_reading(struct stream *s) {
    bool wants = room_to_read(s) > 0;
    if (wants == s->reads) return;
    s->reads = wants;
    int failed = wants ? event_add(&s->read_event, NULL) : event_del(&s->read_event);
    CHECK(!failed);
}

// Waits for writability while the kernel owes us room; wakes the owner when the backlog has fallen.
static void steer_writing(struct stream *s) {
    size_t backlog = stream_backlog(s);
    bool waits = backlog > 0 && s->end != STREAM_FAILED;
    bool has_fallen = (s->is_over_low && backlog <= s->low_mark) || (s->waits_to_write && !waits);
    s->is_over_low = backlog > s->low_mark;
    if (waits != s->waits_to_write) {
        s->waits_to_write = waits;
        int failed = waits ? event_add(&s->write_event, NULL) : event_del(&s->write_event);
        CHECK(!failed);
    }
    if (has_fallen) stream_wake(s);
}

// After the backlog: close_notify, then the end of file.
static void finish_shut(struct stream *s) {
    if (s->end == STREAM_FAILED) s->shut = SHUT_DONE;
    if (s->shut == SHUT_WANTED && stream_backlog(s) == 0) {
        s->shut = SHUT_SAID;
        if (s->layer) {
            struct layer_io io = {s->wire_in, s->wire_out,  s->in,
                                  s->out,     s->input_max, s->wire_ended};
            s->layer_ops->shut(s->layer, &io);
            stream_write_out(s);
        }
    }
    if (s->shut == SHUT_SAID && stream_backlog(s) == 0) {
        shutdown(s->fd, SHUT_WR);
        s->shut = SHUT_DONE;
        stream_wake(s);
    }
}
