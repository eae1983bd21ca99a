// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/conf.h"
#include "core/dial.h"
#include "core/files.h"
#include "core/slice.h"
#include "core/text.h"
#include "routing/listen.h"
#include "routing/pool.h"

// One loaded route file (ROUTES): plain structs, immutable once loaded but for the live part of pools. Strings are the
// config's and NUL-terminated. Every struct that a line of the file made knows its place.

// What a site or a path does with a request.
enum action_kind {
    ACTION_POOL,
    ACTION_REDIRECT,
    ACTION_RESPOND,
    ACTION_ROUTE,
    ACTION_PATHS,
    ACTION_NONE
};

// What a site says about its certificates (tls = { cert = ..., key = ... }); none: found by name in the directory. What to do with a certificate whose path has SHA-1 or short keys; as in settings.def.
enum weak_choice { WEAK_REFUSE, WEAK_WARN };
struct site_tls {
    struct place place;
    char *cert, *key;
    int weak;                    // enum weak_choice
    struct client_rules clients; // only while the file is read
};

struct site {
    struct place place;
    char *name;           // normalised: "example.com", "*.example.com", "*"
    struct site_tls *tls; // array
    size_t tls_count;
    const struct client_rules *clients; // of config->client_rules
    struct rule *rule;                  // routing/site.h
};

struct config {
    char *path;
    int workers; // 0: one per core
    struct place user_place;
    size_t buffer_bytes; // that a worker's buffers should not go beyond together
    char *resolver;      // name servers: "127.0.0.1:53,10.0.0.1"; NULL: those of resolv.conf
    char *user;          // who workers and control run as when started by root; NULL: "nobody"
    struct listen_conf *listens;
    size_t listen_count;
    struct tls_conf tls;
    struct client_rules *client_rules; // each once: those of `tls` first, then what sites have
    size_t client_rules_count;
    struct log_conf log;
    struct admin_conf admin;
    struct cluster_conf cluster;
    struct pool **pools;
    size_t pool_count;
    struct site **sites;
    size_t site_count;
    struct router *router; // matching structures and the Lua state
};

// Reads and checks `path` and all that it includes. NULL when there was any error; `errors` gets all of them as in
// ROUTES (file:line, object, offending line, suggestion), then "N errors; nothing was loaded".
struct config *config_load(struct files *files, const char *path, struct text *errors);
// The configuration of `rsp quick`: as if a route file with these lines had been loaded; the same function reads a text.
struct config *config_load_text(struct files *files, const char *name, struct slice text,
                                struct text *errors);
void config_free(struct config *c);
// From now on the members of all pools are those of the backend table, which has every pool of c; `row` is where this process
// counts what it has in flight (table_row_bytes()).
void config_attach(struct config *c, struct table *t, uint32_t *row);
// The merged, effective settings, as Lua (rsp -T).
void config_print(const struct config *c, struct text *out);
// One pool; without `all` only what is not the default.
void config_print_pool(const struct pool *p, bool all, struct text *out);
