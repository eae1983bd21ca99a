// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "routing/listen.h"
#include "routing/policy.h"
#include "routing/sticky.h"
#include "routing/view.h"

// The ways of choosing a member: rows of balances.def.
enum balance {
#define BALANCE(id, name, choose) BALANCE_##id,
#include "routing/balances.def"
#undef BALANCE
};

// What a name of the route file stands for.
enum resolve {
    RESOLVE_ONE,     // one member: each connection tries its addresses in turn
    RESOLVE_EACH,    // each of its addresses is a member
    RESOLVE_SERVICE, // so is each host of its SRV records
};

// A member as the route file has it.
struct member_conf {
    char *text; // "https://10.0.0.1:443"; "srv:_http._tcp.app.internal"
    bool is_tls;
    enum resolve resolve;
    struct table_settings settings;
};

// Requests that cannot go on just now.
struct queue_conf {
    unsigned max;      // how many wait, per worker
    unsigned place_ms; // for a place at a member
    unsigned pause_ms; // for a paused key to go on
};

struct pool {
    struct place place;
    char *
        name; // of an address written in a site: that address; sites with the same one share the pool
    char *table_name; // in the backend table: the name; where it is an address: "to " before it
    enum balance balance;
    struct key_template *key; // NULL but for hash
    bool key_is_host;         // the key is a host name: every key goes through hostname_normalise()
    unsigned bound;           // of hash, in thousandths of the average load; 0: none
    unsigned panic;           // in thousandths of the members of a tier
    struct queue_conf queue;
    struct sticky_conf sticky;
    struct backend_conf backend;
    struct check_conf check;
    struct passive_conf passive;
    unsigned slow_start_ms; // 0: none
    bool is_live;           // members come and go by the admin API
    char *
        hipache; // the host whose list "frontend:HOST" in the cluster's Redis they are taken from; NULL: none
    struct member_conf *configured;
    size_t configured_count;
    // live, per process:
    struct view view;                // see pool_view()
    const struct table_pool *shared; // NULL: there is no table
    struct table *table;
    uint32_t *table_row;
    uint64_t dice;           // of random-2
    uint64_t avoid_until_ms; // the latest of the members'
};

// To be compared: the same for the pool of this name in every generation, where there is a table.
static inline const void *pool_identity(const struct pool *p) {
    return p->shared ? (const void *)p->shared : p;
}

// Does control find out anything about its members?
static inline bool pool_is_watched(const struct pool *p) {
    return check_is_on(&p->check) || p->passive.is_on || p->slow_start_ms > 0;
}
