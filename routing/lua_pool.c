// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <lauxlib.h>
#include <lua.h>

#include "core/check.h"
#include "core/hostname.h"
#include "routing/address_text.h"
#include "routing/balance.h"
#include "routing/loader.h"
#include "routing/lua_route.h"
#include "routing/settings.h"
#include "routing/template.h"

// pool "name" gives the pool of that name, declared or not (yet); called with a table it declares it. Pools of all names, and of
// addresses that stand in sites, are kept in a table of the registry, so the same name is the same Lua value.
enum { MEMBERS_MAX = 10000, SERVICE_NAME_MAX = 255 };

static const char type_name[] = "rsp.pool";
static char pools_key;

static struct pool *named_pool(struct loader *l, lua_State *L, const char *key, const char *name);
static int declare_pool(lua_State *L);
static int get_pool(lua_State *L);
static void read_pool(struct loader *l, lua_State *L, int index, const struct conf_spot *at,
                      struct pool *p);
static void read_key(struct loader *l, lua_State *L, int index, const struct conf_spot *at,
                     struct pool *p);
static void check_bound(struct loader *l, const struct conf_spot *at, const struct pool *p);
static void read_members(struct loader *l, lua_State *L, int index, const struct conf_spot *at,
                         struct pool *p);
static void read_member(struct loader *l, lua_State *L, const struct conf_spot *at, struct pool *p);
static void read_backup(struct loader *l, lua_State *L, const struct conf_spot *at,
                        struct table_settings *settings);
static bool add_member(struct loader *l, const struct conf_spot *at, struct pool *p,
                       struct slice text, const struct member_conf *conf);
static bool is_member(const struct pool *p, const char *text);
static void read_resolve(struct loader *l, lua_State *L, const struct conf_spot *at,
                         struct member_conf *m);
static bool read_service(struct loader *l, lua_State *L, const struct conf_spot *at, struct pool *p,
                         struct member_conf *m);
static void add_service(struct loader *l, const struct conf_spot *at, struct pool *p,
                        const char *name, const struct member_conf *conf);
static void push_pools(lua_State *L);
static const char *address_list_name(lua_State *L, int index);
static void push_member_name(lua_State *L);

struct pool *pool_at(struct lua_State *L, int index) {
    struct pool **p = luaL_testudata(L, index, type_name);
    return p ? *p : NULL;
}

int word_pool(struct lua_State *L) {
    struct loader *l = loader_of(L);
    if (!lua_isstring(L, 1))
        return luaL_error(L, "pool: needs a name first: write pool \"name\" { ... }");
    const char *name = lua_tostring(L, 1);
    named_pool(l, L, name, name);
    return 1;
}

struct pool *pool_read_to(struct loader *l, struct lua_State *L, int index,
                          const struct conf_spot *at) {
    index = lua_absindex(L, index);
    int top = lua_gettop(L);
    struct pool *p = pool_at(L, index);
    if (p) return p;
    int type = lua_type(L, index);
    if (type != LUA_TSTRING && type != LUA_TTABLE) {
        conf_error(l->conf, at, "needs a pool, an address or a list of addresses, not a %s",
                   luaL_typename(L, index));
        return NULL;
    }
    // The same addresses written again are the same pool.
    const char *name = type == LUA_TSTRING ? lua_tostring(L, index) : address_list_name(L, index);
    p = named_pool(l, L, lua_pushfstring(L, "to %s", name), name);
    lua_settop(L, top);
    if (p->place.line > 0) return p;
    const struct conf_spot *root = at;
    while (root->up) root = root->up;
    p->place = place_of(root);
    conf_set_defaults(&POOL_SETTINGS, p);
    conf_set_defaults(&POOL_TLS_SETTINGS, &p->backend);
    conf_set_defaults(&POOL_QUEUE_SETTINGS, &p->queue);
    if (type == LUA_TSTRING) {
        size_t len;
        const char *text = lua_tolstring(L, index, &len);
        struct member_conf member = {.settings.weight = 1};
        p->configured = arena_zalloc(l->arena, sizeof *p->configured);
        add_member(l, at, p, (struct slice){text, len}, &member);
    } else {
        read_members(l, L, index, at, p);
        if (lua_rawlen(L, index) == 0) conf_error(l->conf, at, "is an empty list of addresses");
    }
    return p;
}

struct pool *pool_add_address(struct loader *l, const struct conf_spot *at, const char *text) {
    lua_State *L = script_lua(l->script);
    lua_pushstring(L, text);
    struct pool *p = pool_read_to(l, L, -1, at);
    lua_pop(L, 1);
    return p;
}

// Pushes the Lua value of the pool that is kept under this key.
static struct pool *named_pool(struct loader *l, lua_State *L, const char *key, const char *name) {
    push_pools(L);
    if (lua_getfield(L, -1, key) == LUA_TNIL) {
        lua_pop(L, 1);
        struct pool *p = arena_zalloc(l->arena, sizeof *p);
        p->name = arena_string(l->arena, slice_of(name));
        p->table_name = arena_string(l->arena, slice_of(key));
        // Where it is named first, until it is declared: a negative line.
        struct conf_spot spot = loader_spot(l, L, NULL, NULL);
        p->place = (struct place){spot.file, -spot.line};
        pointers_add(&l->pools, p);
        *(struct pool **)lua_newuserdatauv(L, sizeof p, 0) = p;
        if (luaL_newmetatable(L, type_name)) {
            lua_pushcfunction(L, declare_pool);
            lua_setfield(L, -2, "__call");
            lua_pushcfunction(L, get_pool);
            lua_setfield(L, -2, "__index");
            lua_pushboolean(L, 0);
            lua_setfield(L, -2, "__metatable");
        }
        lua_setmetatable(L, -2);
        lua_pushvalue(L, -1);
        lua_setfield(L, -3, key);
    }
    lua_remove(L, -2);
    return *(struct pool **)lua_touserdata(L, -1);
}

static int declare_pool(lua_State *L) {
    struct loader *l = loader_of(L);
    struct pool *p = pool_at(L, 1);
    luaL_argcheck(L, p, 1, "pool expected");
    struct conf_spot spot = loader_spot(l, L, "pool", p->name);
    if (p->place.line > 0) {
        conf_error(l->conf, &spot, "declared twice, first at %s:%d", p->place.file, p->place.line);
    } else {
        p->place = place_of(&spot);
        read_pool(l, L, 2, &spot, p);
    }
    lua_settop(L, 1);
    return 1;
}

// pool.name, and the methods by, member and up.
static int get_pool(lua_State *L) {
    const char *name = luaL_checkstring(L, 2);
    if (strcmp(name, "name") == 0)
        lua_pushstring(L, pool_at(L, 1)->name);
    else
        lua_answer_push_method(L, name);
    return 1;
}

static void read_pool(struct loader *l, lua_State *L, int index, const struct conf_spot *at,
                      struct pool *p) {
    struct conf_spot tls = {.up = at, .key = "tls"}, queue = {.up = at, .key = "queue"};
    conf_set_defaults(&POOL_SETTINGS, p);
    conf_set_defaults(&POOL_TLS_SETTINGS, &p->backend);
    conf_set_defaults(&POOL_QUEUE_SETTINGS, &p->queue);
    conf_read(l->conf, L, index, at, &POOL_SETTINGS, p);
    if (lua_type(L, index) != LUA_TTABLE) return;
    if (lua_getfield(L, index, "tls") != LUA_TNIL)
        conf_read(l->conf, L, -1, &tls, &POOL_TLS_SETTINGS, &p->backend);
    if (p->backend.tls_ca) p->backend.tls_ca = loader_beside(l, p->backend.tls_ca);
    lua_pop(L, 1);
    if (lua_getfield(L, index, "queue") != LUA_TNIL)
        conf_read(l->conf, L, -1, &queue, &POOL_QUEUE_SETTINGS, &p->queue);
    lua_pop(L, 1);
    read_key(l, L, index, at, p);
    check_bound(l, at, p);
    pool_read_sticky(l, L, index, at, p);
    pool_read_health(l, L, index, at, p);
    read_members(l, L, index, at, p);
    if (p->configured_count == 0 && lua_rawlen(L, index) == 0 && !p->is_live)
        conf_error(l->conf, at, "has no members: write { \"10.0.0.1:8080\", ... }");
}

static void read_key(struct loader *l, lua_State *L, int index, const struct conf_spot *at,
                     struct pool *p) {
    struct conf_spot spot = {.up = at, .key = "key"};
    struct text why;
    int type = lua_getfield(L, index, "key");
    text_init(&why, 512);
    if (type == LUA_TSTRING && p->balance == BALANCE_HASH) {
        p->key = template_parse(l->arena, slice_of(lua_tostring(L, -1)), TEMPLATE_KEY, NULL, &why);
        if (!p->key) conf_error(l->conf, &spot, "%s", text_string(&why));
        p->key_is_host = p->key && template_is_host(p->key);
    } else if (type != LUA_TNIL && p->balance != BALANCE_HASH) {
        conf_error_of_key(l->conf, at, "key", "'key' is only for balance = \"hash\"");
    } else if (type != LUA_TNIL) {
        conf_error(l->conf, &spot, "needs a string such as \"{host}\"");
    } else if (p->balance == BALANCE_HASH) {
        conf_error_of_key(l->conf, at, "balance",
                          "balance = \"hash\" needs a key, such as key = \"{host}\"");
    }
    text_fini(&why);
    lua_pop(L, 1);
}

static void check_bound(struct loader *l, const struct conf_spot *at, const struct pool *p) {
    if (p->bound == 0) return;
    if (p->balance != BALANCE_HASH)
        conf_error_of_key(l->conf, at, "bound", "'bound' is only for balance = \"hash\"");
    else if (p->bound < 1000)
        conf_error_of_key(l->conf, at, "bound",
                          "'bound' is 1 or more (1.25: a quarter above the average), or 0 for "
                          "none");
}

static void read_members(struct loader *l, lua_State *L, int index, const struct conf_spot *at,
                         struct pool *p) {
    size_t count = lua_rawlen(L, index);
    if (count > MEMBERS_MAX) {
        conf_error(l->conf, at, "has more than %d members", MEMBERS_MAX);
        return;
    }
    p->configured = arena_zalloc(l->arena, (count + 1) * sizeof *p->configured);
    for (size_t i = 1; i <= count; i++) {
        struct conf_spot item = {.up = at, .item = (int)i};
        lua_rawgeti(L, index, (lua_Integer)i);
        read_member(l, L, &item, p);
        lua_pop(L, 1);
    }
}

// "address", or { "address", weight = 2 }, on top of the stack.
static void read_member(struct loader *l, lua_State *L, const struct conf_spot *at,
                        struct pool *p) {
    struct member_conf m = {.settings.weight = 1};
    size_t len;
    bool is_table = lua_type(L, -1) == LUA_TTABLE;
    if (is_table) {
        conf_read(l->conf, L, -1, at, &MEMBER_SETTINGS, &m.settings);
        read_backup(l, L, at, &m.settings);
        if (read_service(l, L, at, p, &m)) return;
        read_resolve(l, L, at, &m);
        lua_rawgeti(L, -1, 1);
    }
    if (lua_type(L, -1) == LUA_TSTRING) {
        const char *text = lua_tolstring(L, -1, &len);
        add_member(l, at, p, (struct slice){text, len}, &m);
    } else {
        conf_error(l->conf, at, "needs an address, or { \"address\", weight = 2 }, not a %s",
                   luaL_typename(L, -1));
    }
    if (is_table) lua_pop(L, 1);
}

static void read_resolve(struct loader *l, lua_State *L, const struct conf_spot *at,
                         struct member_conf *m) {
    if (lua_getfield(L, -1, "resolve") != LUA_TNIL) {
        const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
        m->resolve = RESOLVE_EACH;
        if (strcmp(text, "each") != 0)
            conf_error_of_key(l->conf, at, "resolve", "'resolve' can only be \"each\"");
    }
    lua_pop(L, 1);
}

// { srv = "_http._tcp.app.internal" }. False: it is none.
static bool read_service(struct loader *l, lua_State *L, const struct conf_spot *at, struct pool *p,
                         struct member_conf *m) {
    size_t len = 0;
    int type = lua_getfield(L, -1, "srv");
    const char *name = type == LUA_TSTRING ? lua_tolstring(L, -1, &len) : "";
    bool has_more = lua_rawgeti(L, -2, 1) != LUA_TNIL;
    has_more |= lua_getfield(L, -3, "resolve") != LUA_TNIL;
    if (type != LUA_TNIL && (name[0] != '_' || strpbrk(name, " /:") || len > SERVICE_NAME_MAX))
        conf_error_of_key(l->conf, at, "srv",
                          "'srv' is a name such as \"_http._tcp.app.internal\"");
    else if (type != LUA_TNIL && has_more)
        conf_error_of_key(l->conf, at, "srv", "'srv' stands alone: no address, no resolve");
    else if (type != LUA_TNIL)
        add_service(l, at, p, name, m);
    lua_pop(L, 3);
    return type != LUA_TNIL;
}

// The short way to say priority = 1.
static void read_backup(struct loader *l, lua_State *L, const struct conf_spot *at,
                        struct table_settings *settings) {
    int type = lua_getfield(L, -1, "backup");
    bool is_backup = lua_toboolean(L, -1);
    lua_pop(L, 1);
    if (type == LUA_TNIL) return;
    bool has_priority = lua_getfield(L, -1, "priority") != LUA_TNIL;
    lua_pop(L, 1);
    if (type != LUA_TBOOLEAN)
        conf_error_of_key(l->conf, at, "backup", "'backup' needs true or false");
    else if (has_priority)
        conf_error_of_key(l->conf, at, "backup",
                          "'backup' and 'priority' exclude each other: backup = true is "
                          "priority = 1");
    else if (is_backup)
        settings->tier = 1;
}

static bool add_member(struct loader *l, const struct conf_spot *at, struct pool *p,
                       struct slice text, const struct member_conf *conf) {
    struct member_conf *m = &p->configured[p->configured_count];
    struct endpoint endpoint = {0};
    char spelled[MEMBER_TEXT_MAX];
    struct text why;
    *m = *conf;
    text_init(&why, 1024);
    bool is_good = member_spell(text, spelled, &why);
    if (is_good) m->text = arena_string(l->arena, slice_of(spelled));
    if (is_good) CHECK(member_parse(l->arena, slice_of(m->text), &endpoint, &m->is_tls, &why));
    bool is_each = is_good && m->resolve == RESOLVE_EACH;
    if (is_each && !endpoint.host)
        text_printf(&why, "\"%s\" is no name: resolve = \"each\" is for names", m->text);
    else if (is_each && m->is_tls && !p->backend.tls_name)
        text_printf(&why, "TLS could not verify addresses: write tls = { name = ... } in the pool");
    is_good = is_good && why.len == 0;
    if (is_good && is_member(p, m->text)) {
        text_printf(&why, "\"%s\" is a member already", m->text);
        is_good = false;
    }
    if (is_good)
        p->configured_count++;
    else
        conf_error(l->conf, at, "%s", text_string(&why));
    text_fini(&why);
    return is_good;
}

static bool is_member(const struct pool *p, const char *text) {
    for (size_t i = 0; i < p->configured_count; i++)
        if (strcmp(p->configured[i].text, text) == 0) return true;
    return false;
}

// Its hosts speak TLS where the service is called "_https".
static void add_service(struct loader *l, const struct conf_spot *at, struct pool *p,
                        const char *name, const struct member_conf *conf) {
    struct member_conf *m = &p->configured[p->configured_count];
    *m = *conf;
    m->resolve = RESOLVE_SERVICE;
    m->is_tls = strncmp(name, "_https.", 7) == 0;
    m->text = arena_string(l->arena, arena_printf(l->arena, "srv:%s", name));
    if (is_member(p, m->text))
        conf_error(l->conf, at, "\"%s\" is a member already", m->text);
    else
        p->configured_count++;
}

static void push_pools(lua_State *L) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &pools_key) == LUA_TTABLE) return;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &pools_key);
}

// "a:1, b:1 weight=2": pushes the name.
static const char *address_list_name(lua_State *L, int index) {
    luaL_Buffer name;
    luaL_buffinit(L, &name);
    for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, index); i++) {
        if (i > 1) luaL_addstring(&name, ", ");
        if (lua_rawgeti(L, index, i) == LUA_TTABLE) push_member_name(L);
        if (lua_type(L, -1) != LUA_TSTRING) {
            lua_pop(L, 1);
            lua_pushliteral(L, "?");
        }
        luaL_addvalue(&name);
    }
    luaL_pushresult(&name);
    return lua_tostring(L, -1);
}

// In place of a member's table: its address and what else is said of it.
static void push_member_name(lua_State *L) {
    int table = lua_gettop(L);
    if (lua_rawgeti(L, table, 1) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_getfield(L, table, "srv");
    }
    for (size_t i = 0; i < MEMBER_SETTINGS.count && lua_type(L, -1) == LUA_TSTRING; i++) {
        const char *key = MEMBER_SETTINGS.fields[i].name;
        if (lua_getfield(L, table, key) == LUA_TNIL) {
            lua_pop(L, 1);
            continue;
        }
        const char *value = luaL_tolstring(L, -1, NULL);
        lua_pushfstring(L, "%s %s=%s", lua_tostring(L, -3), key, value);
        lua_replace(L, -4);
        lua_pop(L, 2);
    }
    lua_replace(L, table);
    lua_settop(L, table);
}
