// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/delivery.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/check.h"

struct delivery {
    unsigned number;
    char *path;
    int packed_fd; // -1: built from
    int *listeners;
    size_t listener_count;
    struct generation *generation;
};

static int take_fd(int *fds, size_t fd_count);
static bool is_whole(const struct delivery *d);

struct delivery *delivery_new(unsigned number, struct slice path, int *fds, size_t fd_count) {
    struct delivery *d = calloc(1, sizeof *d);
    CHECK(d);
    *d = (struct delivery){.number = number, .packed_fd = take_fd(fds, fd_count)};
    d->path = strndup(path.at ? path.at : "", path.len);
    CHECK(d->path);
    return d;
}

void delivery_free(struct delivery *d) {
    if (!d) return;
    if (d->packed_fd >= 0) close(d->packed_fd);
    for (size_t i = 0; i < d->listener_count; i++)
        if (d->listeners[i] >= 0) close(d->listeners[i]);
    generation_unref(d->generation);
    free(d->listeners);
    free(d->path);
    free(d);
}

void delivery_add_listener(struct delivery *d, struct order order, int *fds, size_t fd_count) {
    if (order.number != d->number) return;
    CHECK(order.value == d->listener_count && order.value < LISTENS_MAX);
    d->listeners = realloc(d->listeners, (d->listener_count + 1) * sizeof *d->listeners);
    CHECK(d->listeners);
    d->listeners[d->listener_count++] = take_fd(fds, fd_count);
}

bool delivery_build(struct delivery *d, void *ticket_keys, struct text *errors) {
    if (!is_whole(d)) {
        text_printf(
            errors,
            "a process has no descriptor free for the new listeners and files (RLIMIT_NOFILE)\n");
        return false;
    }
    char why[256];
    struct files *files = files_unpack(d->packed_fd, why, sizeof why);
    close(d->packed_fd);
    d->packed_fd = -1;
    if (!files) {
        text_printf(errors, "%s\n", why);
        return false;
    }
    struct text problems; // the supervisor has said them
    text_init(&problems, ORDER_TEXT_MAX);
    d->generation =
        generation_build(files, d->path, d->number, NULL, ticket_keys, errors, &problems);
    text_fini(&problems);
    return d->generation != NULL;
}

bool delivery_is_built(const struct delivery *d, unsigned number) {
    return d->generation && d->number == number;
}

struct generation *delivery_generation(struct delivery *d) {
    return d->generation;
}

size_t delivery_listener_count(const struct delivery *d) {
    return d->listener_count;
}

int delivery_take_listener(struct delivery *d, size_t index) {
    if (index >= d->listener_count) return -1;
    int fd = d->listeners[index];
    d->listeners[index] = -1;
    return fd;
}

// -1: it was lost on its way, because this process has as many open as it may.
static int take_fd(int *fds, size_t fd_count) {
    if (fd_count == 0) return -1;
    int fd = fds[0];
    fds[0] = -1;
    return fd;
}

static bool is_whole(const struct delivery *d) {
    for (size_t i = 0; i < d->listener_count; i++)
        if (d->listeners[i] < 0) return false;
    return d->packed_fd >= 0;
}
