// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/dial.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/check.h"
#include "core/resolver.h"

struct dial {
    struct loop *loop;
    const struct endpoint *to;
    dialled_fn *on_dialled;
    void *arg;
    struct lookup lookup;
    struct resolved addresses;
    size_t next; // the address that is tried next
    int fd;      // of the attempt that is under way; -1: none
    struct event writable;
    struct timer limit;
    struct task end; // tells the owner, from the loop
    enum dial_failure failure;
    char why[160];
};

static void on_resolved(void *arg, const struct resolved *r);
static void try_next(struct dial *d);
static int open_socket(const struct address *a);
static void on_connected(evutil_socket_t fd, short what, void *arg);
static void note_failure(struct dial *d, enum dial_failure failure, const char *text);
static void on_limit(void *arg);
static void end(void *arg);
static void free_dial(struct dial *d);

struct dial *dial_start(struct loop *loop, struct resolver *r, const struct endpoint *to,
                        unsigned timeout_ms, dialled_fn *on_dialled, void *arg) {
    struct dial *d = calloc(1, sizeof(*d));
    CHECK(d);
    d->loop = loop;
    d->to = to;
    d->on_dialled = on_dialled;
    d->arg = arg;
    d->fd = -1;
    timer_init(&d->limit, loop, on_limit, d);
    task_init(&d->end, end, d);
    timer_set(&d->limit, timeout_ms);
    if (to->host) {
        d->lookup = (struct lookup){.on_resolved = on_resolved, .arg = d};
        resolver_lookup(r, to->host, &d->lookup);
    } else {
        d->addresses.at[0] = to->address;
        d->addresses.count = 1;
        try_next(d);
    }
    return d;
}

void dial_cancel(struct dial *d) {
    if (d->fd >= 0) {
        event_del(&d->writable);
        close(d->fd);
    }
    free_dial(d);
}

static void on_resolved(void *arg, const struct resolved *r) {
    struct dial *d = arg;
    if (r->count == 0) {
        note_failure(d, DIAL_NO_NAME, r->why);
        return;
    }
    d->addresses = *r;
    for (size_t i = 0; i < r->count; i++) {
        struct address *a = &d->addresses.at[i];
        if (a->any.sa_family == AF_INET) a->v4.sin_port = htons((uint16_t)d->to->port);
        if (a->any.sa_family == AF_INET6) a->v6.sin6_port = htons((uint16_t)d->to->port);
    }
    try_next(d);
}

// Tries one address after the other, until one is under way or none is left.
static void try_next(struct dial *d) {
    while (d->next < d->addresses.count) {
        const struct address *a = &d->addresses.at[d->next++];
        d->fd = open_socket(a);
        if (d->fd < 0) {
            note_failure(d, DIAL_NO_DESCRIPTOR, strerror(errno));
            return;
        }
        bool is_under_way = connect(d->fd, &a->any, a->len) == 0 || errno == EINPROGRESS;
        if (is_under_way) {
            event_assign(&d->writable, loop_base(d->loop), d->fd, EV_WRITE, on_connected, d);
            CHECK(event_add(&d->writable, NULL) == 0);
            return;
        }
        note_failure(d, DIAL_REFUSED, strerror(errno));
        close(d->fd);
        d->fd = -1;
    }
}

static int open_socket(const struct address *a) {
    int on = 1;
    int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && a->any.sa_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

static void on_connected(evutil_socket_t fd, short what, void *arg) {
    (void)what;
    struct dial *d = arg;
    int error = 0;
    socklen_t len = sizeof(error);
    loop_begin_turn(d->loop);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) error = errno;
    if (error == 0) {
        d->failure = DIAL_OK;
        d->why[0] = '\0';
        loop_add_task(d->loop, &d->end);
        return;
    }
    note_failure(d, DIAL_REFUSED, strerror(error));
    close(d->fd);
    d->fd = -1;
    try_next(d);
}

// The owner hears of it when no other address is left.
static void note_failure(struct dial *d, enum dial_failure failure, const char *text) {
    d->failure = failure;
    snprintf(d->why, sizeof(d->why), "%s: %s", d->to->text, text);
    if (d->next >= d->addresses.count || failure == DIAL_NO_DESCRIPTOR)
        loop_add_task(d->loop, &d->end);
}

static void on_limit(void *arg) {
    struct dial *d = arg;
    if (task_is_waiting(&d->end)) return;
    if (d->fd >= 0) {
        event_del(&d->writable);
        close(d->fd);
        d->fd = -1;
    }
    d->failure = d->lookup.name ? DIAL_NO_NAME : DIAL_TIMEOUT;
    snprintf(d->why, sizeof(d->why), "%s: %s", d->to->text,
             d->lookup.name ? "no answer from the name servers in time" : "no answer in time");
    end(d);
}

static void end(void *arg) {
    struct dial *d = arg;
    int fd = d->fd;
    enum dial_failure failure = d->failure;
    char why[sizeof(d->why)];
    memcpy(why, d->why, sizeof(why));
    dialled_fn *on_dialled = d->on_dialled;
    void *owner = d->arg;
    free_dial(d);
    on_dialled(owner, fd, failure, why);
}

static void free_dial(struct dial *d) {
    resolver_forget(&d->lookup);
    loop_remove_task(d->loop, &d->end);
    timer_fini(&d->limit);
    free(d);
}
