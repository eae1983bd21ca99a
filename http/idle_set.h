// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "http/backend_conn.h"

// The idle connections to backends, by everything that makes one connection different from another. Used by backend_conn.c only,
// which shares its struct here.

struct idle_key {
    uint64_t hash;
    const char *text; // the address as written, scheme included
    const char *pool; // the pool's name where its TLS settings count, else ""
    unsigned generation;
};

enum backend_state {
    BACKEND_DIALLING,
    BACKEND_HANDSHAKE,
    BACKEND_READY,
    BACKEND_BROKEN,
};

struct backend_conn {
    enum backend_state state;
    bool is_reused;
    enum fail why; // of BACKEND_BROKEN
    struct stream *stream;
    struct dial *dial;
    ready_fn *on_wake;
    void *arg;
    struct service *service;
    // while it is lent:
    struct generation *generation;
    struct pool *pool;
    struct member *member;
    const struct client_facts *client;
    // while it is idle:
    struct idle_set *set;
    struct idle_list *list;
    struct backend_conn *newer, *older;
    uint64_t idle_until_ms;
    char text[120]; // why it broke
};

// The one that was used last, or NULL. Not watched any more: the caller owns it.
struct backend_conn *idle_set_take(struct idle_set *set, const struct idle_key *key);
// Watches it: any byte or end of file closes it, as does the time. The oldest one goes when there are more than max_idle.
void idle_set_put(struct idle_set *set, const struct idle_key *key, struct backend_conn *c,
                  unsigned keep_ms, unsigned max_idle);
