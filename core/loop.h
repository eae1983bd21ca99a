// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/progress.h"

// The event loop of a process: libevent's event_base plus two things it lacks: work at the end of the
// turn (tasks; streams are written there) and timers that are cheap to move into the future.
struct loop;
struct event_base;
struct timers;
struct pipes;
struct blocks;

struct loop *loop_new(void);
void loop_free(struct loop *loop);
void loop_run(struct loop *loop);  // until loop_stop()
void loop_stop(struct loop *loop); // after this turn
// Runs one turn (for tests); blocks for at most max_ms.
void loop_turn(struct loop *loop, int max_ms);

// A timer. Embedded in its owner, without memory of its own. Its deadline may be moved later at no cost:
// it is put in its new place when it would have fired early. Fires from the loop, once per timer_set().
struct timer {
    struct loop *loop;
    ready_fn *on_time;
    void *arg;
    uint64_t deadline_ms; // 0: not set
    uint64_t armed_ms;    // its place in the queue of timers; 0: not in it
    size_t position;
};
void timer_init(struct timer *t, struct loop *loop, ready_fn *on_time, void *arg);
void timer_fini(struct timer *t);
void timer_set(struct timer *t, uint64_t in_ms); // from the time of this turn
void timer_clear(struct timer *t);
bool timer_is_set(const struct timer *t);

// A task runs once at the end of the current turn (or before the loop sleeps next). Embedded. Adding
// a task that waits already does nothing. Tasks that tasks add run in the same turn, but a task that adds
// itself again runs in the next (so do all when tasks go on adding each other).
struct task {
    struct task *next; // NULL: does not wait
    struct task *previous;
    ready_fn *run;
    void *arg;
};
void task_init(struct task *t, ready_fn *run, void *arg);
bool task_is_waiting(const struct task *t);
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

// How much the buffers of all streams should hold together (blocks_share() in core/buffer.h); no bound at first.
void loop_set_buffer_budget(struct loop *loop, size_t bytes);

// For core/ only: libevent's base, and what each callback of an event of core/ calls before anything
// else (the first one of a turn reads the clock).
struct event_base *loop_base(struct loop *loop);
void loop_begin_turn(struct loop *loop);
struct timers *loop_timers(struct loop *loop);
struct pipes *loop_pipes(struct loop *loop);
struct blocks *loop_blocks(struct loop *loop);
