// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "http/board.h"
#include "http/delivery.h"
#include "http/service.h"

// The listeners of one generation in one process: what comes in is the service's. Accepting stops while a worker has as many
// clients as it may, and for a moment when it has many more than the others: the kernel prefers whoever asked last.
struct doors_conf {
    struct board *board; // NULL: there are no others
    unsigned row;
    struct loop *loop;
    struct service *service;
    const struct listen_conf *listens; // the generation's, which must be the service's
    size_t count;
};
struct doors;
struct doors *doors_new(const struct doors_conf *conf, struct delivery *from); // takes its sockets
void doors_free(struct doors *d); // NULL: nothing happens
