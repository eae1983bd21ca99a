// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "http/generation.h"
#include "http/service.h"
#include "server/orders.h"
#include "server/scoreboard.h"

// The life of a process that serves HTTP, worker or control: it gets generations over its channel, builds them, switches when
// told to, accepts on their listeners, and drains.
struct role_conf {
    unsigned row; // on the board
    struct scoreboard *board;
    const char *user; // to become; NULL: stays what it is
    int error_fd;     // taken
    int channel_fd;
    local_fn *local; // NULL: serves the sites of the route file
    void *local_arg;
    // The addresses that this role accepts on; the supervisor sends sockets in the same order, and maybe fewer.
    size_t (*listens)(const struct generation *g, const struct listen_conf **at);
    // Orders that are the role's own; may be NULL. It keeps the descriptor by setting its place to -1.
    void (*on_order)(void *arg, enum order_type type, struct order order, struct slice text,
                     int *fds, size_t fd_count);
    void *on_order_arg;
    // Before a generation is put in force here; may be NULL. goes_back: it is the one before a trial that has ended.
    void (*on_switch)(void *arg, struct generation *g, bool goes_back);
    void *on_switch_arg;
};

struct role;
struct role *role_new(const struct role_conf *conf); // NULL: it was said in the log
void role_run(struct role *r);                       // until it was drained
void role_free(struct role *r);

const struct generation *role_generation(const struct role *r); // NULL before the first
struct channel *role_channel(struct role *r);                   // NULL: the supervisor is gone
struct loop *role_loop(struct role *r);
struct resolver *role_resolver(struct role *r);
struct service *role_service(struct role *r);
