// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/acceptors.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/check.h"
#include "core/clock.h"
#include "core/listener.h"
#include "core/log.h"
#include "core/pipes.h"

// Who is ahead looks every millisecond whether it still is, but leaves no client waiting for longer than YIELD_MOST_MS: the others may be
// busy, or gone.
enum {
    FULL_CHECK_MS = 20,
    YIELD_MS = 1,
    YIELD_MOST_MS = 20,
    IDLE_LEAST_MS = 1000, // before it is closed for another: who has just come is to be read
    ACCEPTS_AFTER_YIELD = 2,
    DESCRIPTORS_RESERVED = 64
};

enum acceptor_state {
    ACCEPTOR_OPEN,
    ACCEPTOR_FULL,   // paused until there are fewer clients
    ACCEPTOR_YIELDS, // paused for a moment: the other workers have fewer
};

struct acceptor {
    struct acceptors *acceptors;
    const struct listen_conf *conf;
    unsigned max_clients;
    int fd;
    struct listener *listener;
    enum acceptor_state state;
    uint64_t yields_until_ms;
    unsigned unasked; // clients that are taken before the others are looked at again
};

struct acceptors {
    struct loop *loop;
    struct service *service;
    struct scoreboard *board;
    unsigned row;
    struct timer recheck; // set while one is not open
    size_t count;
    struct acceptor at[];
};

static void open_acceptor(struct acceptors *d, struct acceptor *a, const struct listen_conf *conf,
                          int fd);
static unsigned clients_by_descriptors(void);
static void on_accepted(void *arg, int fd, const struct address *client);
static bool is_full(const struct acceptor *a);
static void shut(struct acceptor *a, enum acceptor_state state, unsigned ms);
static void recheck(void *arg);
static bool may_yield_longer(const struct acceptor *a);

struct acceptors *acceptors_new(const struct acceptors_conf *conf, struct delivery *from) {
    struct acceptors *d = calloc(1, sizeof *d + conf->count * sizeof d->at[0]);
    CHECK(d);
    d->loop = conf->loop;
    d->service = conf->service;
    d->board = conf->board;
    d->row = conf->row;
    d->count = conf->count;
    timer_init(&d->recheck, conf->loop, recheck, d);
    for (size_t i = 0; i < d->count; i++)
        open_acceptor(d, &d->at[i], &conf->listens[i], delivery_take_listener(from, i));
    return d;
}

static void open_acceptor(struct acceptors *d, struct acceptor *a, const struct listen_conf *conf,
                          int fd) {
    CHECK(fd >= 0);
    *a = (struct acceptor){.acceptors = d, .conf = conf, .fd = fd};
    a->max_clients = conf->max_connections ? conf->max_connections : clients_by_descriptors();
    a->listener = listener_new(d->loop, fd, on_accepted, a);
}

void acceptors_free(struct acceptors *d) {
    if (!d) return;
    for (size_t i = 0; i < d->count; i++) {
        listener_free(d->at[i].listener);
        close(d->at[i].fd);
    }
    timer_fini(&d->recheck);
    free(d);
}

// Every client may need a backend connection of its own: who is let in must be served.
static unsigned clients_by_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return DESCRIPTORS_RESERVED;
    if (limit.rlim_cur > 1u << 22) return 1u << 21;
    rlim_t half = limit.rlim_cur / 2;
    rlim_t reserved = half < DESCRIPTORS_RESERVED ? half : DESCRIPTORS_RESERVED;
    return (unsigned)(limit.rlim_cur - reserved - pipes_descriptors_max()) / 2;
}

static void on_accepted(void *arg, int fd, const struct address *client) {
    struct acceptor *a = arg;
    struct acceptors *d = a->acceptors;
    service_accept(d->service, a->conf, fd, client);
    if (is_full(a)) {
        log_repeated(LOG_LEVEL_WARN, "acceptor full",
                     "%s: %u clients are connected; more are not accepted until some go",
                     a->conf->text, a->max_clients);
        shut(a, ACCEPTOR_FULL, FULL_CHECK_MS);
    } else if (a->unasked > 0) {
        a->unasked--;
    } else if (d->board && scoreboard_is_ahead(d->board, d->row)) {
        a->yields_until_ms = clock_ms() + YIELD_MOST_MS;
        shut(a, ACCEPTOR_YIELDS, YIELD_MS);
    }
}

// Also makes room, where that is wanted.
static bool is_full(const struct acceptor *a) {
    struct service *s = a->acceptors->service;
    if (service_client_count(s) < a->max_clients) return false;
    if (!a->conf->makes_room || !service_make_room(s, IDLE_LEAST_MS)) return true;
    log_repeated(LOG_LEVEL_WARN, "acceptor room",
                 "%s: %u clients are connected; who was idle longest is closed for the next",
                 a->conf->text, a->max_clients);
    return false;
}

static void shut(struct acceptor *a, enum acceptor_state state, unsigned ms) {
    a->state = state;
    listener_pause(a->listener);
    timer_set(&a->acceptors->recheck, ms);
}

static void recheck(void *arg) {
    struct acceptors *d = arg;
    unsigned again_ms = 0;
    for (size_t i = 0; i < d->count; i++) {
        struct acceptor *a = &d->at[i];
        if (a->state == ACCEPTOR_OPEN) continue;
        if (a->state == ACCEPTOR_FULL && is_full(a)) {
            if (again_ms == 0) again_ms = FULL_CHECK_MS;
            continue;
        }
        if (may_yield_longer(a)) {
            again_ms = YIELD_MS;
            continue;
        }
        a->unasked = a->state == ACCEPTOR_YIELDS ? ACCEPTS_AFTER_YIELD : 0;
        a->state = ACCEPTOR_OPEN;
        listener_resume(a->listener);
    }
    if (again_ms > 0) timer_set(&d->recheck, again_ms);
}

static bool may_yield_longer(const struct acceptor *a) {
    const struct acceptors *d = a->acceptors;
    return a->state == ACCEPTOR_YIELDS && clock_ms() < a->yields_until_ms &&
           scoreboard_is_ahead(d->board, d->row);
}
