// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// Timers of our own on one timer of libevent: an idle connection has one, and its deadline moves with each
// request. Here that is one assignment; an event of libevent costs 128 bytes and two walks through its heap.
#include <stdlib.h>

#include "core/check.h"
#include "core/clock.h"
#include "core/timers.h"

static void arm(struct timer *t);
static void disarm(struct timer *t);
static void fire(struct timer *t);
static void make_room(struct timers *q);
static void place(struct timers *q, struct timer *t, size_t at);
static void move_up(struct timers *q, size_t at);
static void move_down(struct timers *q, size_t at);

void timer_init(struct timer *t, struct loop *loop, ready_fn *on_time, void *arg) {
    *t = (struct timer){.loop = loop, .on_time = on_time, .arg = arg};
}

void timer_fini(struct timer *t) {
    t->deadline_ms = 0;
    if (t->armed_ms) disarm(t);
}

void timer_set(struct timer *t, uint64_t in_ms) {
    uint64_t deadline_ms = clock_ms() + in_ms;
    t->deadline_ms = deadline_ms ? deadline_ms : 1;
    if (t->armed_ms && t->armed_ms <= t->deadline_ms) return;
    if (t->armed_ms) disarm(t);
    arm(t);
}

// Stays in the queue: most timers are set again soon, and an early wake costs little.
void timer_clear(struct timer *t) {
    t->deadline_ms = 0;
}

bool timer_is_set(const struct timer *t) {
    return t->deadline_ms != 0;
}

void timers_fini(struct timers *q) {
    free(q->heap);
    *q = (struct timers){0};
}

uint64_t timers_next_ms(const struct timers *q) {
    return q->len ? q->heap[0]->armed_ms : 0;
}

void timers_fire(struct timers *q, uint64_t now_ms) {
    // Only as many as stand there now: one that sets itself to "at once" waits for the next turn.
    for (size_t n = q->len; n > 0 && q->len && q->heap[0]->armed_ms <= now_ms; n--) {
        struct timer *t = q->heap[0];
        disarm(t);
        if (t->deadline_ms > now_ms) {
            arm(t);
        } else if (t->deadline_ms) {
            fire(t);
        }
    }
}

static void fire(struct timer *t) {
    t->deadline_ms = 0;
    t->on_time(t->arg); // may free t
}

static void arm(struct timer *t) {
    struct timers *q = loop_timers(t->loop);
    make_room(q);
    t->armed_ms = t->deadline_ms;
    place(q, t, q->len++);
    move_up(q, t->position);
}

static void disarm(struct timer *t) {
    struct timers *q = loop_timers(t->loop);
    size_t at = t->position;
    CHECK(at < q->len && q->heap[at] == t);
    t->armed_ms = 0;
    struct timer *last = q->heap[--q->len];
    if (last == t) return;
    place(q, last, at);
    move_up(q, at);
    move_down(q, last->position);
}

static void make_room(struct timers *q) {
    if (q->len < q->cap) return;
    q->cap = q->cap ? q->cap * 2 : 64;
    q->heap = realloc(q->heap, q->cap * sizeof(*q->heap));
    CHECK(q->heap != NULL);
}

static void place(struct timers *q, struct timer *t, size_t at) {
    q->heap[at] = t;
    t->position = at;
}

static void move_up(struct timers *q, size_t at) {
    struct timer *t = q->heap[at];
    while (at > 0 && t->armed_ms < q->heap[(at - 1) / 2]->armed_ms) {
        place(q, q->heap[(at - 1) / 2], at);
        at = (at - 1) / 2;
    }
    place(q, t, at);
}

static void move_down(struct timers *q, size_t at) {
    struct timer *t = q->heap[at];
    for (size_t child = 2 * at + 1; child < q->len; child = 2 * at + 1) {
        if (child + 1 < q->len && q->heap[child + 1]->armed_ms < q->heap[child]->armed_ms) child++;
        if (q->heap[child]->armed_ms >= t->armed_ms) break;
        place(q, q->heap[child], at);
        at = child;
    }
    place(q, t, at);
}
