// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// Sending: what a turn has produced goes out in one call at its end. Writability is waited for only when the kernel
// took less than it was offered.
#include <errno.h>
#include <event2/event.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "core/check.h"
#include "core/clock.h"
#include "core/stream_parts.h"

#define RUNS_MAX 64
// Calls for one stream in one turn; others want to write too.
#define SENDS_MAX 4

static void on_writable(evutil_socket_t fd, short what, void *arg);
static void write_out(struct stream *s);
static void write_backlog(struct stream *s);
static bool send_some(struct stream *s);
static ssize_t send_pipe(struct stream *s, size_t *offered);
static ssize_t send_output(struct stream *s, size_t *offered);
static int held_by_kernel(const struct stream *s);
static ssize_t send_runs(int fd, const struct slice *runs, size_t n);
static size_t total(const struct slice *runs, size_t n);
static void on_write_error(struct stream *s, int error);
static void send_end(struct stream *s);
static void on_backlog(struct stream *s, size_t before);

void stream_init_writing(struct stream *s) {
    CHECK(event_assign(&s->writable.event, loop_base(s->loop), s->fd, EV_WRITE | EV_PERSIST,
                       on_writable, s) == 0);
}

size_t stream_unsent(const struct stream *s) {
    size_t bytes = buffer_len(s->output);
    if (s->pipe) bytes += s->pipe->bytes;
    return s->inner ? bytes + buffer_len(s->inner->io.wire_out) : bytes;
}

void stream_flush(struct stream *s) {
    // While the kernel is full it says itself when it has room again.
    if (!s->writable.is_added) write_out(s);
}

static void on_writable(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    struct stream *s = arg;
    loop_begin_turn(s->loop);
    write_out(s);
    stream_changed(s);
}

static void write_out(struct stream *s) {
    if (s->output_state == OUTPUT_SHUT || s->output_state == OUTPUT_BROKEN) return;
    size_t before = stream_unsent(s);
    write_backlog(s);
    if (s->output_state == OUTPUT_ENDING && stream_unsent(s) == 0) send_end(s);
    on_backlog(s, before);
    stream_wait_for(&s->writable, stream_wants_room(s));
}

// After a try to write; before it there may be bytes that nobody has offered yet.
bool stream_wants_room(struct stream *s) {
    return s->output_state != OUTPUT_BROKEN && (s->pipe || buffer_len(stream_wire_out(s)) > 0);
}

static void write_backlog(struct stream *s) {
    for (int sends = 0; sends < SENDS_MAX; sends++) {
        stream_advance(s);
        if (!send_some(s)) return;
        if (s->inner && stream_unsent(s) > 0) s->inner->is_due = true;
    }
}

// Sends once. Whether there was something and the kernel took all that it was offered.
static bool send_some(struct stream *s) {
    if (s->output_state == OUTPUT_BROKEN) return false;
    size_t offered = 0;
    ssize_t sent = s->pipe ? send_pipe(s, &offered) : send_output(s, &offered);
    if (offered == 0) return false;
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        on_write_error(s, errno);
        return false;
    }
    if (sent < (ssize_t)offered) s->refused_at = held_by_kernel(s);
    if (sent < 0) return false;
    s->bytes_out += (size_t)sent;
    s->last_output_ms = clock_ms();
    return (size_t)sent == offered;
}

static ssize_t send_pipe(struct stream *s, size_t *offered) {
    *offered = s->pipe->bytes;
    return stream_send_pipe(s);
}

static ssize_t send_output(struct stream *s, size_t *offered) {
    struct buffer *b = stream_wire_out(s);
    struct slice runs[RUNS_MAX];
    size_t n = buffer_runs(b, runs, RUNS_MAX);
    if (n == 0) return 0;
    *offered = total(runs, n);
    ssize_t sent = send_runs(s->fd, runs, n);
    if (sent > 0) buffer_consume(b, (size_t)sent);
    return sent;
}

bool stream_peer_takes(struct stream *s) {
    int held = held_by_kernel(s);
    if (s->fd < 0 || held >= s->refused_at) return false;
    s->refused_at = held;
    s->last_output_ms = clock_ms();
    return true;
}

static int held_by_kernel(const struct stream *s) {
    int bytes;
    return ioctl(s->fd, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

void stream_send_last(struct stream *s) {
    if (!s->writable.is_added) send_some(s);
}

static ssize_t send_runs(int fd, const struct slice *runs, size_t n) {
    if (n == 1) return send(fd, runs[0].at, runs[0].len, MSG_NOSIGNAL);
    struct iovec pieces[RUNS_MAX];
    for (size_t i = 0; i < n; i++) pieces[i] = (struct iovec){(char *)runs[i].at, runs[i].len};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = n};
    return sendmsg(fd, &message, MSG_NOSIGNAL);
}

static size_t total(const struct slice *runs, size_t n) {
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) bytes += runs[i].len;
    return bytes;
}

// What the peer said before it went (a backend that answers 413 and closes) is often still with the kernel.
static void on_write_error(struct stream *s, int error) {
    s->output_state = OUTPUT_BROKEN;
    stream_read_rest(s);
    stream_fail(s, error);
}

static void send_end(struct stream *s) {
    if (s->inner && !s->inner->is_shut) {
        s->inner->is_shut = true;
        s->inner->ops->shut(s->inner->layer, &s->inner->io);
        send_some(s);
    }
    if (s->output_state != OUTPUT_ENDING || stream_unsent(s) > 0) return;
    shutdown(s->fd, SHUT_WR); // fails only when the peer has gone, which reading tells
    s->output_state = OUTPUT_SHUT;
    stream_wake(s);
}

static void on_backlog(struct stream *s, size_t before) {
    size_t now = stream_unsent(s);
    bool is_low = before > s->low_mark && now <= s->low_mark;
    bool is_empty = before > 0 && now == 0;
    if (s->is_backlog_seen && (is_low || is_empty)) stream_wake(s);
    if (now == 0) s->is_backlog_seen = false;
}
