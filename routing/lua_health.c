// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <lauxlib.h>
#include <lua.h>

#include "routing/loader.h"
#include "routing/settings.h"

// health = { get = "/healthz", ... } and passive = { fails = 5, ... } of a pool.
enum { STATUS_ITEMS_MAX = 500 };

static void read_check(struct loader *l, lua_State *L, const struct conf_spot *at,
                       struct check_conf *c);
static void read_passive(struct loader *l, lua_State *L, const struct conf_spot *at,
                         struct passive_conf *c);
static bool read_statuses(struct loader *l, lua_State *L, int index, const struct conf_spot *at,
                          struct statuses *out);
static void read_status_items(struct loader *l, lua_State *L, const struct conf_spot *at,
                              struct statuses *out);
static void add_status(struct loader *l, lua_State *L, const struct conf_spot *at,
                       struct statuses *out);
static void add_range(struct statuses *s, unsigned first, unsigned last);

void pool_read_health(struct loader *l, struct lua_State *L, int index, const struct conf_spot *at,
                      struct pool *p) {
    struct conf_spot check = {.up = at, .key = "health"}, passive = {.up = at, .key = "passive"};
    if (lua_getfield(L, index, "health") != LUA_TNIL) read_check(l, L, &check, &p->check);
    if (lua_getfield(L, index, "passive") != LUA_TNIL) read_passive(l, L, &passive, &p->passive);
    lua_pop(L, 2);
}

static void read_check(struct loader *l, lua_State *L, const struct conf_spot *at,
                       struct check_conf *c) {
    conf_set_defaults(&POOL_HEALTH_SETTINGS, c);
    bool is_good = conf_read(l->conf, L, -1, at, &POOL_HEALTH_SETTINGS, c);
    bool has_statuses = read_statuses(l, L, -1, at, &c->statuses);
    if (!is_good) return;
    if (!has_statuses) add_range(&c->statuses, 200, 399);
    if (!c->get == !c->is_tcp)
        conf_error(l->conf, at, "needs either get = \"/path\" or tcp = true");
    if (c->is_tcp && (c->body || c->host || has_statuses))
        conf_error(l->conf, at, "tcp = true asks nothing: no status, body or host goes with it");
    if (c->get && (c->get[0] != '/' || strpbrk(c->get, " #")))
        conf_error_of_key(l->conf, at, "get", "'get' is a path: \"/healthz\", without spaces");
    if (c->host && strpbrk(c->host, " /"))
        conf_error_of_key(l->conf, at, "host", "'host' is a name, maybe with a port");
}

static void read_passive(struct loader *l, lua_State *L, const struct conf_spot *at,
                         struct passive_conf *c) {
    conf_set_defaults(&POOL_PASSIVE_SETTINGS, c);
    c->is_on = conf_read(l->conf, L, -1, at, &POOL_PASSIVE_SETTINGS, c);
    read_statuses(l, L, -1, at, &c->statuses);
}

// `status` of the table at `index`. False: it has none.
static bool read_statuses(struct loader *l, lua_State *L, int index, const struct conf_spot *at,
                          struct statuses *out) {
    struct conf_spot spot = {.up = at, .key = "status"};
    if (lua_type(L, index) != LUA_TTABLE) return false;
    int type = lua_getfield(L, index, "status");
    if (type == LUA_TTABLE)
        read_status_items(l, L, &spot, out);
    else if (type != LUA_TNIL)
        add_status(l, L, &spot, out);
    lua_pop(L, 1);
    return type != LUA_TNIL;
}

static void read_status_items(struct loader *l, lua_State *L, const struct conf_spot *at,
                              struct statuses *out) {
    size_t count = lua_rawlen(L, -1);
    if (count == 0 || count > STATUS_ITEMS_MAX) {
        conf_error(l->conf, at, "is a list of 1 to %d statuses", STATUS_ITEMS_MAX);
        return;
    }
    for (size_t i = 1; i <= count; i++) {
        struct conf_spot item = {.up = at, .item = (int)i};
        lua_rawgeti(L, -1, (lua_Integer)i);
        add_status(l, L, &item, out);
        lua_pop(L, 1);
    }
}

// 200 or "2xx", on top of the stack.
static void add_status(struct loader *l, lua_State *L, const struct conf_spot *at,
                       struct statuses *out) {
    lua_Integer n = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : 0;
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    bool is_class = text[0] >= '1' && text[0] <= '5' && strcmp(text + 1, "xx") == 0;
    if (is_class)
        add_range(out, (unsigned)(text[0] - '0') * 100, (unsigned)(text[0] - '0') * 100 + 99);
    else if (n >= 100 && n <= 599)
        add_range(out, (unsigned)n, (unsigned)n);
    else
        conf_error(l->conf, at, "needs a status such as 200, or a class such as \"2xx\"");
}

static void add_range(struct statuses *s, unsigned first, unsigned last) {
    for (unsigned at = first - 100; at <= last - 100; at++)
        s->bits[at / 64] |= UINT64_C(1) << at % 64;
}
