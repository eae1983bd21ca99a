// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <lauxlib.h>
#include <lua.h>
#include <string.h>
#include <xxhash.h>

#include "core/script.h"
#include "routing/loader.h"
#include "routing/lua_route.h"
#include "routing/template.h"

// What a function may return: a pool, pool:by(key), pool:member(address), respond(...), redirect(...), split(...), nil.

static const char type_name[] = "rsp.answer";
enum { FIELDS_MAX = 32, SHARES_MAX = 100, SPLIT_SEED = 0x5911 };

// User value 1: the key, address, body or location; 2: the table of fields.
struct made_answer {
    enum answer_kind kind;
    struct pool *pool;
    bool is_fixed; // to a member: user value 1 is its address
    int status;
};

static struct made_answer *push_answer(lua_State *L, enum answer_kind kind);
static struct pool *check_pool(lua_State *L);
static int pool_by(lua_State *L);
static int pool_member(lua_State *L);
static int pool_up(lua_State *L);
static int make_respond(lua_State *L);
static int make_redirect(lua_State *L);
static int make_split(lua_State *L);
static int is_later(lua_State *L);
static struct slice keep_string(lua_State *L, int index, struct arena *a);
static void keep_fields(lua_State *L, int index, struct lua_request *r, struct route_answer *out);

void lua_answer_read(struct lua_State *L, int index, struct lua_request *r,
                     struct route_answer *out) {
    struct pool *pool = pool_at(L, index);
    struct made_answer *made = pool ? NULL : luaL_testudata(L, index, type_name);
    if (pool) {
        answer_set_pool_by(out, pool, pool->key, r);
        return;
    }
    if (lua_isnil(L, index)) return; // "not mine": as no path fitted
    if (!made)
        luaL_error(
            L,
            "the function returned a %s; it returns a pool, pool:by(key), pool:member(address), "
            "respond(...), redirect(...), split(...) or nil",
            luaL_typename(L, index));
    out->kind = made->kind;
    out->status = made->status;
    lua_getiuservalue(L, index, 1);
    lua_getiuservalue(L, index, 2);
    struct slice text = keep_string(L, -2, r->arena);
    if (made->kind == ANSWER_POOL)
        answer_set_pool(out, made->pool, made->is_fixed ? (struct slice){NULL, 0} : text, r->arena);
    if (made->is_fixed) out->fixed = text;
    if (made->kind == ANSWER_RESPOND) out->body = text;
    if (made->kind == ANSWER_REDIRECT) out->location = location_clean(r->arena, text);
    keep_fields(L, -1, r, out);
    lua_pop(L, 2);
}

void lua_answer_push_method(struct lua_State *L, const char *name) {
    if (strcmp(name, "by") == 0)
        lua_pushcfunction(L, pool_by);
    else if (strcmp(name, "member") == 0)
        lua_pushcfunction(L, pool_member);
    else if (strcmp(name, "up") == 0)
        lua_pushcfunction(L, pool_up);
    else
        lua_pushnil(L);
}

void lua_answer_set_names(struct lua_State *L) {
    struct script *s = script_of(L);
    lua_pushcfunction(L, make_respond);
    script_set_name(s, "respond");
    lua_pushcfunction(L, make_redirect);
    script_set_name(s, "redirect");
    lua_pushcfunction(L, make_split);
    script_set_name(s, "split");
    lua_pushliteral(L, "sleep");
    lua_pushcclosure(L, is_later, 1);
    script_set_name(s, "sleep");
    lua_newtable(L);
    lua_pushliteral(L, "http.get");
    lua_pushcclosure(L, is_later, 1);
    lua_setfield(L, -2, "get");
    script_set_name(s, "http");
}

static struct made_answer *push_answer(lua_State *L, enum answer_kind kind) {
    struct made_answer *made = lua_newuserdatauv(L, sizeof *made, 2);
    *made = (struct made_answer){.kind = kind};
    if (luaL_newmetatable(L, type_name)) {
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable");
    }
    lua_setmetatable(L, -2);
    return made;
}

static struct pool *check_pool(lua_State *L) {
    struct pool *p = pool_at(L, 1);
    if (!p) luaL_error(L, "call it with a colon: pool:by(key)");
    return p;
}

static int pool_by(lua_State *L) {
    struct pool *p = check_pool(L);
    luaL_checkstring(L, 2);
    if (p->balance != BALANCE_HASH)
        return luaL_error(L, "pool \"%s\": by(key) needs balance = \"hash\"", p->name);
    push_answer(L, ANSWER_POOL)->pool = p;
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, -2, 1);
    return 1;
}

static int pool_member(lua_State *L) {
    struct pool *p = check_pool(L);
    const char *text = luaL_checkstring(L, 2);
    if (!view_find(pool_view(p), slice_of(text)))
        return luaL_error(L, "pool \"%s\" has no member \"%s\"", p->name, text);
    struct made_answer *made = push_answer(L, ANSWER_POOL);
    made->pool = p;
    made->is_fixed = true;
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, -2, 1);
    return 1;
}

// Is there a member that could take a request?
static int pool_up(lua_State *L) {
    struct pool *p = check_pool(L);
    lua_pushboolean(L, pool_view(p)->up_count > 0);
    return 1;
}

// respond(status), respond(status, "body"), respond(status, { ["content-type"] = "...", body = "..." })
static int make_respond(lua_State *L) {
    lua_Integer status = luaL_checkinteger(L, 1);
    luaL_argcheck(L, status >= 200 && status <= 599, 1, "a status is 200 to 599");
    bool has_fields = lua_type(L, 2) == LUA_TTABLE;
    if (!has_fields) luaL_optstring(L, 2, "");
    push_answer(L, ANSWER_RESPOND)->status = (int)status;
    if (has_fields) {
        lua_pushvalue(L, 2);
        lua_setiuservalue(L, -2, 2);
        lua_getfield(L, 2, "body");
    } else {
        lua_pushvalue(L, 2);
    }
    lua_setiuservalue(L, -2, 1);
    return 1;
}

// redirect(url), redirect(url, status)
static int make_redirect(lua_State *L) {
    luaL_checkstring(L, 1);
    lua_Integer status = luaL_optinteger(L, 2, 302);
    luaL_argcheck(L, status >= 300 && status <= 308, 2, "a status is 300 to 308");
    push_answer(L, ANSWER_REDIRECT)->status = (int)status;
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    return 1;
}

// split(key, { { 5, a }, { 95, b } }): the same key always has the same share; a share that grows keeps the keys it has.
static int make_split(lua_State *L) {
    size_t len;
    const char *key = luaL_checklstring(L, 1, &len);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_Integer count = (lua_Integer)lua_rawlen(L, 2);
    luaL_argcheck(L, count >= 1 && count <= SHARES_MAX, 2,
                  "a list of shares: { { 5, a }, { 95, b } }");
    double total = 0, weights[SHARES_MAX];
    for (lua_Integer i = 1; i <= count; i++) {
        luaL_argcheck(L, lua_rawgeti(L, 2, i) == LUA_TTABLE, 2, "each share is { number, answer }");
        lua_rawgeti(L, -1, 1);
        luaL_argcheck(L, lua_isnumber(L, -1) && lua_tonumber(L, -1) >= 0, 2,
                      "a share is a number, 0 or more");
        weights[i - 1] = lua_tonumber(L, -1);
        total += weights[i - 1];
        lua_pop(L, 2);
    }
    luaL_argcheck(L, total > 0, 2, "all shares are 0");
    double point =
        (double)(XXH3_64bits_withSeed(key, len, SPLIT_SEED) >> 11) / 9007199254740992.0 * total;
    lua_Integer i = 1;
    while (i < count && point >= weights[i - 1]) point -= weights[i++ - 1];
    lua_rawgeti(L, 2, i);
    luaL_argcheck(L, lua_rawgeti(L, -1, 2) != LUA_TNIL, 2, "each share is { number, answer }");
    return 1;
}

static int is_later(lua_State *L) {
    return luaL_error(L, "%s is not yet available in this version",
                      lua_tostring(L, lua_upvalueindex(1)));
}

// at NULL for what is no string.
static struct slice keep_string(lua_State *L, int index, struct arena *a) {
    size_t len;
    if (!lua_isstring(L, index)) return (struct slice){NULL, 0};
    lua_pushvalue(L, index);
    const char *text = lua_tolstring(L, -1, &len);
    struct slice kept = {arena_string(a, (struct slice){text, len}), len};
    lua_pop(L, 1);
    return kept;
}

static void keep_fields(lua_State *L, int index, struct lua_request *r, struct route_answer *out) {
    if (lua_type(L, index) != LUA_TTABLE) return;
    struct answer_field *fields = arena_alloc(r->arena, FIELDS_MAX * sizeof *fields);
    index = lua_absindex(L, index);
    lua_pushnil(L);
    for (; lua_next(L, index); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING) luaL_error(L, "respond: a field has a name");
        struct slice name = keep_string(L, -2, r->arena), value = keep_string(L, -1, r->arena);
        if (slice_equals(name, SLICE("body"))) continue;
        if (!value.at || out->field_count == FIELDS_MAX || !field_may_be_sent(name, value))
            luaL_error(L, "respond: '%s' is no field of an answer that a route file can set",
                       name.at);
        fields[out->field_count++] = (struct answer_field){name, value};
    }
    out->fields = fields;
}
