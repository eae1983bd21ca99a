// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "http/waiting.h"

#include <stdlib.h>

#include "core/check.h"

enum { BUCKETS = 64, TICK_MS = 10 };

struct queue {
    struct waiting_room *room;
    struct wanted what;
    struct waiter *first, *last;
    struct waiter *turn; // whose turn it is
    unsigned count, choosy_count;
    unsigned left; // how many have left in all
    bool is_being_served;
    struct task serve;
    struct queue *next; // in its bucket
};

struct waiting_room {
    struct loop *loop;
    struct timer tick;
    unsigned count;
    struct queue *buckets[BUCKETS];
};

static unsigned count_like(const struct queue *q, const struct waiter *w);
static struct queue **place_of(const struct waiting_room *r, struct wanted what);
static struct queue *add_queue(struct waiting_room *r, struct wanted what);
static void free_if_empty(struct queue *q);
static void on_tick(void *arg);
static void serve(void *arg);
static bool give_turn(struct queue *q, struct waiter *w);

struct waiting_room *waiting_room_new(struct loop *loop) {
    struct waiting_room *r = calloc(1, sizeof *r);
    CHECK(r);
    r->loop = loop;
    timer_init(&r->tick, loop, on_tick, r);
    return r;
}

void waiting_room_free(struct waiting_room *r) {
    if (!r) return;
    CHECK(r->count == 0);
    timer_fini(&r->tick);
    free(r);
}

unsigned waiting_room_count(const struct waiting_room *r) {
    return r->count;
}

// Who takes just anything waits behind everybody like it; who is choosy waits behind everybody, for it cannot know who else wants
// the same. And when a queue is about to be served, what was given back is for those who stand in it.
bool waiter_may_try(const struct waiting_room *r, const struct waiter *w, struct wanted what) {
    if (w->queue) return w->queue->turn == w;
    if (r->count == 0) return true;
    const struct queue *q = *place_of(r, what);
    if (!q || q->count == 0) return true;
    bool is_before_all = !w->is_choosy && q->count == q->choosy_count;
    return is_before_all && !task_is_waiting(&q->serve) && !q->is_being_served;
}

bool waiter_wait(struct waiting_room *r, struct waiter *w, struct wanted what, unsigned max) {
    if (w->queue) return true;
    struct queue *q = *place_of(r, what);
    if (max == 0 || (q && count_like(q, w) >= max)) return false;
    if (!q) q = add_queue(r, what);
    w->queue = q;
    w->next = NULL;
    w->previous = q->last;
    *(q->last ? &q->last->next : &q->first) = w;
    q->last = w;
    q->count++;
    q->choosy_count += w->is_choosy;
    // it may have come without a try although there is what it wants
    if (w->is_choosy && q->count > 1) loop_add_task(r->loop, &q->serve);
    if (r->count++ == 0) timer_set(&r->tick, TICK_MS);
    return true;
}

void waiter_leave(struct waiter *w) {
    struct queue *q = w->queue;
    if (!q) return;
    *(w->previous ? &w->previous->next : &q->first) = w->next;
    *(w->next ? &w->next->previous : &q->last) = w->previous;
    w->queue = NULL;
    w->next = w->previous = NULL;
    q->count--;
    q->choosy_count -= w->is_choosy;
    q->left++;
    q->room->count--;
    free_if_empty(q);
}

void waiting_room_call(struct waiting_room *r, struct wanted what) {
    if (r->count == 0) return;
    struct queue *q = *place_of(r, what);
    if (q) loop_add_task(r->loop, &q->serve);
}

static unsigned count_like(const struct queue *q, const struct waiter *w) {
    return w->is_choosy ? q->choosy_count : q->count - q->choosy_count;
}

static struct queue **place_of(const struct waiting_room *r, struct wanted what) {
    uint64_t hash = ((uint64_t)(uintptr_t)what.of ^ what.key) * 0x9e3779b97f4a7c15;
    struct queue **place = (struct queue **)&r->buckets[hash >> 58];
    while (*place && ((*place)->what.of != what.of || (*place)->what.key != what.key))
        place = &(*place)->next;
    return place;
}

static struct queue *add_queue(struct waiting_room *r, struct wanted what) {
    struct queue *q = calloc(1, sizeof *q);
    CHECK(q);
    q->room = r;
    q->what = what;
    task_init(&q->serve, serve, q);
    *place_of(r, what) = q;
    return q;
}

static void free_if_empty(struct queue *q) {
    if (q->count > 0 || q->is_being_served) return;
    struct waiting_room *r = q->room;
    loop_remove_task(r->loop, &q->serve);
    struct queue **place = place_of(r, q->what);
    *place = q->next;
    free(q);
}

static void on_tick(void *arg) {
    struct waiting_room *r = arg;
    for (unsigned i = 0; i < BUCKETS; i++)
        for (struct queue *q = r->buckets[i]; q; q = q->next) loop_add_task(r->loop, &q->serve);
    if (r->count > 0) timer_set(&r->tick, TICK_MS);
}

// Once somebody who takes just anything got nothing, nobody like it needs to try.
static void serve(void *arg) {
    struct queue *q = arg;
    struct waiter *next;
    bool has_any = true;
    q->is_being_served = true;
    for (struct waiter *w = q->first; w; w = next) {
        next = w->next;
        if (w->is_choosy)
            (void)give_turn(q, w);
        else if (has_any)
            has_any = give_turn(q, w);
    }
    q->is_being_served = false;
    free_if_empty(q);
}

// True: it waits no more. It may be gone by then.
static bool give_turn(struct queue *q, struct waiter *w) {
    unsigned left = q->left;
    q->turn = w;
    w->on_turn(w->arg);
    q->turn = NULL;
    return q->left != left;
}
