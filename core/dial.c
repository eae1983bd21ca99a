// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// An attempt to connect: resolve, then one address after the other, then tell the owner. Each address gets an equal
// share of the time that is left, so that one that swallows everything does not cost the others their turn.
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
#include "core/clock.h"
#include "core/resolver.h"

// A unix socket with a full backlog refuses at once where TCP would wait: asked again after this time.
enum { BUSY_RETRY_MS = 10 };
// Of a name that has more, the first ones are tried.
enum { ADDRESSES_MAX = 16 };

enum dial_state {
    DIAL_RESOLVING,
    DIAL_CONNECTING, // to addresses[current]; fd is open
    DIAL_BUSY,       // addresses[current] is a unix socket with a full backlog
    DIAL_ENDED,      // the end task waits; fd is what the owner gets
};

struct dial {
    struct loop *loop;
    const struct endpoint *to;
    dialled_fn *on_dialled;
    void *arg;
    enum dial_state state;
    struct lookup lookup;
    struct address addresses[ADDRESSES_MAX];
    size_t count;
    size_t current; // index of the address that is being tried
    int fd;
    struct event writable; // in use while DIAL_CONNECTING
    struct timer timer;    // of this address; while resolving: of all
    uint64_t deadline_ms;  // of all
    uint64_t address_deadline_ms;
    struct task end;
    enum dial_failure failure;
    char why[256];
};

static void on_resolved(void *arg, const struct resolved *r);
static void fail_name(struct dial *d, const char *why);
static void try_address(struct dial *d);
static void share_time(struct dial *d);
static void start_connecting(struct dial *d);
static int open_socket(const struct address *a);
static bool is_ours(int error);
static void on_writable(evutil_socket_t fd, short what, void *arg);
static void on_time(void *arg);
static void fail_address(struct dial *d, enum dial_failure failure, const char *text);
static void drop_socket(struct dial *d);
static void end_with(struct dial *d, enum dial_failure failure, const char *text);
static void tell_owner(void *arg);
static void free_dial(struct dial *d);

struct dial *dial_start(struct loop *loop, struct resolver *r, const struct endpoint *to,
                        unsigned timeout_ms, dialled_fn *on_dialled, void *arg) {
    struct dial *d = calloc(1, sizeof *d);
    CHECK(d);
    d->loop = loop;
    d->to = to;
    d->on_dialled = on_dialled;
    d->arg = arg;
    d->fd = -1;
    d->deadline_ms = clock_ms() + timeout_ms;
    timer_init(&d->timer, loop, on_time, d);
    task_init(&d->end, tell_owner, d);
    if (to->host) {
        d->state = DIAL_RESOLVING;
        d->lookup = (struct lookup){.on_resolved = on_resolved, .arg = d};
        timer_set(&d->timer, timeout_ms);
        resolver_lookup(r, to->host, &d->lookup);
    } else {
        d->addresses[0] = to->address;
        d->count = 1;
        try_address(d);
    }
    return d;
}

void dial_cancel(struct dial *d) {
    drop_socket(d);
    free_dial(d);
}

static void on_resolved(void *arg, const struct resolved *r) {
    struct dial *d = arg;
    if (r->count == 0) {
        fail_name(d, r->why);
        return;
    }
    d->count = r->count < ADDRESSES_MAX ? r->count : ADDRESSES_MAX;
    for (size_t i = 0; i < d->count; i++) {
        struct address *a = &d->addresses[i];
        *a = r->at[i];
        if (a->any.sa_family == AF_INET) a->v4.sin_port = htons((uint16_t)d->to->port);
        if (a->any.sa_family == AF_INET6) a->v6.sin6_port = htons((uint16_t)d->to->port);
    }
    try_address(d);
}

static void fail_name(struct dial *d, const char *why) {
    char text[128];
    snprintf(text, sizeof text, "no address for '%.60s' (%s)", d->to->host, why);
    end_with(d, DIAL_NO_NAME, text);
}

static void try_address(struct dial *d) {
    share_time(d);
    start_connecting(d);
}

static void share_time(struct dial *d) {
    uint64_t now_ms = clock_ms();
    uint64_t left_ms = d->deadline_ms > now_ms ? d->deadline_ms - now_ms : 0;
    uint64_t share_ms = left_ms / (d->count - d->current);
    d->address_deadline_ms = now_ms + share_ms;
    timer_set(&d->timer, share_ms);
}

static void start_connecting(struct dial *d) {
    const struct address *a = &d->addresses[d->current];
    d->fd = open_socket(a);
    int error = d->fd < 0 || connect(d->fd, &a->any, a->len) != 0 ? errno : 0;
    if (error == 0) {
        end_with(d, DIAL_OK, "");
    } else if (error == EINPROGRESS) {
        d->state = DIAL_CONNECTING;
        event_assign(&d->writable, loop_base(d->loop), d->fd, EV_WRITE, on_writable, d);
        CHECK(event_add(&d->writable, NULL) == 0);
    } else if (error == EAGAIN && a->any.sa_family == AF_UNIX) {
        drop_socket(d);
        d->state = DIAL_BUSY;
        timer_set(&d->timer, BUSY_RETRY_MS);
    } else {
        fail_address(d, is_ours(error) ? DIAL_NO_DESCRIPTOR : DIAL_REFUSED, strerror(error));
    }
}

static int open_socket(const struct address *a) {
    int on = 1;
    int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && a->any.sa_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

// Something that this machine has run out of; it says nothing about the other side.
static bool is_ours(int error) {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM ||
           error == EADDRNOTAVAIL;
}

static void on_writable(evutil_socket_t fd, short what, void *arg) {
    (void)what;
    struct dial *d = arg;
    int error = 0;
    socklen_t len = sizeof error;
    loop_begin_turn(d->loop);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) error = errno;
    if (error == 0) {
        end_with(d, DIAL_OK, "");
    } else {
        fail_address(d, DIAL_REFUSED, strerror(error));
    }
}

static void on_time(void *arg) {
    struct dial *d = arg;
    if (d->state == DIAL_RESOLVING) {
        fail_name(d, "the name servers did not answer in time");
    } else if (d->state == DIAL_BUSY && clock_ms() < d->address_deadline_ms) {
        start_connecting(d);
    } else if (d->state != DIAL_ENDED) {
        fail_address(d, DIAL_TIMEOUT, "no answer in time");
    }
}

static void fail_address(struct dial *d, enum dial_failure failure, const char *text) {
    drop_socket(d);
    if (d->current + 1 == d->count) {
        end_with(d, failure, text);
        return;
    }
    d->current++;
    try_address(d);
}

static void drop_socket(struct dial *d) {
    if (d->state == DIAL_CONNECTING) event_del(&d->writable);
    if (d->fd >= 0) close(d->fd);
    d->fd = -1;
}

static void end_with(struct dial *d, enum dial_failure failure, const char *text) {
    d->state = DIAL_ENDED;
    d->failure = failure;
    if (failure != DIAL_OK) snprintf(d->why, sizeof d->why, "%s: %s", d->to->text, text);
    resolver_forget(&d->lookup);
    timer_clear(&d->timer);
    loop_add_task(d->loop, &d->end);
}

static void tell_owner(void *arg) {
    struct dial *d = arg;
    int fd = d->fd;
    enum dial_failure failure = d->failure;
    char why[sizeof d->why];
    memcpy(why, d->why, sizeof why);
    dialled_fn *on_dialled = d->on_dialled;
    void *owner = d->arg;
    free_dial(d);
    on_dialled(owner, fd, failure, why);
}

static void free_dial(struct dial *d) {
    resolver_forget(&d->lookup);
    loop_remove_task(d->loop, &d->end);
    timer_fini(&d->timer);
    free(d);
}
