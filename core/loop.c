// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/loop.h"

#include <event2/event.h>
#include <stdlib.h>

#include "core/check.h"
#include "core/clock.h"

// Tasks that go on adding each other get this many rounds of a turn; then the sockets have their say again.
enum { ROUNDS_MAX = 64 };

// A queue of tasks, first come first served.
struct queue {
    struct task *first, **end;
};

struct loop {
    struct event_base *base;
    struct queue tasks, last_tasks;
    bool is_stopping;
    bool has_begun_turn; // the clock was read in this turn
};

struct watch {
    struct loop *loop;
    struct event *event;
    ready_fn *on_ready;
    void *arg;
};

static void end_turn(struct loop *loop);
static void run_queue(struct queue *q);
static void queue_init(struct queue *q);
static void queue_add(struct queue *q, struct task *t);
static bool queue_remove(struct queue *q, struct task *t);
static void arm(struct timer *t);
static void on_timer(evutil_socket_t fd, short what, void *arg);
static struct watch *new_watch(struct loop *loop, int fd, short what, ready_fn *on_ready,
                               void *arg);
static void on_watch(evutil_socket_t fd, short what, void *arg);

struct loop *loop_new(void) {
    struct loop *loop = calloc(1, sizeof(*loop));
    CHECK(loop);
    struct event_config *config = event_config_new();
    CHECK(config);
    event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    loop->base = event_base_new_with_config(config);
    event_config_free(config);
    CHECK(loop->base);
    queue_init(&loop->tasks);
    queue_init(&loop->last_tasks);
    clock_update();
    return loop;
}

void loop_free(struct loop *loop) {
    if (!loop) return;
    end_turn(loop);
    event_base_free(loop->base);
    free(loop);
}

void loop_run(struct loop *loop) {
    loop->is_stopping = false;
    end_turn(loop); // what was added before the first turn
    while (!loop->is_stopping) loop_turn(loop, -1);
}

void loop_stop(struct loop *loop) {
    loop->is_stopping = true;
}

void loop_turn(struct loop *loop, int max_ms) {
    struct timeval limit = {max_ms / 1000, max_ms % 1000 * 1000};
    bool has_work = loop->tasks.first || loop->last_tasks.first;
    if (max_ms > 0 && !has_work) event_base_loopexit(loop->base, &limit);
    loop->has_begun_turn = false;
    event_base_loop(loop->base, EVLOOP_ONCE | (has_work || max_ms == 0 ? EVLOOP_NONBLOCK : 0));
    loop_begin_turn(loop);
    end_turn(loop);
}

void loop_begin_turn(struct loop *loop) {
    if (loop->has_begun_turn) return;
    loop->has_begun_turn = true;
    clock_update();
}

struct event_base *loop_base(struct loop *loop) {
    return loop->base;
}

static void end_turn(struct loop *loop) {
    for (int i = 0; i < ROUNDS_MAX && (loop->tasks.first || loop->last_tasks.first); i++) {
        while (loop->tasks.first && i++ < ROUNDS_MAX) run_queue(&loop->tasks);
        run_queue(&loop->last_tasks);
    }
}

// --- tasks ---

void task_init(struct task *t, ready_fn *run, void *arg) {
    *t = (struct task){.run = run, .arg = arg};
}

void loop_add_task(struct loop *loop, struct task *t) {
    queue_add(&loop->tasks, t);
}

void loop_add_last_task(struct loop *loop, struct task *t) {
    queue_add(&loop->last_tasks, t);
}

void loop_remove_task(struct loop *loop, struct task *t) {
    if (!t->is_waiting) return;
    bool was_there = queue_remove(&loop->tasks, t) || queue_remove(&loop->last_tasks, t);
    CHECK(was_there);
}

// Runs what waits now; what is added meanwhile waits for the next call. Tasks are taken one by one, so that one may remove another.
static void run_queue(struct queue *q) {
    struct task mark = {.run = NULL};
    queue_add(q, &mark);
    while (q->first != &mark) {
        struct task *t = q->first;
        queue_remove(q, t);
        t->run(t->arg);
    }
    queue_remove(q, &mark);
}

static void queue_init(struct queue *q) {
    q->first = NULL;
    q->end = &q->first;
}

static void queue_add(struct queue *q, struct task *t) {
    if (t->is_waiting) return;
    t->is_waiting = true;
    t->next = NULL;
    *q->end = t;
    q->end = &t->next;
}

static bool queue_remove(struct queue *q, struct task *t) {
    struct task **place = &q->first;
    while (*place && *place != t) place = &(*place)->next;
    if (!*place) return false;
    *place = t->next;
    if (q->end == &t->next) q->end = place;
    t->is_waiting = false;
    return true;
}

// --- timers ---

void timer_init(struct timer *t, struct loop *loop, ready_fn *on_time, void *arg) {
    *t = (struct timer){.loop = loop, .on_time = on_time, .arg = arg};
}

void timer_fini(struct timer *t) {
    if (t->event) event_free(t->event);
    t->event = NULL;
    t->deadline_ms = t->armed_ms = 0;
}

void timer_set(struct timer *t, uint64_t in_ms) {
    t->deadline_ms = clock_ms() + in_ms;
    if (t->armed_ms == 0 || t->armed_ms > t->deadline_ms) arm(t);
}

void timer_clear(struct timer *t) {
    t->deadline_ms = 0;
}

bool timer_is_set(const struct timer *t) {
    return t->deadline_ms != 0;
}

static void arm(struct timer *t) {
    if (!t->event) t->event = event_new(t->loop->base, -1, 0, on_timer, t);
    CHECK(t->event);
    uint64_t now_ms = clock_ms();
    uint64_t wait_ms = t->deadline_ms > now_ms ? t->deadline_ms - now_ms : 0;
    struct timeval wait = {(time_t)(wait_ms / 1000), (suseconds_t)(wait_ms % 1000 * 1000)};
    CHECK(event_add(t->event, &wait) == 0);
    t->armed_ms = t->deadline_ms;
}

// A deadline that moved into the future meanwhile is armed again; one that was cleared is let go.
static void on_timer(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    struct timer *t = arg;
    loop_begin_turn(t->loop);
    t->armed_ms = 0;
    if (t->deadline_ms == 0) return;
    if (t->deadline_ms > clock_ms()) {
        arm(t);
        return;
    }
    t->deadline_ms = 0;
    t->on_time(t->arg);
}

// --- descriptors and signals ---

struct watch *loop_watch_fd(struct loop *loop, int fd, ready_fn *on_readable, void *arg) {
    return new_watch(loop, fd, EV_READ | EV_PERSIST, on_readable, arg);
}

struct watch *loop_watch_signal(struct loop *loop, int signal_number, ready_fn *on_signal,
                                void *arg) {
    return new_watch(loop, signal_number, EV_SIGNAL | EV_PERSIST, on_signal, arg);
}

void loop_unwatch(struct watch *w) {
    if (!w) return;
    event_free(w->event);
    free(w);
}

static struct watch *new_watch(struct loop *loop, int fd, short what, ready_fn *on_ready,
                               void *arg) {
    struct watch *w = malloc(sizeof(*w));
    CHECK(w);
    *w = (struct watch){.loop = loop, .on_ready = on_ready, .arg = arg};
    w->event = event_new(loop->base, fd, what, on_watch, w);
    CHECK(w->event && event_add(w->event, NULL) == 0);
    return w;
}

static void on_watch(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    struct watch *w = arg;
    loop_begin_turn(w->loop);
    w->on_ready(w->arg);
}
