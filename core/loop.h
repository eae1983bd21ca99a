// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/progress.h"

// The event loop of a process: libevent's event_base plus two things it lacks: work at the end of the
// turn (tasks; streams are written there) and timers that are cheap to move into the future.
struct loop;
struct event_base;
struct event;

struct loop *loop_new(void);
void loop_free(struct loop *loop);
void loop_run(struct loop *loop);  // until loop_stop()
void loop_stop(struct loop *loop); // after this turn
// Runs one turn (for tests); blocks for at most max_ms.
void loop_turn(struct loop *loop, int max_ms);
struct event_base *loop_base(struct loop *loop); // for core/ only
// Every callback from libevent calls this first: the first one of a turn reads the clock. For core/ only.
void loop_begin_turn(struct loop *loop);

// A timer. Embedded in its owner. Its deadline may be moved later at no cost: it is re-armed when it
// fires early. Fires from the loop, once per timer_set().
struct timer {
    struct loop *loop;
    struct event *event; // made on first use
    ready_fn *on_time;
    void *arg;
    uint64_t deadline_ms; // 0: not set
    uint64_t armed_ms;    // when libevent will wake us; 0: not armed
};
void timer_init(struct timer *t, struct loop *loop, ready_fn *on_time, void *arg);
void timer_fini(struct timer *t);
void timer_set(struct timer *t, uint64_t in_ms); // from the time of this turn
void timer_clear(struct timer *t);
bool timer_is_set(const struct timer *t);

// A task runs once at the end of the current turn (or before the loop sleeps next). Embedded. Adding
// a task that waits already does nothing. Tasks that tasks add run in the same turn, but a task that adds
// itself again runs in the next.
struct task {
    struct task *next;
    ready_fn *run;
    void *arg;
    bool is_waiting;
};
void task_init(struct task *t, ready_fn *run, void *arg);
void loop_add_task(struct loop *loop, struct task *t);
// Takes a waiting task back (its owner is about to be freed).
void loop_remove_task(struct loop *loop, struct task *t);
// Tasks of the last kind run after all others of the turn: writing to the sockets.
void loop_add_last_task(struct loop *loop, struct task *t);

// Watches a descriptor for readability, or a signal; owner frees with loop_unwatch().
struct watch;
struct watch *loop_watch_fd(struct loop *loop, int fd, ready_fn *on_readable, void *arg);
struct watch *loop_watch_signal(struct loop *loop, int signal_number, ready_fn *on_signal,
                                void *arg);
void loop_unwatch(struct watch *w);
