// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// Bytes that nobody here needs to see: from socket to socket through a pipe, with splice(2), never copied to this process.
//
// A pipe is borrowed when bytes have come and given back when the sink has taken them, so an idle connection holds none, and
// a sink that does not keep up holds one, with what one call put into it, as its backlog. Nothing is taken from the source
// before the pipe is empty. When all pipes are lent (to slow sinks), who asks for one copies instead.
#include <errno.h>
#include <fcntl.h>

#include "core/check.h"
#include "core/clock.h"
#include "core/stream_parts.h"

static void lend_pipe(struct stream *s);

bool stream_can_splice(const struct stream *dst, const struct stream *src) {
    bool is_plain = !dst->inner && !src->inner;
    bool is_open = dst->output_state == OUTPUT_OPEN && src->end == STREAM_OPEN;
    return is_plain && is_open && (dst->pipe || pipes_are_left(loop_pipes(dst->loop)));
}

void stream_set_bypass(struct stream *src, bool is_on) {
    if (src->is_bypassed == is_on) return;
    src->is_bypassed = is_on;
    // What has come after the bytes that went by is seen now, as if it had come with them.
    if (!is_on && stream_wants_input(src)) stream_read_once(src);
}

size_t stream_splice(struct stream *dst, struct stream *src, size_t max) {
    CHECK(src->is_bypassed && stream_input_len(src) == 0);
    if (stream_unsent(dst) > 0 || src->end != STREAM_OPEN) return 0;
    lend_pipe(dst);
    if (!dst->pipe) return 0;
    ssize_t n = splice(src->fd, NULL, dst->pipe->in, NULL, max, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    if (n > 0) dst->pipe->bytes = (size_t)n;
    if (n < 0 && (errno == EINVAL || errno == ENOSYS || errno == EPERM)) {
        pipes_give_up(loop_pipes(dst->loop));
    } else {
        stream_received(src, n, n >= (ssize_t)src->recv_size ? (size_t)n : src->recv_size);
    }
    if (n <= 0) {
        stream_return_pipe(dst);
        return 0;
    }
    stream_flush(dst);
    return (size_t)n;
}

static void lend_pipe(struct stream *s) {
    if (!s->pipe) s->pipe = pipes_borrow(loop_pipes(s->loop));
}

void stream_return_pipe(struct stream *s) {
    if (!s->pipe) return;
    pipes_return(loop_pipes(s->loop), s->pipe);
    s->pipe = NULL;
}

// As a send of the bytes that the pipe holds.
ssize_t stream_send_pipe(struct stream *s) {
    ssize_t n =
        splice(s->pipe->out, NULL, s->fd, NULL, s->pipe->bytes, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    if (n > 0) s->pipe->bytes -= (size_t)n;
    if (s->pipe->bytes == 0) stream_return_pipe(s);
    return n;
}
