// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/loop.h"
#include "core/progress.h"
#include "core/slice.h"

// A two-way byte stream over a socket (TCP or unix), plain or with one layer (TLS) inside.
//
// The owner is woken by one function, from the loop and never from inside a stream_*() call, whenever something
// it may wait for has changed: bytes came, the end came, the handshake ended, the backlog fell to the low mark
// or to nothing. It then looks at the state; there is no event to remember.
//
// Reading: a stream reads by itself while nobody holds it and its input is shorter than stream_set_input_max().
// So a source whose bytes nobody takes costs at most that much memory (the last read may go over it by an eighth,
// at most 4 KiB), and the peer feels it.
// Writing: what is written in a turn goes to the kernel at the end of that turn, in one writev. Only what the
// kernel refuses waits for writability. Whoever feeds a stream watches stream_backlog().
struct stream;
struct buffer;

// How the read side stands.
enum stream_end {
    STREAM_OPEN,
    STREAM_ENDED,     // end of file; over TLS: after the peer's close_notify
    STREAM_TRUNCATED, // over TLS: end of file without close_notify
    STREAM_FAILED, // reset, network error, TLS failure: the backlog is dropped, what is written is ignored
};

// Reasons to stop reading for a while; several may hold at once. A handshake goes on all the same: what it reads is
// not for the owner, and without it nothing could be written either.
enum stream_hold {
    HOLD_SINK_FULL = 1,  // who takes our bytes has too many of them
    HOLD_NOT_WANTED = 2, // the owner does not want to look at input now
};

// Takes the connected, non-blocking descriptor; closed with the stream.
struct stream *stream_new(struct loop *loop, int fd);
// Closes at once; what was not written is dropped. Safe from within the owner's wake function: the memory
// goes at the end of the turn. The owner is not woken any more.
void stream_free(struct stream *s);
// Hands the stream to another owner (an idle connection is lent, say). on_wake may be NULL: nobody is woken.
void stream_set_owner(struct stream *s, ready_fn *on_wake, void *arg);
// Has the owner woken at the end of this turn, as if something had happened.
void stream_wake_later(struct stream *s);

// --- input ---
struct slice stream_peek(
    const struct stream *s); // the first contiguous run of input; empty if there is none
// Copies the first `max` bytes of input, or all if there are fewer, whatever runs they lie in; returns how many.
size_t stream_copy(const struct stream *s, char *to, size_t max);
size_t stream_input_len(const struct stream *s);
void stream_consume(struct stream *s, size_t bytes);
enum stream_end stream_end(const struct stream *s);        // is said while input may still be left
void stream_set_input_max(struct stream *s, size_t bytes); // default 64 KiB
void stream_hold(struct stream *s, enum stream_hold reason);
void stream_release(struct stream *s, enum stream_hold reason);

// --- output ---
void stream_write(struct stream *s, struct slice bytes); // copies
// Contiguous room for at least `bytes` of output to be filled in place, then stream_commit(n <= bytes).
char *stream_reserve(struct stream *s, size_t bytes);
void stream_commit(struct stream *s, size_t n);
// Moves the first `bytes` of src's input to dst's output; large pieces without a copy.
void stream_move(struct stream *dst, struct stream *src, size_t bytes);
// Bytes that the kernel has not taken yet. Who sees more than 0 here is woken when it has fallen to the low mark and
// when it has fallen to nothing; an owner who never looks is spared those wakes.
size_t stream_backlog(struct stream *s);
size_t stream_unsent(const struct stream *s); // the same, for one who does not wait for it
void stream_set_low_mark(struct stream *s, size_t bytes); // default 64 KiB
// What its backlog should not go beyond, by what all streams of its loop hold (loop_set_buffer_budget()).
size_t stream_backlog_share(const struct stream *s);
// Tries to write now instead of at the end of the turn.
void stream_flush(struct stream *s);
// No more output will come: after the backlog, close_notify (TLS) and the end of file are sent. Reading goes on.
void stream_shut(struct stream *s);
bool stream_is_shut(const struct stream *s); // and all of it is with the kernel

// --- bytes that nobody here needs to see (core/stream_splice.c) ---
// Can what comes on src go straight to dst's socket? Both are plain and open, and a pipe of the loop is left.
bool stream_can_splice(const struct stream *dst, const struct stream *src);
// Has it lately come in large pieces, so that a call for each costs little?
bool stream_is_busy(const struct stream *src);
// While it is on, src is not read: its owner is woken when something has come (or the end), and calls stream_splice(). What is
// read already comes first. Turned off, what has come by then is read as ever.
void stream_set_bypass(struct stream *src, bool is_on);
// Moves at most `max` bytes from src's socket to dst's, as if they had been read and written: they count for both, and what dst does not
// take is its backlog. Returns how many; 0: nothing has come, dst has a backlog, or no pipe is left. src has no input.
size_t stream_splice(struct stream *dst, struct stream *src, size_t max);

// --- what it is ---
const char *stream_failure(
    const struct stream *s); // why STREAM_FAILED or STREAM_TRUNCATED, for the log; never NULL
int stream_fd(const struct stream *s); // stays the stream's
struct loop *stream_loop(const struct stream *s);
uint64_t stream_bytes_in(const struct stream *s);  // on the wire
uint64_t stream_bytes_out(const struct stream *s); // on the wire, taken by the kernel
// Has anything at all come from the wire since this was last set to false? (idle timers, retries)
uint64_t stream_last_input_ms(const struct stream *s);
uint64_t stream_last_output_ms(const struct stream *s);
// For whoever is about to call a peer stalled: the kernel takes more only when it has a good deal of room again, which a
// slow peer makes seldom. Has the peer taken anything since the kernel refused, or since this was last asked? Then that
// counts as output of now. A system call.
bool stream_peer_takes(struct stream *s);

// --- a layer inside: how TLS is put on a stream, by tls/ ---
struct layer_io {
    struct buffer *wire_in;   // from the socket
    struct buffer *wire_out;  // to the socket
    struct buffer *plain_in;  // what the owner reads
    struct buffer *plain_out; // what the owner wrote
    size_t plain_in_max;      // decrypt no more than until plain_in holds this
    bool wire_ended;          // end of file came on the socket; wire_in holds all that is left
};
enum layer_state {
    LAYER_HANDSHAKE,
    LAYER_OPEN,
    LAYER_ENDED,  // the peer's close_notify came
    LAYER_FAILED, // an alert to be sent may stand in wire_out
};
struct layer_ops {
    // Moves what can be moved in both directions; called after reads, before writes, and when space was made.
    enum layer_state (*advance)(void *layer, struct layer_io *io);
    void (*shut)(void *layer,
                 struct layer_io *io);   // puts close_notify into wire_out; plain_out is empty then
    const char *(*failure)(void *layer); // why LAYER_FAILED; never NULL
    void (*free)(void *layer);
};
// Takes the layer. Input that nobody has consumed becomes wire input. At most one layer per stream.
void stream_add_layer(struct stream *s, const struct layer_ops *ops, void *layer);
// Takes away a layer that failed in its handshake, and what came for it: the stream is plain and open again, for who has a last word in
// clear for a peer that never spoke TLS.
void stream_drop_layer(struct stream *s);
void *stream_layer(const struct stream *s);             // NULL: plain
enum progress stream_handshake(const struct stream *s); // READY at once for a plain stream

// Two connected streams, for tests. Over a unix socketpair.
void stream_pair(struct loop *loop, struct stream *pair[2]);
