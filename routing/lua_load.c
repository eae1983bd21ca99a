// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/hostname.h"
#include "core/suggest.h"
#include "routing/foreign.h"
#include "routing/loader.h"
#include "routing/lua_route.h"
#include "routing/settings.h"

// Reading a route file: running it, and the words that are about files.

enum { ERRORS_MAX_BYTES = 1 << 20, ARENA_MAX_BYTES = 2000u << 20, OPEN_NAME_MAX = 4096 };

static bool load(struct loader *l, const char *path, struct slice text);
static int set_words(lua_State *L);
static int on_assign(lua_State *L);
static void refuse_global(struct loader *l, const struct conf_spot *at, const char *name);
static void check_resolver(struct loader *l, const struct conf_spot *at);
static int word_tls(lua_State *L);
static int word_log(lua_State *L);
static char *log_path(struct loader *l, char *name);
static int word_admin(lua_State *L);
static int word_cluster(lua_State *L);
static int read_once(lua_State *L, const char *word, struct conf_spot *declared,
                     const struct conf_table *t, void *out);
static int word_not_yet(lua_State *L);
static char registry_key;

struct config *config_load(struct files *files, const char *path, struct text *errors) {
    return config_load_tests(files, path, errors, NULL);
}

struct config *config_load_tests(struct files *files, const char *path, struct text *errors,
                                 struct pointers *tests) {
    struct slice text;
    char why[512];
    if (files_read(files, path, &text, why, sizeof why))
        return config_load_within(files, path, text, errors, tests, &SCRIPT_LIMITS);
    text_printf(errors, "%s\n1 error; nothing was loaded\n", why);
    return NULL;
}

struct config *config_load_text(struct files *files, const char *name, struct slice text,
                                struct text *errors) {
    return config_load_within(files, name, text, errors, NULL, &SCRIPT_LIMITS);
}

struct config *config_load_within(struct files *files, const char *name, struct slice text,
                                  struct text *errors, struct pointers *tests,
                                  const struct script_limits *limits) {
    struct arena *a = arena_new(4096, ARENA_MAX_BYTES);
    struct loader l = {
        .arena = a, .files = files, .conf = conf_new(a, foreign_hint), .tests = tests};
    text_init(&l.open_name, OPEN_NAME_MAX);
    l.script = script_new(limits);
    script_set_hint(l.script, foreign_hint);
    l.config = arena_zalloc(a, sizeof *l.config);
    l.config->router = arena_zalloc(a, sizeof *l.config->router);
    l.config->router->arena = a;
    l.config->path = arena_string(a, slice_of(name));
    conf_set_defaults(&GLOBAL_SETTINGS, l.config);
    conf_set_defaults(&TLS_SETTINGS, &l.config->tls);
    conf_set_defaults(&LOG_SETTINGS, &l.config->log);
    conf_set_defaults(&ADMIN_SETTINGS, &l.config->admin);
    conf_set_defaults(&CLUSTER_SETTINGS, &l.config->cluster);
    bool is_good = load(&l, name, text);
    size_t count = conf_error_count(l.conf);
    if (!is_good) {
        conf_print_errors(l.conf, errors);
        text_printf(errors, "%zu error%s; nothing was loaded\n", count, count == 1 ? "" : "s");
    }
    struct config *config = l.config;
    config->router->script = l.script;
    conf_free(l.conf);
    free(l.listens.at);
    free(l.pools.at);
    free(l.sites);
    text_fini(&l.open_name);
    free(l.keyed.at);
    free(l.modules.at);
    if (is_good) return config;
    config_free(config);
    return NULL;
}

struct loader *loader_of(struct lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &registry_key);
    struct loader *l = lua_touserdata(L, -1);
    lua_pop(L, 1);
    if (!l) luaL_error(L, "things are declared while the route file is loaded, not in functions");
    return l;
}

struct conf_spot loader_spot(struct loader *l, struct lua_State *L, const char *word,
                             const char *name) {
    struct conf_spot spot = {.file = l->file, .word = word, .name = name};
    const char *file;
    if (!script_caller(L, &file, &spot.line)) return spot;
    const char *known = conf_find_source(l->conf, file);
    if (known) spot.file = known;
    return spot;
}

struct place place_of(const struct conf_spot *spot) {
    return (struct place){spot->file, spot->line};
}

void pointers_add(struct pointers *list, void *pointer) {
    if (list->count == list->room) {
        list->room = list->room ? list->room * 2 : 16;
        list->at = realloc(list->at, list->room * sizeof *list->at);
        CHECK(list->at);
    }
    list->at[list->count++] = pointer;
}

static bool load(struct loader *l, const char *path, struct slice text) {
    lua_State *L = script_lua(l->script);
    lua_pushcfunction(L, set_words);
    lua_pushlightuserdata(L, l);
    CHECK(lua_pcall(L, 1, 0, 0) == LUA_OK);
    script_on_assign(l->script, on_assign);
    if (loader_run_file(l, L, path, text)) lua_pop(L, 1);
    // What was not declared because a chunk failed would only give errors that mean nothing.
    if (!l->has_failed) loader_finish(l);
    script_on_assign(l->script, NULL);
    lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &registry_key);
    if (conf_error_count(l->conf) > 0) return false;
    if (l->has_functions) {
        script_seal(l->script);
    } else {
        script_free(l->script);
        l->script = NULL;
    }
    return true;
}

static int set_words(lua_State *L) {
    static const struct {
        const char *name;
        lua_CFunction function;
    } words[] = {{"admin", word_admin},     {"cluster", word_cluster}, {"include", word_include},
                 {"listen", word_listen},   {"log", word_log},         {"pool", word_pool},
                 {"require", word_require}, {"site", word_site},       {"tls", word_tls}};
    static const char *const later[] = {"limit", "shared", "every"};
    struct loader *l = lua_touserdata(L, 1);
    lua_pushlightuserdata(L, l);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &registry_key);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        lua_pushcfunction(L, words[i].function);
        script_set_name(l->script, words[i].name);
    }
    for (size_t i = 0; i < sizeof later / sizeof *later; i++) {
        lua_pushstring(L, later[i]);
        lua_pushboolean(L, false);
        lua_pushcclosure(L, word_not_yet, 2);
        script_set_name(l->script, later[i]);
    }
    if (l->tests) {
        lua_pushcfunction(L, word_test);
        script_set_name(l->script, "test");
    }
    lua_answer_set_names(L);
    return 0;
}

// NAME = VALUE outside of any table: settings, and the format of 2013.
static int on_assign(lua_State *L) {
    struct loader *l = loader_of(L);
    const char *name = luaL_checkstring(L, 2);
    struct conf_spot root = loader_spot(l, L, NULL, NULL);
    struct conf_spot spot = root;
    spot.word = name;
    const struct {
        const char *name;
        char **to;
    } old[] = {{"listenPort", &l->listen_port},
               {"backendAddress", &l->backend_address},
               {"backendPort", &l->backend_port}};
    for (size_t i = 0; i < sizeof old / sizeof *old; i++) {
        if (strcmp(name, old[i].name) != 0) continue;
        l->old_format = root;
        if (lua_type(L, 3) == LUA_TNUMBER || lua_type(L, 3) == LUA_TSTRING)
            *old[i].to = arena_string(l->arena, slice_of(lua_tostring(L, 3)));
        else
            conf_error(l->conf, &spot, "needs a string");
        return 0;
    }
    if (strcmp(name, "modules") == 0) {
        conf_read_strings(l->conf, L, 3, &spot, loader_add_modules, l);
        return 0;
    }
    for (size_t i = 0; i < GLOBAL_SETTINGS.count; i++) {
        if (strcmp(name, GLOBAL_SETTINGS.fields[i].name) != 0) continue;
        conf_read_value(l->conf, L, 3, &spot, &GLOBAL_SETTINGS.fields[i], l->config);
        if (strcmp(name, "resolver") == 0) check_resolver(l, &spot);
        if (strcmp(name, "user") == 0) l->config->user_place = place_of(&root);
        return 0;
    }
    refuse_global(l, &root, name);
    return 0;
}

static void refuse_global(struct loader *l, const struct conf_spot *at, const char *name) {
    struct suggestion suggestion = {.wrong = name};
    char buf[SUGGEST_MAX];
    const char *hint = foreign_hint(name);
    if (hint) {
        conf_error(l->conf, at, "unknown setting '%s': %s", name, hint);
        return;
    }
    for (size_t i = 0; i < GLOBAL_SETTINGS.count; i++)
        suggest_try(&suggestion, GLOBAL_SETTINGS.fields[i].name);
    conf_error(l->conf, at, "global '%s' is assigned; write 'local %s = ...'%s", name, name,
               suggest_text(&suggestion, buf));
}

static void check_resolver(struct loader *l, const struct conf_spot *at) {
    struct slice rest = slice_of(l->config->resolver ? l->config->resolver : "");
    while (rest.at && rest.len > 0) {
        struct slice server = slice_cut(&rest, ',');
        struct address address;
        bool is_good = address_parse_ip(server, 53, &address) ||
                       (address_parse(server, &address) && address.any.sa_family != AF_UNIX);
        if (!is_good)
            conf_error(l->conf, at,
                       "\"%.*s\" is no name server: write \"10.0.0.1\", \"127.0.0.1:8600\" or "
                       "several with commas between them",
                       SLICE_ARGS(server));
    }
}

static int word_tls(lua_State *L) {
    struct loader *l = loader_of(L);
    struct tls_conf *tls = &l->config->tls;
    read_once(L, "tls", &l->tls, &TLS_SETTINGS, tls);
    tls->place = place_of(&l->tls);
    if (tls->chain_dir) tls->chain_dir = loader_beside(l, tls->chain_dir);
    if (tls->certificates) tls->certificates = loader_beside(l, tls->certificates);
    if (tls->clients.ca) tls->clients.ca = loader_beside(l, tls->clients.ca);
    if (tls->clients.crl) tls->clients.crl = loader_beside(l, tls->clients.crl);
    if (tls->default_name) {
        char *name = arena_alloc(l->arena, HOSTNAME_MAX + 1);
        if (hostname_normalise(slice_of(tls->default_name), name) == 0)
            conf_error_of_key(l->conf, &l->tls, "default", "\"%s\" is no host name",
                              tls->default_name);
        tls->default_name = name;
    }
    return 0;
}

static int word_log(lua_State *L) {
    struct loader *l = loader_of(L);
    struct log_conf *log = &l->config->log;
    read_once(L, "log", &l->log, &LOG_SETTINGS, log);
    log->place = place_of(&l->log);
    log->access = log_path(l, log->access);
    log->errors = log_path(l, log->errors);
    if (strcmp(log->errors, "off") == 0)
        conf_error_of_key(l->conf, &l->log, "errors",
                          "errors cannot be off; level = \"error\" says the least");
    return 0;
}

static char *log_path(struct loader *l, char *name) {
    static const char *const words[] = {"stdout", "stderr", "off"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(name, words[i]) == 0) return name;
    return loader_beside(l, name);
}

static int word_admin(lua_State *L) {
    struct loader *l = loader_of(L);
    struct admin_conf *admin = &l->config->admin;
    read_once(L, "admin", &l->admin, &ADMIN_SETTINGS, admin);
    admin->place = place_of(&l->admin);
    if (admin->socket) admin->socket = loader_beside(l, admin->socket);
    if (admin->state) admin->state = loader_beside(l, admin->state);
    loader_read_remote(l, &l->admin);
    return 0;
}

static int word_cluster(lua_State *L) {
    struct loader *l = loader_of(L);
    struct cluster_conf *cluster = &l->config->cluster;
    struct address address;
    read_once(L, "cluster", &l->cluster, &CLUSTER_SETTINGS, cluster);
    cluster->place = place_of(&l->cluster);
    if (!cluster->redis)
        conf_error_of_key(l->conf, &l->cluster, "redis", "needs the address of a Redis server");
    else if (!address_parse(slice_of(cluster->redis), &address))
        conf_error_of_key(l->conf, &l->cluster, "redis",
                          "\"%s\" is no address: write \"unix:/path\" or \"IP:port\"",
                          cluster->redis);
    return 0;
}

static int read_once(lua_State *L, const char *word, struct conf_spot *declared,
                     const struct conf_table *t, void *out) {
    struct loader *l = loader_of(L);
    struct conf_spot spot = loader_spot(l, L, word, NULL);
    if (declared->line)
        conf_error(l->conf, &spot, "declared twice, first at %s:%d", declared->file,
                   declared->line);
    conf_read(l->conf, L, 1, &spot, t, out);
    *declared = spot;
    return 0;
}

// Gives back itself, so that limit "api" { ... } is one error.
static int word_not_yet(lua_State *L) {
    struct loader *l = loader_of(L);
    const char *word = lua_tostring(L, lua_upvalueindex(1));
    struct conf_spot spot = loader_spot(l, L, NULL, NULL);
    bool is_said = lua_toboolean(L, lua_upvalueindex(2));
    if (!is_said) conf_error(l->conf, &spot, "'%s' is not yet available in this version", word);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushboolean(L, true);
    lua_pushcclosure(L, word_not_yet, 2);
    return 1;
}
