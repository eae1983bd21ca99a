// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "http/pump.h"

#include "core/clock.h"
#include "http/message/forward.h"
#include "http/message/writer.h"

static size_t fair_high(const struct pump_job *job);
static bool is_too_long(const struct pump_job *job);
static bool has_room(const struct pump *p);
static void splice_some(struct pump *p);
static void set_spliced(struct pump *p, bool is_spliced);
static bool may_splice(const struct pump *p);
static uint64_t rest(const struct pump *p);
static bool move_some(struct pump *p);
static void meet_source_end(struct pump *p);
static void pass(struct pump *p, size_t bytes);
static void end_body(struct pump *p);
static void steer_source(struct pump *p);
static void hold_source(struct pump *p);
static void release_source(struct pump *p);

// What a source may read at a time for a sink that does not keep up: speed is not ours to give then, and what is read in
// small blocks is given back in small blocks.
enum { SLOW_INPUT_BYTES = 16 * 1024 };
// What each may have, however many there are: a piece that waits and one that comes.
enum { HIGH_LEAST = 2 * SLOW_INPUT_BYTES };
// What passes through a pipe is nobody's block of memory here and has no other backlog beside it, so a piece may be longer: half the calls.
enum { SPLICED_TIMES_HIGH = 2 };

void pump_start(struct pump *p, const struct pump_job *job) {
    uint64_t now_ms = clock_ms();
    *p = (struct pump){.state = PUMP_RUNNING, .job = *job, .began_ms = now_ms, .moved_ms = now_ms};
    p->high = fair_high(job);
    if (job->sink) stream_set_low_mark(job->sink, job->low);
    if (is_too_long(job)) p->state = PUMP_TOO_LONG;
}

enum pump_state pump_run(struct pump *p) {
    if (p->state != PUMP_RUNNING) return p->state;
    if (p->job.sink && stream_end(p->job.sink) == STREAM_FAILED) p->state = PUMP_NO_SINK;
    p->high = fair_high(&p->job);
    while (p->state == PUMP_RUNNING && has_room(p) && move_some(p)) continue;
    splice_some(p);
    steer_source(p);
    return p->state;
}

void pump_stop(struct pump *p) {
    set_spliced(p, false);
    if (p->job.source) release_source(p);
    p->state = PUMP_IDLE;
    p->job = (struct pump_job){.source = NULL};
}

bool pump_waits_for_sink(const struct pump *p) {
    return p->state == PUMP_RUNNING && p->job.sink && stream_backlog(p->job.sink) > 0 &&
           (p->is_held || !has_room(p));
}

static size_t fair_high(const struct pump_job *job) {
    size_t share = job->sink ? stream_backlog_share(job->sink) : job->high;
    if (share < HIGH_LEAST) share = HIGH_LEAST;
    return share < job->high ? share : job->high;
}

// By what its head says already.
static bool is_too_long(const struct pump_job *job) {
    uint64_t left = job->parser ? parser_body_left(job->parser) : UINT64_MAX;
    return left < UINT64_MAX && left > job->max_bytes;
}

static bool has_room(const struct pump *p) {
    if (p->is_spliced) return stream_backlog(p->job.sink) == 0;
    return !p->job.sink || stream_backlog(p->job.sink) + SLOW_INPUT_BYTES <= p->high;
}

// Where the rest of a body is only bytes, they pass from socket to socket (core/stream_splice.c); what was read before comes first.
static void splice_some(struct pump *p) {
    set_spliced(p, may_splice(p));
    if (!p->is_spliced) return;
    size_t most = SPLICED_TIMES_HIGH * p->job.high;
    if (rest(p) < most) most = (size_t)rest(p);
    size_t n = stream_splice(p->job.sink, p->job.source, most);
    if (n == 0) return;
    p->bytes += n;
    p->spliced += n;
    p->moved_ms = clock_ms();
    if (p->job.parser) parser_skip_body(p->job.parser, n);
    if (rest(p) > 0) return;
    (void)move_some(p); // the end
    set_spliced(p, false);
}

static void set_spliced(struct pump *p, bool is_spliced) {
    if (p->is_spliced == is_spliced) return;
    p->is_spliced = is_spliced;
    stream_set_bypass(p->job.source, is_spliced);
}

static bool may_splice(const struct pump *p) {
    const struct pump_job *job = &p->job;
    if (p->state != PUMP_RUNNING || !job->sink || job->is_chunked || job->splice_bytes == 0)
        return false;
    if (stream_input_len(job->source) > 0 || !stream_can_splice(job->sink, job->source))
        return false;
    return rest(p) > (p->is_spliced ? 0 : job->splice_bytes);
}

// What is known to come still, or of a tunnel likely to; 0: not known.
static uint64_t rest(const struct pump *p) {
    if (!p->job.parser) return stream_is_busy(p->job.source) ? UINT64_MAX : 0;
    uint64_t left = parser_body_left(p->job.parser);
    return left < UINT64_MAX && left <= p->job.max_bytes - p->bytes ? left : 0;
}

// One step: false when there is nothing to move now.
static bool move_some(struct pump *p) {
    struct slice in = stream_peek(p->job.source);
    struct fed fed = {0, in.len};
    if (in.len == 0 && !(p->job.parser && parser_body_left(p->job.parser) == 0)) {
        meet_source_end(p);
        return false;
    }
    enum parse_event event = p->job.parser ? parser_feed(p->job.parser, in, &fed) : PARSE_BODY;
    stream_consume(p->job.source, fed.skip);
    if (event == PARSE_BODY && fed.body > p->job.max_bytes - p->bytes) {
        p->state = PUMP_TOO_LONG;
        stream_consume(p->job.source, fed.body); // the parser has counted them
        return false;
    }
    if (event == PARSE_BODY) pass(p, fed.body);
    if (event == PARSE_END) end_body(p);
    if (event == PARSE_REFUSED) p->state = PUMP_BAD_SOURCE;
    return event != PARSE_REFUSED;
}

// No input is left: is there more to come? An end that TLS did not announce never ends a body well.
static void meet_source_end(struct pump *p) {
    enum stream_end end = stream_end(p->job.source);
    if (end == STREAM_OPEN) return;
    bool is_orderly = end == STREAM_ENDED;
    if (!p->job.parser && is_orderly) {
        p->state = PUMP_DONE;
    } else if (p->job.parser && is_orderly && parser_feed_end(p->job.parser) == PARSE_END) {
        end_body(p);
    } else {
        p->state = PUMP_CUT;
    }
}

static void pass(struct pump *p, size_t bytes) {
    p->bytes += bytes;
    p->moved_ms = clock_ms();
    if (!p->job.sink) {
        if (p->job.kept)
            text_add(p->job.kept, (struct slice){stream_peek(p->job.source).at, bytes});
        stream_consume(p->job.source, bytes);
        return;
    }
    if (p->job.is_chunked) {
        char *line = stream_reserve(p->job.sink, CHUNK_LINE_MAX);
        stream_commit(p->job.sink, chunk_line_write(line, bytes));
    }
    stream_move(p->job.sink, p->job.source, bytes);
    if (p->job.is_chunked) stream_write(p->job.sink, SLICE("\r\n"));
}

static void end_body(struct pump *p) {
    p->state = PUMP_DONE;
    if (!p->job.sink || !p->job.is_chunked) return;
    struct fields trailers = {0};
    forward_trailers(parser_trailers(p->job.parser), p->job.arena, &trailers);
    char *room = stream_reserve(p->job.sink, last_chunk_size(&trailers));
    stream_commit(p->job.sink, (size_t)(last_chunk_write(room, &trailers) - room));
}

// How much the source may read is derived from the sink's backlog, so that both together stay within `high`.
static void steer_source(struct pump *p) {
    size_t backlog = p->job.sink ? stream_backlog(p->job.sink) : 0;
    bool is_full = !has_room(p) || (p->is_held && p->job.sink && backlog > p->job.low);
    if (p->state == PUMP_RUNNING && is_full)
        hold_source(p);
    else
        release_source(p);
    bool keeps_up = backlog <= p->job.low && backlog + SLOW_INPUT_BYTES < p->high;
    stream_set_input_max(p->job.source, keeps_up ? p->high - backlog : SLOW_INPUT_BYTES);
}

static void hold_source(struct pump *p) {
    if (p->is_held) return;
    p->is_held = true;
    p->held_since_ms = clock_ms();
    stream_hold(p->job.source, HOLD_SINK_FULL);
}

static void release_source(struct pump *p) {
    if (!p->is_held) return;
    p->is_held = false;
    p->held_ms += clock_ms() - p->held_since_ms;
    p->moved_ms = clock_ms();
    stream_release(p->job.source, HOLD_SINK_FULL);
}
