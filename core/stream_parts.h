// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <event2/event_struct.h>

#include "core/buffer.h"
#include "core/pipes.h"
#include "core/stream.h"

// What core/stream*.c know of a stream together; nobody else includes this.

// How the write side stands.
enum output_state {
    OUTPUT_OPEN,
    OUTPUT_ENDING, // stream_shut() came; something may still be unwritten
    OUTPUT_SHUT,   // the end of file has been sent
    OUTPUT_BROKEN, // nothing can be written any more
};

// An event that stays until it is taken away.
struct interest {
    struct event event;
    bool is_added;
};

// The layer of a stream that has one.
struct inner {
    const struct layer_ops *ops;
    void *layer;
    struct layer_io io; // plain_in is the stream's input, plain_out its output
    bool is_open;       // the handshake has succeeded
    bool is_due;        // something has changed since advance() was called
    bool is_shut;       // shut() was called
};

struct stream {
    struct loop *loop;
    int fd; // -1: freed, the memory goes at the end of the turn
    struct interest readable;
    struct interest writable; // added: the kernel refused some of the output
    struct task wake_task;    // wakes the owner
    struct task close_task;   // the last of a turn: writes, and derives what to wait for
    ready_fn *on_wake;
    void *arg;

    struct buffer *input;  // NULL until something came
    struct buffer *output; // NULL until something was written
    struct inner *inner;   // NULL: plain
    struct pipe *pipe;     // NULL: nothing was spliced, or all of it is sent; goes before output
    size_t input_max;
    size_t low_mark;
    size_t recv_size; // what the next recv asks for at most
    unsigned holds;   // set of enum stream_hold
    enum stream_end end;
    enum output_state output_state;
    bool is_backlog_seen; // the owner has asked for the backlog and may wait for it to fall
    bool is_bypassed;     // stream_set_bypass()
    bool is_wire_ended;   // end of file on the socket
    int refused_at;       // what the kernel held for the peer when it last refused more
    int error;            // errno of STREAM_FAILED; 0: the layer knows

    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t last_input_ms;
    uint64_t last_output_ms;
};

// --- stream.c ---
void stream_changed(struct stream *s); // looks again at the end of the turn
void stream_wake(struct stream *s);
void stream_wait_for(struct interest *i, bool is_wanted);
// The first call counts: later failures are consequences. error 0: it was the layer.
void stream_fail(struct stream *s, int error);

// --- stream_read.c ---
void stream_init_reading(struct stream *s);
bool stream_wants_input(const struct stream *s);
// Takes what the kernel still holds, as far as there is room for it.
void stream_read_rest(struct stream *s);

// One recv, if there is room.
void stream_read_once(struct stream *s);
// What a recv (or a splice) that asked for so much has returned; errno is its.
void stream_received(struct stream *s, ssize_t n, size_t asked);

// --- stream_splice.c ---
ssize_t stream_send_pipe(struct stream *s);
void stream_return_pipe(struct stream *s);

// --- stream_write.c ---
void stream_init_writing(struct stream *s);
bool stream_wants_room(struct stream *s); // the kernel has refused something
void stream_send_last(struct stream *s);  // one try, before the stream fails

// --- stream_layer.c: these do nothing for a plain stream ---
void stream_made_room(struct stream *s); // before input is taken or input_max grows
void stream_advance(struct stream *s);
void stream_free_layer(struct stream *s);

static inline struct buffer *stream_wire_in(struct stream *s) {
    if (s->inner) return s->inner->io.wire_in;
    if (!s->input) s->input = buffer_new(loop_blocks(s->loop));
    return s->input;
}

// NULL: nothing was ever written.
static inline struct buffer *stream_wire_out(struct stream *s) {
    return s->inner ? s->inner->io.wire_out : s->output;
}
