// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/stream.h"
#include "core/text.h"
#include "http/message/parser.h"

// One body in motion: from a stream (through the parser that knows where the body ends) to another stream (in the framing chosen
// for it). Memory is bounded: when the sink's backlog reaches `high`, or less where many wait for slow sinks (stream_backlog_share()), the source is
// held until it has fallen to `low`, or to nothing.

enum pump_state {
    PUMP_IDLE, // not started
    PUMP_RUNNING,
    PUMP_DONE,       // the whole body is with the sink
    PUMP_CUT,        // the source ended in the middle
    PUMP_BAD_SOURCE, // the source's framing is broken: parser_refusal()
    PUMP_TOO_LONG,   // the body has more than max_bytes; none of the rest was moved
    PUMP_NO_SINK,    // the sink failed
};

struct pump_job {
    struct stream *source;
    struct parser *parser; // NULL: raw bytes until the source's end of file (a tunnel)
    struct stream *sink;   // the head is with it; NULL: what comes is kept, or dropped
    struct text *kept;     // with no sink: gathered here; NULL: dropped
    bool is_chunked;       // the sink wants chunks
    size_t low, high;      // of the sink's backlog
    uint64_t max_bytes;
    uint64_t splice_bytes; // a longer rest need not be copied; 0: copy all
    struct arena *arena;   // for trailers
};

struct pump {
    enum pump_state state;
    struct pump_job job;
    size_t high;      // what the job allows of the backlog, and the others leave of memory
    bool is_held;     // we hold the source
    bool is_spliced;  // the rest goes from socket to socket
    uint64_t bytes;   // body bytes moved
    uint64_t spliced; // of them, from socket to socket
    uint64_t began_ms;
    uint64_t moved_ms; // when the last of them moved, the source was let go again, or the start
    uint64_t held_ms;  // how long the source had to wait for the sink, in sum
    uint64_t held_since_ms;
};

void pump_start(struct pump *p, const struct pump_job *job);
// Moves what can be moved now.
enum pump_state pump_run(struct pump *p);
// Lets go of both streams (the source is released).
void pump_stop(struct pump *p);
// Is it the sink that we wait for?
bool pump_waits_for_sink(const struct pump *p);
