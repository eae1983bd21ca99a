// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/loop.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <sys/time.h>

#include "core/buffer.h"
#include "core/check.h"
#include "core/clock.h"
#include "core/pipes.h"
#include "core/timers.h"

// A turn: libevent waits and calls back; then the tasks run; then the last tasks. Tasks may make more of both.
struct loop {
    struct event_base *base;
    struct timers timers;
    struct pipes *pipes;
    struct blocks *blocks;    // for the buffers of streams
    struct event timer_event; // for the first of the timers, or earlier
    struct event limit_event; // loop_turn()
    uint64_t timer_ms;        // when timer_event fires; 0: not added
    struct task tasks;        // heads of rings
    struct task last_tasks;
    struct task next_turn; // tasks that added themselves while they ran
    const struct task *running;
    bool is_entered; // the clock has been read in this turn
    bool is_stopped;
};

// Passes over the tasks of one turn, so that tasks that go on adding each other cannot keep the loop from its sockets.
#define TASK_PASSES_MAX 32

static void ring_init(struct task *head);
static bool ring_is_empty(const struct task *head);
static void ring_add(struct task *head, struct task *t);
static void ring_remove(struct task *t);
static void ring_move(struct task *to, struct task *from);
static void on_timer(evutil_socket_t fd, short what, void *arg);
static void on_limit(evutil_socket_t fd, short what, void *arg);
static void turn(struct loop *loop, bool may_sleep);
static void arm_timers(struct loop *loop);
static void run_tasks(struct loop *loop);
static void run_pass(struct loop *loop, struct task *head);
static void add_to(struct loop *loop, struct task *head, struct task *t);

struct loop *loop_new(void) {
    struct loop *loop = calloc(1, sizeof(*loop));
    CHECK(loop != NULL);
    struct event_config *config = event_config_new();
    CHECK(config != NULL);
    // With the changelist an event that is added and deleted within a turn costs no system call. It forbids
    // descriptors that are closed while their event is added: core/ always deletes first.
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV |
                                      EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
    loop->base = event_base_new_with_config(config);
    event_config_free(config);
    CHECK(loop->base != NULL);
    loop->pipes = pipes_new();
    loop->blocks = blocks_new();
    ring_init(&loop->tasks);
    ring_init(&loop->last_tasks);
    ring_init(&loop->next_turn);
    CHECK(evtimer_assign(&loop->timer_event, loop->base, on_timer, loop) == 0);
    CHECK(evtimer_assign(&loop->limit_event, loop->base, on_limit, loop) == 0);
    clock_update();
    return loop;
}

void loop_free(struct loop *loop) {
    if (!loop) return;
    ring_move(&loop->tasks, &loop->next_turn);
    run_tasks(loop); // streams that were freed in the last turn go here
    event_del(&loop->timer_event);
    event_del(&loop->limit_event);
    event_base_free(loop->base);
    timers_fini(&loop->timers);
    pipes_free(loop->pipes);
    blocks_free(loop->blocks);
    free(loop);
}

void loop_run(struct loop *loop) {
    loop->is_stopped = false;
    while (!loop->is_stopped) turn(loop, true);
}

void loop_stop(struct loop *loop) {
    loop->is_stopped = true;
}

void loop_turn(struct loop *loop, int max_ms) {
    struct timeval limit = {max_ms / 1000, (max_ms % 1000) * 1000};
    if (max_ms > 0) CHECK(event_add(&loop->limit_event, &limit) == 0);
    turn(loop, max_ms > 0);
    event_del(&loop->limit_event);
}

struct event_base *loop_base(struct loop *loop) {
    return loop->base;
}

struct timers *loop_timers(struct loop *loop) {
    return &loop->timers;
}

struct pipes *loop_pipes(struct loop *loop) {
    return loop->pipes;
}

struct blocks *loop_blocks(struct loop *loop) {
    return loop->blocks;
}

void loop_set_buffer_budget(struct loop *loop, size_t bytes) {
    blocks_set_budget(loop->blocks, bytes);
}

void loop_begin_turn(struct loop *loop) {
    if (loop->is_entered) return;
    loop->is_entered = true;
    clock_update();
}

void task_init(struct task *t, ready_fn *run, void *arg) {
    *t = (struct task){.run = run, .arg = arg};
}

bool task_is_waiting(const struct task *t) {
    return t->next != NULL;
}

void loop_add_task(struct loop *loop, struct task *t) {
    add_to(loop, &loop->tasks, t);
}

void loop_add_last_task(struct loop *loop, struct task *t) {
    add_to(loop, &loop->last_tasks, t);
}

void loop_remove_task(struct loop *loop, struct task *t) {
    if (task_is_waiting(t)) ring_remove(t);
    // The same memory may become another task while this one still runs.
    if (loop->running == t) loop->running = NULL;
}

static void add_to(struct loop *loop, struct task *head, struct task *t) {
    if (task_is_waiting(t)) return;
    ring_add(loop->running == t ? &loop->next_turn : head, t);
}

static void turn(struct loop *loop, bool may_sleep) {
    ring_move(&loop->tasks, &loop->next_turn);
    bool is_idle = ring_is_empty(&loop->tasks) && ring_is_empty(&loop->last_tasks);
    if (!is_idle) may_sleep = false;
    arm_timers(loop);
    loop->is_entered = false;
    // EVLOOP_NONBLOCK alone goes on until no descriptor is ready.
    int how = EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY | (may_sleep ? 0 : EVLOOP_NONBLOCK);
    CHECK(event_base_loop(loop->base, how) == 0);
    loop_begin_turn(loop);
    run_tasks(loop);
}

static void arm_timers(struct loop *loop) {
    uint64_t next_ms = timers_next_ms(&loop->timers);
    if (next_ms == 0 || (loop->timer_ms && loop->timer_ms <= next_ms)) return;
    uint64_t now_ms = clock_ms();
    uint64_t in_ms = next_ms > now_ms ? next_ms - now_ms : 0;
    struct timeval in = {(time_t)(in_ms / 1000), (suseconds_t)(in_ms % 1000) * 1000};
    CHECK(event_add(&loop->timer_event, &in) == 0);
    loop->timer_ms = next_ms;
}

static void on_timer(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    struct loop *loop = arg;
    loop_begin_turn(loop);
    loop->timer_ms = 0;
    timers_fire(&loop->timers, clock_ms());
}

static void on_limit(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    loop_begin_turn(arg);
}

static void run_tasks(struct loop *loop) {
    for (int passes = 0; passes < TASK_PASSES_MAX; passes++) {
        if (!ring_is_empty(&loop->tasks)) {
            run_pass(loop, &loop->tasks);
        } else if (!ring_is_empty(&loop->last_tasks)) {
            run_pass(loop, &loop->last_tasks);
        } else {
            return;
        }
    }
}

// Runs those that wait now; the ones that they add form the next pass.
static void run_pass(struct loop *loop, struct task *head) {
    struct task pass;
    ring_init(&pass);
    ring_move(&pass, head);
    while (!ring_is_empty(&pass)) {
        struct task *t = pass.next;
        ring_remove(t);
        loop->running = t;
        t->run(t->arg); // may free t
        loop->running = NULL;
    }
}

static void ring_init(struct task *head) {
    head->next = head->previous = head;
}

static bool ring_is_empty(const struct task *head) {
    return head->next == head;
}

static void ring_add(struct task *head, struct task *t) {
    t->next = head;
    t->previous = head->previous;
    head->previous->next = t;
    head->previous = t;
}

static void ring_remove(struct task *t) {
    t->previous->next = t->next;
    t->next->previous = t->previous;
    t->next = t->previous = NULL;
}

static void ring_move(struct task *to, struct task *from) {
    while (!ring_is_empty(from)) {
        struct task *t = from->next;
        ring_remove(t);
        ring_add(to, t);
    }
}
