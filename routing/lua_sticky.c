// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <ctype.h>
#include <lauxlib.h>
#include <lua.h>

#include "routing/loader.h"
#include "routing/settings.h"

// sticky = "NAME", or { cookie = "NAME", ... }, of a pool.

enum { SECRET_LEAST = 16, COOKIE_MOST = 64 };

static void check_name(struct loader *l, const struct conf_spot *at, const char *name);
static struct slice find_secret(struct loader *l, const struct conf_spot *at,
                                const struct sticky_conf *c);

void pool_read_sticky(struct loader *l, struct lua_State *L, int index, const struct conf_spot *at,
                      struct pool *p) {
    struct conf_spot spot = {.up = at, .key = "sticky"};
    struct sticky_conf *c = &p->sticky;
    conf_set_defaults(&POOL_STICKY_SETTINGS, c);
    int type = lua_getfield(L, index, "sticky");
    if (type == LUA_TSTRING)
        c->cookie = arena_string(l->arena, slice_of(lua_tostring(L, -1)));
    else if (type != LUA_TNIL)
        conf_read(l->conf, L, -1, &spot, &POOL_STICKY_SETTINGS, c);
    lua_pop(L, 1);
    if (type != LUA_TSTRING && type != LUA_TTABLE) return;
    check_name(l, &spot, c->cookie ? c->cookie : "");
    struct slice secret = find_secret(l, &spot, c);
    if (secret.at) c->key = sticky_key(secret, slice_of(p->table_name));
}

static void check_name(struct loader *l, const struct conf_spot *at, const char *name) {
    size_t len = strlen(name);
    bool is_good = len > 0 && len <= COOKIE_MOST;
    for (const char *c = name; *c; c++)
        is_good &= isalnum((unsigned char)*c) || *c == '-' || *c == '_' || *c == '.';
    if (!is_good)
        conf_error(l->conf, at,
                   "needs the name of a cookie: letters, digits, '-', '_' and '.', at most %d",
                   COOKIE_MOST);
}

// The same in every process, and after a restart; another on every machine.
static struct slice find_secret(struct loader *l, const struct conf_spot *at,
                                const struct sticky_conf *c) {
    struct slice id = {NULL, 0};
    char why[256];
    if (c->secret && strlen(c->secret) >= SECRET_LEAST) return slice_of(c->secret);
    if (c->secret) {
        conf_error(l->conf, at, "a secret has %d bytes or more", SECRET_LEAST);
        return id;
    }
    bool has_id = files_read(l->files, "/etc/machine-id", &id, why, sizeof why);
    if (has_id && slice_trim(id).len >= SECRET_LEAST) return slice_trim(id);
    conf_error(l->conf, at,
               "this machine has no /etc/machine-id: write secret = \"...\", a secret "
               "of your own");
    return (struct slice){NULL, 0};
}
