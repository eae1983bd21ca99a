// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>

#include "core/address.h"
#include "core/dial.h"
#include "core/loop.h"
#include "core/slice.h"
#include "http/access_log.h"
#include "http/counters.h"
#include "http/generation.h"

// Everything that one process needs to serve HTTP in one loop. Workers serve the route file's sites with it, control serves its
// admin pages. Made by the process, lives as long as the loop.
struct exchange;
struct service;

// An answer that rsp gives out of itself: the pages of control (server/admin.h). All of it is valid during the call.
struct fields;
struct local_request {
    struct slice method, path, query; // the path as it came
    const struct fields *fields;
    struct slice body; // whole, at most LOCAL_REQUEST_MAX
    const struct address *client;
    int client_fd;
    const struct listen_conf *listen; // that it came by
};
#define LOCAL_REQUEST_MAX (2u << 20)
#define LOCAL_ANSWER_MAX  (16u << 20)
struct local_reply;
// A field of the answer, at most 4, before it is given. The name is a literal, the value is copied.
void local_set_field(struct local_reply *r, const char *name, struct slice value);
// To be called once, at once or later, never after local_cancelled_fn: status, content type, body (copied).
void local_answer(struct local_reply *r, int status, const char *content_type, struct slice body);
// May answer later (keeping r); then `*cancel` may be set: called when the client went away first.
typedef void local_fn(void *arg, const struct local_request *request, struct local_reply *r,
                      void (**cancel)(void *reply_arg), void **cancel_arg);

struct service_conf {
    struct loop *loop;
    struct resolver *resolver;
    struct counters *counters;
    struct access_log *access_log; // NULL: none
    ready_fn *on_fault;            // a member had a fault, and control should look; NULL: nobody
    void *on_fault_arg;
    unsigned worker; // for request ids
    local_fn *local; // not NULL: every request is answered by this function (control)
    void *local_arg;
};
struct service *service_new(const struct service_conf *conf);
// Closes everything at once.
void service_free(struct service *s);

// New exchanges use this generation from now on (referenced). Client connections that began with an older one are closed after
// their current exchange (the client is told: Connection: close).
void service_switch(struct service *s, struct generation *g);
struct generation *service_generation(const struct service *s);

// Takes an accepted descriptor. `listen` belongs to the current generation.
void service_accept(struct service *s, const struct listen_conf *listen, int fd,
                    const struct address *client);
// Cuts the client connection that has waited longest for its client, if that is so long already. False: there is none.
bool service_make_room(struct service *s, unsigned least_ms);
unsigned service_client_count(const struct service *s); // open client connections
unsigned service_exchange_count(const struct service *s);

// Lets every exchange and tunnel end by itself and closes idle connections; on_drained is called once, when none is left or after
// max_ms, when the rest was cut.
void service_drain(struct service *s, unsigned max_ms, ready_fn *on_drained, void *arg);
