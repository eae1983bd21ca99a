// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "http/doors.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/check.h"
#include "core/listener.h"
#include "core/log.h"

enum { FULL_CHECK_MS = 20, DESCRIPTORS_RESERVED = 64 };

struct door {
    struct doors *doors;
    const struct listen_conf *conf;
    unsigned max_clients;
    int fd;
    struct listener *listener;
    bool is_full; // paused until there are fewer clients
};

struct doors {
    struct loop *loop;
    struct service *service;
    struct timer recheck; // set while a door is full
    size_t count;
    struct door at[];
};

static void open_door(struct doors *d, struct door *door, const struct listen_conf *conf, int fd);
static unsigned clients_by_descriptors(void);
static void on_accepted(void *arg, int fd, const struct address *client);
static void recheck(void *arg);

struct doors *doors_new(const struct doors_conf *conf, struct delivery *from) {
    struct doors *d = calloc(1, sizeof *d + conf->count * sizeof d->at[0]);
    CHECK(d);
    d->loop = conf->loop;
    d->service = conf->service;
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
    if (service_client_count(d->service) < door->max_clients) return;
    log_repeated(LOG_LEVEL_WARN, "door full",
                 "%s: %u clients are connected; more are not accepted until some go",
                 door->conf->text, door->max_clients);
    door->is_full = true;
    listener_pause(door->listener);
    timer_set(&d->recheck, FULL_CHECK_MS);
}

static void recheck(void *arg) {
    struct doors *d = arg;
    unsigned clients = service_client_count(d->service);
    bool any_full = false;
    for (size_t i = 0; i < d->count; i++) {
        struct door *door = &d->at[i];
        if (!door->is_full) continue;
        if (clients >= door->max_clients) {
            any_full = true;
            continue;
        }
        door->is_full = false;
        listener_resume(door->listener);
    }
    if (any_full) timer_set(&d->recheck, FULL_CHECK_MS);
}
