// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "http/pump.h"

#include "core/clock.h"
#include "http/message/forward.h"
#include "http/message/writer.h"

static bool has_room(const struct pump *p);
static bool move_some(struct pump *p);
static void meet_source_end(struct pump *p);
static void pass(struct pump *p, size_t bytes);
static void end_body(struct pump *p);
static void steer_source(struct pump *p);
static void hold_source(struct pump *p);
static void release_source(struct pump *p);

// However full the sink is, a source that may be read at all may fill this much.
enum { LEAST_INPUT_BYTES = 16 * 1024 };

void pump_start(struct pump *p, struct stream *source, struct parser *parser, struct stream *sink,
                bool is_chunked) {
    p->state = PUMP_RUNNING;
    p->source = source;
    p->parser = parser;
    p->sink = sink;
    p->is_chunked = is_chunked;
    p->is_held = false;
    p->bytes = 0;
    p->held_ms = 0;
    p->began_ms = p->moved_ms = clock_ms();
    if (sink) stream_set_low_mark(sink, p->low);
}

void pump_set_bounds(struct pump *p, size_t low, size_t high, struct arena *a) {
    p->low = low;
    p->high = high;
    p->arena = a;
}

enum pump_state pump_run(struct pump *p) {
    if (p->state != PUMP_RUNNING) return p->state;
    if (p->sink && stream_end(p->sink) == STREAM_FAILED) p->state = PUMP_NO_SINK;
    while (p->state == PUMP_RUNNING && has_room(p) && move_some(p)) continue;
    steer_source(p);
    return p->state;
}

void pump_discard(struct pump *p) {
    p->sink = NULL;
    if (p->state == PUMP_NO_SINK) p->state = PUMP_RUNNING;
    steer_source(p);
}

void pump_stop(struct pump *p) {
    if (p->source) release_source(p);
    p->state = PUMP_IDLE;
    p->source = p->sink = NULL;
    p->parser = NULL;
}

bool pump_waits_for_sink(const struct pump *p) {
    return p->state == PUMP_RUNNING && p->sink && stream_backlog(p->sink) > 0 &&
           (p->is_held || !has_room(p));
}

static bool has_room(const struct pump *p) {
    return !p->sink || stream_backlog(p->sink) < p->high;
}

// One step: false when there is nothing to move now.
static bool move_some(struct pump *p) {
    struct slice in = stream_peek(p->source);
    struct fed fed = {0, in.len};
    if (in.len == 0 && !(p->parser && parser_body_left(p->parser) == 0)) {
        meet_source_end(p);
        return false;
    }
    enum parse_event event = p->parser ? parser_feed(p->parser, in, &fed) : PARSE_BODY;
    stream_consume(p->source, fed.skip);
    if (event == PARSE_BODY) pass(p, fed.body);
    if (event == PARSE_END) end_body(p);
    if (event == PARSE_REFUSED) p->state = PUMP_BAD_SOURCE;
    return event != PARSE_REFUSED;
}

// No input is left: is there more to come? An end that TLS did not announce never ends a body well.
static void meet_source_end(struct pump *p) {
    enum stream_end end = stream_end(p->source);
    if (end == STREAM_OPEN) return;
    bool is_orderly = end == STREAM_ENDED;
    if (!p->parser && is_orderly) {
        p->state = PUMP_DONE;
    } else if (p->parser && is_orderly && parser_feed_end(p->parser) == PARSE_END) {
        end_body(p);
    } else {
        p->state = PUMP_CUT;
    }
}

static void pass(struct pump *p, size_t bytes) {
    p->bytes += bytes;
    p->moved_ms = clock_ms();
    if (!p->sink) {
        if (p->kept) text_add(p->kept, (struct slice){stream_peek(p->source).at, bytes});
        stream_consume(p->source, bytes);
        return;
    }
    if (p->is_chunked) {
        char *line = stream_reserve(p->sink, CHUNK_LINE_MAX);
        stream_commit(p->sink, chunk_line_write(line, bytes));
    }
    stream_move(p->sink, p->source, bytes);
    if (p->is_chunked) stream_write(p->sink, SLICE("\r\n"));
}

static void end_body(struct pump *p) {
    p->state = PUMP_DONE;
    if (!p->sink || !p->is_chunked) return;
    struct fields trailers = {0};
    forward_trailers(parser_trailers(p->parser), p->arena, &trailers);
    char *room = stream_reserve(p->sink, last_chunk_size(&trailers));
    stream_commit(p->sink, (size_t)(last_chunk_write(room, &trailers) - room));
}

// How much the source may read is derived from the sink's backlog, so that both together stay within `high`.
static void steer_source(struct pump *p) {
    size_t backlog = p->sink ? stream_backlog(p->sink) : 0;
    bool is_full = p->sink && (backlog >= p->high || (p->is_held && backlog > p->low));
    if (p->state == PUMP_RUNNING && is_full)
        hold_source(p);
    else
        release_source(p);
    size_t room = backlog < p->high ? p->high - backlog : 0;
    stream_set_input_max(p->source, room > LEAST_INPUT_BYTES ? room : LEAST_INPUT_BYTES);
}

static void hold_source(struct pump *p) {
    if (p->is_held) return;
    p->is_held = true;
    p->held_since_ms = clock_ms();
    stream_hold(p->source, HOLD_SINK_FULL);
}

static void release_source(struct pump *p) {
    if (!p->is_held) return;
    p->is_held = false;
    p->held_ms += clock_ms() - p->held_since_ms;
    p->moved_ms = clock_ms();
    stream_release(p->source, HOLD_SINK_FULL);
}
