// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/tail.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/arena.h"
#include "core/check.h"
#include "core/clock.h"
#include "core/log.h"
#include "server/api.h"
#include "server/tail_filter.h"

enum {
    LOOK_MS = 20,   // a ring is full after 64 KiB in this time
    WAIT_MS = 2000, // also what the end of rsp may wait for it
    IDLE_MS = 5000, // after the last question nobody reads any more
    KEPT_MAX = 4096,
    READERS_MAX = 16,
    ANSWER_LINES_MAX = 1000,
    ARENA_FIRST = 512,
    ARENA_MAX = 32 << 10
};

struct line {
    uint64_t number;
    char *text;
    bool is_event; // of control's log; else of the access log
};

// Somebody who waits for lines.
struct reader {
    struct arena *arena;       // NULL: this place is free
    struct local_reply *reply; // NULL: went away
    struct tail_filter filter;
    uint64_t next; // number of the last line that was looked at
    size_t looked; // at so many since filter.after
    size_t count;  // of those that fit
    struct text lines;
    uint64_t until_ms;
};

struct tail {
    struct scoreboard *board;
    struct loop *loop;
    struct timer look;
    bool is_reading;
    uint64_t asked_ms;           // the last time
    uint64_t first_number, last; // of the lines that came; another control's are others
    struct line kept[KEPT_MAX];
    size_t first, count; // of kept, which goes round
    uint64_t dropped[ROW_COUNT];
    struct text input;
    struct reader readers[READERS_MAX];
};

static struct reader *take_place(struct tail *t);
static void begin(struct tail *t);
static void end(struct tail *t);
static void look(void *arg);
static void read_ring(struct tail *t, unsigned row);
static void keep(struct tail *t, struct slice text, bool is_event);
static void keep_event(void *tail, const char *line, size_t len);
static bool is_wanted(const struct reader *reader, const struct line *line);
static void show_kept(struct tail *t, struct reader *reader);
static bool is_served(const struct reader *reader);
static void give(struct reader *reader);
static void give_place(struct reader *reader);
static void forget(void *reader);

struct tail *tail_new(struct scoreboard *board) {
    struct tail *t = calloc(1, sizeof *t);
    CHECK(t);
    t->board = board;
    t->first_number = t->last = (uint64_t)time(NULL) << 20;
    text_init(&t->input, RING_BYTES);
    return t;
}

void tail_start(struct tail *t, struct loop *loop) {
    t->loop = loop;
    timer_init(&t->look, loop, look, t);
    end(t); // what a control that died has begun
}

void tail_stop(struct tail *t) {
    end(t);
    timer_fini(&t->look);
}

void tail_free(struct tail *t) {
    for (struct reader *one = t->readers; one < t->readers + READERS_MAX; one++)
        if (one->arena) give_place(one);
    text_fini(&t->input);
    free(t);
}

void tail_answer(struct tail *t, const struct local_request *request, struct local_reply *r,
                 void (**cancel)(void *reply_arg), void **cancel_arg) {
    struct reader *reader = take_place(t);
    if (!reader) {
        api_refuse_plainly(r, 503, "too many read the log already");
        return;
    }
    if (!tail_filter_read(arena_copy(reader->arena, request->query), reader->arena,
                          &reader->filter)) {
        give_place(reader);
        api_refuse_plainly(
            r, 400,
            "the query may have after=NUMBER, events, status=404 or 5xx, and host=, site=, "
            "pool=, backend=, reason= or id= with a value");
        return;
    }
    begin(t);
    uint64_t after = reader->filter.after;
    bool begins = !reader->filter.has_after || after > t->last || after < t->first_number;
    if (begins) reader->filter.after = t->last;
    reader->next = reader->filter.after;
    reader->reply = r;
    reader->until_ms = clock_ms() + (begins ? 0 : WAIT_MS);
    show_kept(t, reader);
    if (is_served(reader)) {
        give(reader);
        return;
    }
    *cancel = forget;
    *cancel_arg = reader;
}

static struct reader *take_place(struct tail *t) {
    struct reader *reader = t->readers;
    while (reader < t->readers + READERS_MAX && reader->arena) reader++;
    if (reader == t->readers + READERS_MAX) return NULL;
    *reader = (struct reader){.arena = arena_new(ARENA_FIRST, ARENA_MAX)};
    text_init(&reader->lines, LOCAL_ANSWER_MAX - 4096);
    return reader;
}

// --- from the workers ---

static void begin(struct tail *t) {
    t->asked_ms = clock_ms();
    if (t->is_reading) return;
    t->is_reading = true;
    log_set_echo(keep_event, t);
    look(t);
}

// Rows that nobody has had yet are not touched: their memory costs nothing until then.
static void end(struct tail *t) {
    log_set_echo(NULL, NULL);
    for (unsigned row = ROW_FIRST_WORKER; row < ROW_COUNT; row++)
        if (scoreboard_row(t->board, row)->started_at)
            ring_want(scoreboard_ring(t->board, row), false);
    for (; t->count > 0; t->count--, t->first++) free(t->kept[t->first % KEPT_MAX].text);
    t->first = 0;
    t->is_reading = false;
    timer_clear(&t->look);
}

static void look(void *arg) {
    struct tail *t = arg;
    bool has_readers = false;
    for (unsigned row = ROW_FIRST_WORKER; row < ROW_COUNT; row++)
        if (scoreboard_row(t->board, row)->started_at) read_ring(t, row);
    for (struct reader *one = t->readers; one < t->readers + READERS_MAX; one++) {
        if (!one->reply) continue;
        show_kept(t, one);
        if (is_served(one))
            give(one);
        else
            has_readers = true;
    }
    if (has_readers || clock_ms() < t->asked_ms + IDLE_MS)
        timer_set(&t->look, LOOK_MS);
    else
        end(t);
}

static void read_ring(struct tail *t, unsigned row) {
    struct ring *ring = scoreboard_ring(t->board, row);
    bool is_new = !ring_is_wanted(ring);
    if (is_new) ring_want(ring, true);
    text_clear(&t->input);
    uint64_t dropped = ring_read(ring, &t->input, &t->dropped[row]);
    if (!is_new) t->last += dropped;
    for (struct slice rest = text_slice(&t->input); rest.len > 0;)
        keep(t, slice_cut(&rest, '\n'), false);
}

static void keep_event(void *tail, const char *line, size_t len) {
    keep(tail, (struct slice){line, len}, true);
}

static void keep(struct tail *t, struct slice text, bool is_event) {
    if (t->count == KEPT_MAX) {
        free(t->kept[t->first].text);
        t->first = (t->first + 1) % KEPT_MAX;
        t->count--;
    }
    char *copy = strndup(text.at, text.len);
    CHECK(copy);
    t->kept[(t->first + t->count++) % KEPT_MAX] = (struct line){++t->last, copy, is_event};
}

// --- to the readers ---

static void show_kept(struct tail *t, struct reader *reader) {
    for (size_t i = 0; i < t->count && reader->count < ANSWER_LINES_MAX; i++) {
        const struct line *line = &t->kept[(t->first + i) % KEPT_MAX];
        if (line->number <= reader->next) continue;
        reader->next = line->number;
        reader->looked++;
        if (!is_wanted(reader, line)) continue;
        if (reader->count++ > 0) text_add(&reader->lines, SLICE(",\n"));
        text_add_json(&reader->lines, slice_of(line->text));
    }
    if (reader->count < ANSWER_LINES_MAX) reader->next = t->last;
}

static bool is_wanted(const struct reader *reader, const struct line *line) {
    if (line->is_event) return reader->filter.has_events;
    return tail_filter_fits(&reader->filter, slice_of(line->text));
}

static bool is_served(const struct reader *reader) {
    return reader->count > 0 || clock_ms() >= reader->until_ms;
}

static void give(struct reader *reader) {
    struct text page;
    uint64_t dropped = reader->next - reader->filter.after - reader->looked;
    text_init(&page, LOCAL_ANSWER_MAX);
    text_printf(&page, "{\"next\": %llu, \"dropped\": %llu, \"lines\": [\n",
                (unsigned long long)reader->next, (unsigned long long)dropped);
    text_add(&page, text_slice(&reader->lines));
    text_add(&page, SLICE("]}\n"));
    local_answer(reader->reply, 200, "application/json", text_slice(&page));
    text_fini(&page);
    give_place(reader);
}

static void give_place(struct reader *reader) {
    text_fini(&reader->lines);
    arena_free(reader->arena);
    *reader = (struct reader){0};
}

static void forget(void *reader) {
    give_place(reader);
}
