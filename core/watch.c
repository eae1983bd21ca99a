// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>

#include "core/check.h"
#include "core/loop.h"

struct watch {
    struct event event;
    struct loop *loop;
    ready_fn *on_ready;
    void *arg;
};

static struct watch *watch_new(struct loop *loop, int number, short what, ready_fn *on_ready,
                               void *arg);
static void on_event(evutil_socket_t number, short what, void *arg);

struct watch *loop_watch_fd(struct loop *loop, int fd, ready_fn *on_readable, void *arg) {
    return watch_new(loop, fd, EV_READ | EV_PERSIST, on_readable, arg);
}

struct watch *loop_watch_signal(struct loop *loop, int signal_number, ready_fn *on_signal,
                                void *arg) {
    return watch_new(loop, signal_number, EV_SIGNAL | EV_PERSIST, on_signal, arg);
}

void loop_unwatch(struct watch *w) {
    if (!w) return;
    event_del(&w->event);
    free(w);
}

static struct watch *watch_new(struct loop *loop, int number, short what, ready_fn *on_ready,
                               void *arg) {
    struct watch *w = calloc(1, sizeof(*w));
    CHECK(w != NULL);
    w->loop = loop;
    w->on_ready = on_ready;
    w->arg = arg;
    CHECK(event_assign(&w->event, loop_base(loop), number, what, on_event, w) == 0);
    CHECK(event_add(&w->event, NULL) == 0);
    return w;
}

static void on_event(evutil_socket_t number, short what, void *arg) {
    (void)number, (void)what;
    struct watch *w = arg;
    loop_begin_turn(w->loop);
    w->on_ready(w->arg);
}
