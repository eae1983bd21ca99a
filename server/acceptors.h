// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "http/service.h"
#include "server/delivery.h"
#include "server/scoreboard.h"

// The listeners of one generation in one process: what comes in is the service's. Accepting stops while a worker has as many
// clients as it may, and for a moment when it has many more than the others: the kernel prefers whoever asked last.
struct acceptors_conf {
    struct scoreboard *board; // NULL: there are no others
    unsigned row;
    struct loop *loop;
    struct service *service;
    const struct listen_conf *listens; // the generation's, which must be the service's
    size_t count;
};
struct acceptors;
struct acceptors *acceptors_new(const struct acceptors_conf *conf,
                                struct delivery *from); // takes its sockets
void acceptors_free(struct acceptors *d);               // NULL: nothing happens
