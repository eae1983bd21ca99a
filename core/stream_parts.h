// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <event2/event.h>
#include <event2/event_struct.h>

#include "core/buffer.h"
#include "core/stream.h"

// What is inside a stream: for stream.c (what the owner sees) and stream_wire.c (the socket and the layer).

struct stream {
    struct loop *loop;
    int fd; // -1: freed, waiting for the end of the turn
    enum stream_end end;
    const char *failure; // static text
    ready_fn *on_wake;
    void *arg;
    struct task wake; // the owner is to be woken
    struct task
        tend; // output, reading and the end of writing are to be looked after at the end of the turn
    // what the owner reads and writes; made when first needed
    struct buffer *in, *out;
    // the socket's side, the same two without a layer
    struct buffer *wire_in, *wire_out;
    const struct layer_ops *layer_ops;
    void *layer;
    enum layer_state layer_state;
    unsigned holds; // enum stream_hold
    size_t input_max, low_mark;
    size_t read_bytes;   // how much the next read asks for
    bool wire_ended;     // end of file came on the socket
    bool reads;          // the read event is added
    bool waits_to_write; // the write event is added
    bool is_over_low;    // the backlog was over the low mark: its fall is an event
    enum { SHUT_NO, SHUT_WANTED, SHUT_SAID, SHUT_DONE } shut;
    uint64_t bytes_in, bytes_out;
    uint64_t last_input_ms, last_output_ms;
    struct event read_event, write_event;
};

// stream_wire.c
void stream_wire_init(struct stream *s);
void stream_wire_close(struct stream *s);
// Output was added, input was taken, a hold changed: looks after it at the end of the turn.
void stream_tend_later(struct stream *s);
// Lets the layer move what it can.
void stream_advance_layer(struct stream *s);
// Writes what the kernel takes.
void stream_write_out(struct stream *s);
void stream_fail(struct stream *s, enum stream_end end, const char *why);
void stream_wake(struct stream *s);
void stream_destroy(struct stream *s);
