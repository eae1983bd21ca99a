// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <lauxlib.h>
#include <lua.h>
#include <string.h>

#include "core/suggest.h"
#include "routing/lua_route.h"

// req.client.tls of a client that speaks TLS: a userdata with the request as its user value. Nothing is asked of the connection
// before a member is read.

static const char type_name[] = "rsp.client_tls";

static int get_member(lua_State *L);
static int each_member(lua_State *L);
static int next_member(lua_State *L);
static void read_tls(lua_State *L, int index, struct client_tls *out);
static void push_text(lua_State *L, struct slice s);

static void push_version(lua_State *L, const struct client_tls *t) {
    push_text(L, t->version);
}

static void push_cipher(lua_State *L, const struct client_tls *t) {
    push_text(L, t->cipher);
}

static void push_sni(lua_State *L, const struct client_tls *t) {
    push_text(L, t->name);
}

static void push_resumed(lua_State *L, const struct client_tls *t) {
    lua_pushboolean(L, t->is_resumed);
}

static void push_verified(lua_State *L, const struct client_tls *t) {
    lua_pushboolean(L, t->is_verified);
}

static void push_subject(lua_State *L, const struct client_tls *t) {
    push_text(L, t->subject);
}

static void push_issuer(lua_State *L, const struct client_tls *t) {
    push_text(L, t->issuer);
}

static void push_serial(lua_State *L, const struct client_tls *t) {
    push_text(L, t->serial);
}

static void push_fingerprint(lua_State *L, const struct client_tls *t) {
    push_text(L, t->fingerprint);
}

static void push_number(lua_State *L, const struct client_tls *t, int64_t n) {
    if (t->is_verified)
        lua_pushinteger(L, n);
    else
        lua_pushnil(L);
}

static void push_not_before(lua_State *L, const struct client_tls *t) {
    push_number(L, t, t->not_before_s);
}

static void push_not_after(lua_State *L, const struct client_tls *t) {
    push_number(L, t, t->not_after_s);
}

static void push_bits(lua_State *L, const struct client_tls *t) {
    push_number(L, t, t->signature_bits);
}

static void push_path_length(lua_State *L, const struct client_tls *t) {
    push_number(L, t, t->path_length);
}

static void push_sans(lua_State *L, const struct client_tls *t) {
    lua_createtable(L, (int)t->name_count, 0);
    for (size_t i = 0; i < t->name_count; i++) {
        push_text(L, t->names[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static const struct {
    const char *name;
    void (*push)(lua_State *L, const struct client_tls *t);
} members[] = {
    {"version", push_version},
    {"cipher", push_cipher},
    {"sni", push_sni},
    {"resumed", push_resumed},
    {"verified", push_verified},
    {"subject", push_subject},
    {"issuer", push_issuer},
    {"serial", push_serial},
    {"fingerprint", push_fingerprint},
    {"not_before", push_not_before},
    {"not_after", push_not_after},
    {"signature_bits", push_bits},
    {"path_length", push_path_length},
    {"sans", push_sans},
};

void lua_client_tls_push(struct lua_State *L, int request) {
    request = lua_absindex(L, request);
    lua_newuserdatauv(L, 0, 1);
    lua_pushvalue(L, request);
    lua_setiuservalue(L, -2, 1);
    if (luaL_newmetatable(L, type_name)) {
        lua_pushcfunction(L, get_member);
        lua_setfield(L, -2, "__index");
        lua_pushcfunction(L, each_member);
        lua_setfield(L, -2, "__pairs");
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable");
    }
    lua_setmetatable(L, -2);
}

static int get_member(lua_State *L) {
    struct client_tls tls;
    struct suggestion suggestion = {.wrong = luaL_checkstring(L, 2)};
    read_tls(L, 1, &tls);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        suggest_try(&suggestion, members[i].name);
        if (strcmp(members[i].name, suggestion.wrong) != 0) continue;
        members[i].push(L, &tls);
        return 1;
    }
    char buf[SUGGEST_MAX];
    return luaL_error(L, "req.client.tls has no '%s'%s", suggestion.wrong,
                      suggest_text(&suggestion, buf));
}

static int each_member(lua_State *L) {
    luaL_checkudata(L, 1, type_name);
    lua_pushinteger(L, 0);
    lua_pushvalue(L, 1);
    lua_pushcclosure(L, next_member, 2);
    return 1;
}

// Those that are nil are passed over.
static int next_member(lua_State *L) {
    struct client_tls tls;
    read_tls(L, lua_upvalueindex(2), &tls);
    size_t i = (size_t)lua_tointeger(L, lua_upvalueindex(1));
    for (; i < sizeof members / sizeof *members; i++) {
        lua_pushstring(L, members[i].name);
        members[i].push(L, &tls);
        if (!lua_isnil(L, -1)) break;
        lua_pop(L, 2);
    }
    if (i == sizeof members / sizeof *members) return 0;
    lua_pushinteger(L, (lua_Integer)i + 1);
    lua_replace(L, lua_upvalueindex(1));
    return 2;
}

static void read_tls(lua_State *L, int index, struct client_tls *out) {
    luaL_checkudata(L, index, type_name);
    lua_getiuservalue(L, index, 1);
    const struct lua_request *r = lua_request_at(L, -1);
    lua_pop(L, 1);
    *out = (struct client_tls){.version = {NULL, 0}};
    if (r->request->tls) r->request->tls(r->request->fields, out);
}

// What is not there is nil: an empty text in a comparison is too easily taken for a match.
static void push_text(lua_State *L, struct slice s) {
    if (s.len > 0)
        lua_pushlstring(L, s.at, s.len);
    else
        lua_pushnil(L);
}
