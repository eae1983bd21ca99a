// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "routing/config.h"

#include "core/suggest.h"
#include "routing/loader.h"
#include "routing/settings.h"

// What remains to be done when everything is declared.

static void finish_old_format(struct loader *l);
static void finish_pools(struct loader *l);
static void finish_keys(struct loader *l);
static void check_table_limits(struct loader *l);
static void check_lists(struct loader *l);
static void finish_sites(struct loader *l);
static void add_default_listen(struct loader *l);
static void *keep(struct loader *l, const struct pointers *list);

void loader_finish(struct loader *l) {
    struct conf_spot file = {.file = l->config->path};
    if (l->open_site.line)
        conf_error(l->conf, &l->open_site, "needs a table behind its name: site \"%s\" { ... }",
                   l->open_site.name);
    finish_old_format(l);
    finish_pools(l);
    finish_keys(l);
    check_table_limits(l);
    check_lists(l);
    finish_sites(l);
    if (l->listens.count == 0 && l->site_count == 0 && conf_error_count(l->conf) == 0)
        conf_error(l->conf, &file, "declares neither listen nor site: it would serve nothing");
    loader_finish_client_rules(l);
    loader_finish_admin(l);
    if (l->listens.count == 0) add_default_listen(l);
    struct config *c = l->config;
    c->listen_count = l->listens.count;
    c->listens = arena_alloc(l->arena, (c->listen_count + 1) * sizeof *c->listens);
    for (size_t i = 0; i < c->listen_count; i++)
        c->listens[i] = *(struct listen_conf *)l->listens.at[i];
    c->pools = keep(l, &l->pools);
    c->pool_count = l->pools.count;
}

void config_attach(struct config *c, struct table *t, uint32_t *row) {
    for (size_t i = 0; i < c->pool_count; i++) {
        struct pool *p = c->pools[i];
        p->shared = table_find(t, slice_of(p->table_name));
        p->table = t;
        p->table_row = row;
    }
}

void config_free(struct config *c) {
    if (!c) return;
    for (size_t i = 0; i < c->pool_count; i++) view_fini(&c->pools[i]->view);
    script_free(c->router->script);
    arena_free(c->router->arena);
}

// listenPort, backendAddress and backendPort: all three, or none.
static void finish_old_format(struct loader *l) {
    if (!l->old_format.line) return;
    if (!l->listen_port || !l->backend_address || !l->backend_port) {
        conf_error(l->conf, &l->old_format,
                   "listenPort, backendAddress and backendPort belong together: %s is missing",
                   !l->listen_port       ? "listenPort"
                   : !l->backend_address ? "backendAddress"
                                         : "backendPort");
        return;
    }
    struct listen_conf settings = listen_defaults(&l->old_format);
    listen_add(l, &l->old_format, slice_of(l->listen_port), false, &settings);
    struct slice address = slice_of(l->backend_address);
    bool is_v6 = slice_find(address, ':') >= 0 && address.at[0] != '[';
    struct slice text =
        arena_printf(l->arena, is_v6 ? "[%s]:%s" : "%s:%s", l->backend_address, l->backend_port);
    struct pool *pool = pool_add_address(l, &l->old_format, text.at);
    if (pool) site_add_simple(l, &l->old_format, "*", pool);
}

static void finish_keys(struct loader *l) {
    for (size_t i = 0; i < l->keyed.count; i++) {
        struct keyed *keyed = l->keyed.at[i];
        if (keyed->pool->place.line < 0 || keyed->pool->balance == BALANCE_HASH) continue;
        conf_error(l->conf, &keyed->spot,
                   "'key' is for a pool with balance = \"hash\", and \"%s\" is none",
                   keyed->pool->name);
    }
}

// Every pool that was named must have been declared.
static void finish_pools(struct loader *l) {
    for (size_t i = 0; i < l->pools.count; i++) {
        struct pool *p = l->pools.at[i];
        if (p->place.line > 0) continue;
        struct conf_spot spot = {
            .file = p->place.file, .line = -p->place.line, .word = "pool", .name = p->name};
        struct suggestion suggestion = {.wrong = p->name};
        char buf[SUGGEST_MAX];
        for (size_t j = 0; j < l->pools.count; j++) {
            const struct pool *other = l->pools.at[j];
            if (other->place.line > 0) suggest_try(&suggestion, other->name);
        }
        conf_error(l->conf, &spot, "is used here but declared nowhere%s",
                   suggest_text(&suggestion, buf));
    }
}

static void check_table_limits(struct loader *l) {
    struct conf_spot spot = {.file = l->config->path};
    size_t members = 0;
    for (size_t i = 0; i < l->pools.count; i++)
        members += ((const struct pool *)l->pools.at[i])->configured_count;
    if (members > TABLE_FILE_MAX)
        conf_error(l->conf, &spot, "has %zu backends in all pools; the most is %d", members,
                   TABLE_FILE_MAX);
    if (l->pools.count > TABLE_FILE_MAX)
        conf_error(l->conf, &spot, "has %zu pools; the most is %d", l->pools.count, TABLE_FILE_MAX);
}

static void check_lists(struct loader *l) {
    for (size_t i = 0; i < l->pools.count; i++) {
        const struct pool *p = l->pools.at[i];
        struct conf_spot spot = {
            .file = p->place.file, .line = p->place.line, .word = "pool", .name = p->name};
        if (!p->hipache) continue;
        if (!p->is_live)
            conf_error_of_key(l->conf, &spot, "hipache", "'hipache' needs live = true");
        else if (!l->config->cluster.redis)
            conf_error_of_key(
                l->conf, &spot, "hipache",
                "'hipache' needs cluster { redis = ... }: that is where the list stands");
    }
}

static void finish_sites(struct loader *l) {
    struct config *c = l->config;
    c->site_count = l->site_count;
    struct site_entry *entries = arena_alloc(l->arena, (c->site_count + 1) * sizeof *entries);
    if (c->site_count > 0) memcpy(entries, l->sites, c->site_count * sizeof *entries);
    c->sites = arena_alloc(l->arena, (c->site_count + 1) * sizeof *c->sites);
    c->router->hosts = host_table_new(l->arena, entries, c->site_count);
    for (size_t i = 0; i < c->site_count; i++) {
        struct site *site = &entries[i].site, *there;
        site->rule = &entries[i].rule;
        c->sites[i] = site;
        if (host_table_add(c->router->hosts, i, &there)) continue;
        struct conf_spot spot = {
            .file = site->place.file, .line = site->place.line, .word = "site", .name = site->name};
        conf_error(l->conf, &spot, "declared twice, first at %s:%d", there->place.file,
                   there->place.line);
    }
}

// A file that only has sites listens where the web is.
static void add_default_listen(struct loader *l) {
    struct conf_spot spot = {.file = l->config->path, .word = "listen"};
    struct listen_conf settings = listen_defaults(&spot);
    listen_add(l, &spot, SLICE("80"), false, &settings);
}

static void *keep(struct loader *l, const struct pointers *list) {
    void **at = arena_alloc(l->arena, (list->count + 1) * sizeof *at);
    if (list->count > 0) memcpy(at, list->at, list->count * sizeof *at);
    return at;
}
