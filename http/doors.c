// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "http/doors.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/check.h"
#include "core/listener.h"
#include "core/log.h"

enum { FULL_CHECK_MS = 20, YIELD_MS = 1, ACCEPTS_AFTER_YIELD = 2, DESCRIPTORS_RESERVED = 64 };

enum door_state {
    DOOR_OPEN,
    DOOR_FULL,   // paused until there are fewer clients
    DOOR_YIELDS, // paused for a moment: the other workers have fewer
};

struct door {
    struct doors *doors;
    const struct listen_conf *conf;
    unsigned max_clients;
    int fd;
    struct listener *listener;
    enum door_state state;
    unsigned unasked; // clients that are taken before the others are looked at again
};

struct doors {
    struct loop *loop;
    struct service *service;
    struct board *board;
    unsigned row;
    struct timer recheck; // set while a door is not open
    size_t count;
    struct door at[];
};

static void open_door(struct doors *d, struct door *door, const struct listen_conf *conf, int fd);
static unsigned clients_by_descriptors(void);
static void on_accepted(void *arg, int fd, const struct address *client);
static void shut(struct door *door, enum door_state state, unsigned ms);
static void recheck(void *arg);

struct doors *doors_new(const struct doors_conf *conf, struct delivery *from) {
    struct doors *d = calloc(1, sizeof *d + conf->count * sizeof d->at[0]);
    CHECK(d);
    d->loop = conf->loop;
    d->service = conf->service;
    d->board = conf->board;
    d->row = conf->row;
    d->count = conf->count;
    timer_init(&d->recheck, conf->loop, recheck, d);
    for (size_t i = 0; i < d->count; i++)
        open_door(d, &d->at[i], &conf->listens[i], delivery_take_listener(from, i));
    return d;
}

static void open_door(struct doors *d, struct door *door, const struct listen_conf *conf, int fd) {
    CHECK(fd >= 0);
    *door = (struct door){.doors = d, .conf = conf, .fd = fd};
    door->max_clients = conf->max_connections ? conf->max_connections : clients_by_descriptors();
    door->listener = listener_new(d->loop, fd, on_accepted, door);
}

void doors_free(struct doors *d) {
    if (!d) return;
    for (size_t i = 0; i < d->count; i++) {
        listener_free(d->at[i].listener);
        close(d->at[i].fd);
    }
    timer_fini(&d->recheck);
    free(d);
}

// Every client may need a backend connection of its own.
static unsigned clients_by_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < 4 * DESCRIPTORS_RESERVED)
        return DESCRIPTORS_RESERVED;
    if (limit.rlim_cur > 1u << 22) return 1u << 21;
    return (unsigned)(limit.rlim_cur - DESCRIPTORS_RESERVED) / 2;
}

static void on_accepted(void *arg, int fd, const struct address *client) {
    struct door *door = arg;
    struct doors *d = door->doors;
    service_accept(d->service, door->conf, fd, client);
    if (service_client_count(d->service) >= door->max_clients) {
        log_repeated(LOG_LEVEL_WARN, "door full",
                     "%s: %u clients are connected; more are not accepted until some go",
                     door->conf->text, door->max_clients);
        shut(door, DOOR_FULL, FULL_CHECK_MS);
    } else if (door->unasked > 0) {
        door->unasked--;
    } else if (d->board && board_is_ahead(d->board, d->row)) {
        shut(door, DOOR_YIELDS, YIELD_MS);
    }
}

static void shut(struct door *door, enum door_state state, unsigned ms) {
    door->state = state;
    listener_pause(door->listener);
    timer_set(&door->doors->recheck, ms);
}

static void recheck(void *arg) {
    struct doors *d = arg;
    unsigned clients = service_client_count(d->service);
    bool any_full = false;
    for (size_t i = 0; i < d->count; i++) {
        struct door *door = &d->at[i];
        if (door->state == DOOR_OPEN) continue;
        if (door->state == DOOR_FULL && clients >= door->max_clients) {
            any_full = true;
            continue;
        }
        door->unasked = door->state == DOOR_YIELDS ? ACCEPTS_AFTER_YIELD : 0;
        door->state = DOOR_OPEN;
        listener_resume(door->listener);
    }
    if (any_full) timer_set(&d->recheck, FULL_CHECK_MS);
}
