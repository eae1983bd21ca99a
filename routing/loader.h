// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/conf.h"
#include "core/script.h"
#include "core/text.h"
#include "routing/config.h"
#include "routing/site.h"

// One loading of a route file: what the words (routing/lua_*.c) add to, until routing/config.c makes a config of it.

enum { INCLUDE_DEPTH_MAX = 8, SITE_PATHS_MAX = 100000 };

struct pointers {
    void **at;
    size_t count, room;
};
void pointers_add(struct pointers *list, void *pointer);

// A rule with a key of its own: its pool must turn out to be one that has keys.
struct keyed {
    struct conf_spot spot;
    const struct pool *pool;
};

struct loader {
    struct conf *conf;
    struct arena *arena;
    struct files *files;
    struct script *script;
    struct config *config;
    struct pointers listens, pools;
    struct site_entry *sites; // they move when one is added
    size_t site_count, site_room;
    const char *file; // that is read now
    int include_depth;
    struct conf_spot tls, log, admin, cluster;          // where they were declared; line 0: not yet
    size_t path_count;                                  // of the site that is read
    struct conf_spot open_site;                         // site "x" without its table so far
    struct text open_name;                              // its name
    char *listen_port, *backend_address, *backend_port; // the format of 2013
    struct conf_spot old_format;
    struct pointers keyed;
    struct pointers modules; // folders that `require` looks in
    struct pointers *tests;  // of the word `test`; NULL: there is no such word
    bool has_functions;
    bool has_failed; // a file could not be run to its end
};

// Makes c->listens, c->pools, c->sites and c->router of what was read; checks what only the whole can tell.
void loader_finish(struct loader *l);

// A file of route tests: *tests gets its struct route_test, which the config owns.
struct config *config_load_tests(struct files *files, const char *path, struct text *errors,
                                 struct pointers *tests);

// The same of a text, with other budgets than the usual ones; tests may be NULL.
struct config *config_load_within(struct files *files, const char *name, struct slice text,
                                  struct text *errors, struct pointers *tests,
                                  const struct script_limits *limits);

// lua_files.c: runs a chunk and leaves its value on the stack; false after an error, which is noted.
bool loader_run_file(struct loader *l, struct lua_State *L, const char *path, struct slice text);
int word_include(struct lua_State *L);
// A relative name of a file stands beside the route file that names it.
char *loader_beside(struct loader *l, const char *name);
int word_require(struct lua_State *L);
// admin.c: what `admin` says of the API by network; and, when all is read, what control accepts on.
void loader_read_remote(struct loader *l, const struct conf_spot *at);
void loader_finish_admin(struct loader *l);
// client_rules.c: when the sites are all there, makes l->config->client_rules and points each site to its own.
void loader_finish_client_rules(struct loader *l);
// A folder for `require` (conf_each_fn; arg is the loader).
bool loader_add_modules(void *arg, const struct conf_spot *at, struct slice folder);

// Words; each expects the loader in the registry (lua_load.c).
struct loader *loader_of(struct lua_State *L); // an error after loading
// The spot of the declaration that called the running C function.
struct conf_spot loader_spot(struct loader *l, struct lua_State *L, const char *word,
                             const char *name);
struct place place_of(const struct conf_spot *spot);

// lua_pool.c
struct pool *pool_at(struct lua_State *L,
                     int index); // the pool that a Lua value is; NULL: it is none
int word_pool(struct lua_State *L);
// lua_sticky.c: `sticky` of the pool whose table is at `index`.
void pool_read_sticky(struct loader *l, struct lua_State *L, int index, const struct conf_spot *at,
                      struct pool *p);
// The value of `to`: a pool, an address, a list of addresses. NULL after an error.
struct pool *pool_read_to(struct loader *l, struct lua_State *L, int index,
                          const struct conf_spot *at);
// lua_health.c: `health` and `passive` of the pool whose table is at `index`.
void pool_read_health(struct loader *l, struct lua_State *L, int index, const struct conf_spot *at,
                      struct pool *p);
// lua_site.c
int word_site(struct lua_State *L);
void site_add_simple(struct loader *l, const struct conf_spot *at, const char *name,
                     struct pool *pool);
struct pool *pool_add_address(struct loader *l, const struct conf_spot *at, const char *text);
// lua_site_tls.c: the value of `tls` of a site is on top of the stack.
void site_read_tls(struct loader *l, struct lua_State *L, const struct conf_spot *at,
                   struct site *site);
// lua_test.c
int word_test(struct lua_State *L);
// lua_listen.c
int word_listen(struct lua_State *L);
struct listen_conf listen_defaults(const struct conf_spot *at);
void listen_add(struct loader *l, const struct conf_spot *at, struct slice text, bool is_tls,
                const struct listen_conf *settings);
