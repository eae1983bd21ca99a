// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "http/backend_conn.h"
#include "http/service.h"

// What is inside a service: for the files of http/ that serve. Everybody else sees service.h.

struct client_conn;
struct waiting_room;

struct service {
    struct service_conf conf;
    struct generation *generation;
    struct idle_set *idle;
    struct waiting_room *waiting; // exchanges that cannot go on just now
    struct client_conn *clients;  // list of all
    unsigned client_count;
    struct exchange *spare_exchanges; // finished ones, with their memory, for the next
    unsigned spare_count;
    unsigned exchange_count; // running
    unsigned retry_count;    // of them: in a second or later attempt
    uint64_t id_prefix;      // random at start: request ids differ between processes
    uint64_t id_next;
    struct timer drain_timer;
    ready_fn *on_drained; // not NULL: draining
    void *drain_arg;
};

static inline bool service_is_draining(const struct service *s) {
    return s->on_drained != NULL;
}
// Called whenever a client connection or an exchange has ended.
void service_check_drained(struct service *s);
