// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/stream.h"
#include "http/client.h"
#include "http/fail.h"
#include "http/service.h"

// A connection to a backend: made (dialled, PROXY header sent, TLS done) or taken from the idle ones, lent to one exchange at a time.
struct backend_conn;

struct backend_wish {
    struct service *service;
    struct generation *generation;
    struct pool *pool;
    struct member *member;
    const struct client_facts *client; // for the PROXY header
    unsigned connect_ms;
    bool is_fresh;     // no idle one, please
    ready_fn *on_wake; // called from the loop when something has changed
    void *arg;
};

// Never fails at once; ask backend_conn_progress(). The caller has taken a place at the member (member_try_begin()), which is given
// back when the connection is returned or closed.
struct backend_conn *backend_conn_borrow(const struct backend_wish *wish);
// READY: the stream can be used. BROKEN: *why and *text (static or the connection's).
enum progress backend_conn_progress(struct backend_conn *c, enum fail *why, const char **text);
struct stream *backend_conn_stream(struct backend_conn *c); // NULL before READY
bool backend_conn_is_reused(const struct backend_conn *c);
// Into the idle set, for the next exchange, or closed if it is not clean (bytes too many, an end). `answer` may say how long the
// backend keeps idle connections.
void backend_conn_return(struct backend_conn *c, const struct response_head *answer);
void backend_conn_close(struct backend_conn *c);

// The name that TLS asks a member for and verifies; maybe in buf.
const char *backend_tls_name(const struct pool *p, const struct member *m,
                             char buf[ADDRESS_TEXT_MAX]);

// The idle connections of a service.
struct idle_set;
struct idle_set *idle_set_new(struct loop *loop);
void idle_set_free(struct idle_set *set); // closes all
void idle_set_close_all(struct idle_set *set);
unsigned idle_set_count(const struct idle_set *set);
