// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/arena.h"
#include "routing/decide.h"

// What the route file said about requests, as routing keeps it.

struct access {
    struct networks allow; // empty: everybody
    struct networks deny;  // wins over allow
};

struct redirect {
    int status;
    struct key_template *location;
};

// One site or one path of it. After inheritance: a path's policy and access are complete.
struct rule {
    struct place place;
    const char *pattern; // as written, of a path; NULL: the site's own
    enum action_kind action;
    int function; // of ACTION_ROUTE: reference in the script's registry
    const struct policy *policy;
    const struct access *access; // NULL: no restriction
    struct pool *pool;           // of ACTION_POOL
    union {
        struct key_template *key; // of ACTION_POOL; NULL: the pool's
        struct redirect *redirect;
        struct respond *respond;
        struct path_tree *paths;
    };
};

// A site with its own rule, as they lie in memory: a lookup among many sites costs as few cache lines as it can.
struct site_entry {
    struct site site;
    struct rule rule;
};

// Everything behind struct config that only routing knows.
struct router {
    struct arena *arena;   // of the whole config
    struct script *script; // NULL when no rule has a function
    struct host_table *hosts;
};

bool access_allows(const struct access *access, const struct address *client);

// A field that a route file may put into an answer: a token and a value without control bytes, and none that frames the message.
bool field_may_be_sent(struct slice name, struct slice value);
bool field_is_valid(struct slice name, struct slice value);

// Exact name, else the longest wildcard, else "*". Names are those of hostname_normalise().
// The entries must outlive the table.
struct host_table *host_table_new(struct arena *a, struct site_entry *entries, size_t count);
// Makes entry i known. False: the name is there already, and *there is its site.
bool host_table_add(struct host_table *t, size_t i, struct site **there);
struct site *host_table_find(const struct host_table *t, struct slice host);
// The next less specific site that would have taken this host; NULL: none.
struct site *host_table_next(const struct host_table *t, struct slice host,
                             const struct site *after);
