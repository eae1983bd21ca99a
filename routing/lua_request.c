// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <lauxlib.h>
#include <lua.h>
#include <string.h>

#include "core/suggest.h"
#include "routing/lua_route.h"
#include "routing/template.h"

// The object `req`: a userdata with a pointer to what the activation works on (NULL when it is over) and, as its user value, a table of
// what was asked for already. req.headers, req.cookies and req.query are userdata that have the request as their user value.

static const char request_type[] = "rsp.request", headers_type[] = "rsp.headers",
                  cookies_type[] = "rsp.cookies", query_type[] = "rsp.query";

static struct lua_request *request_of_part(lua_State *L, int index, const char *type);
static int get_request(lua_State *L);
static int set_request(lua_State *L);
static void push_id(lua_State *L, const struct lua_request *r);
static void push_method(lua_State *L, const struct lua_request *r);
static void push_scheme(lua_State *L, const struct lua_request *r);
static void push_host(lua_State *L, const struct lua_request *r);
static void push_path(lua_State *L, const struct lua_request *r);
static void push_raw_path(lua_State *L, const struct lua_request *r);
static void push_query(lua_State *L, const struct lua_request *r);
static void push_headers(lua_State *L, const struct lua_request *r);
static void push_cookies(lua_State *L, const struct lua_request *r);
static void push_client(lua_State *L, const struct lua_request *r);
static void push_vars(lua_State *L, const struct lua_request *r);
static void push_user(lua_State *L, const struct lua_request *r);
static void push_body(lua_State *L, const struct lua_request *r);
static int body_is_later(lua_State *L);
static void push_slice(lua_State *L, struct slice s);
static void push_part(lua_State *L, const char *type, lua_CFunction get, lua_CFunction all);
static int get_header(lua_State *L);
static int set_header(lua_State *L);
static int all_headers(lua_State *L);
static int next_header(lua_State *L);
static int pairs_of_headers(lua_State *L);
static int get_cookie(lua_State *L);
static int all_cookies(lua_State *L);
static int get_parameter(lua_State *L);
static int all_parameters(lua_State *L);
static struct slice check_slice(lua_State *L, int index);

static const struct {
    const char *name;
    void (*push)(lua_State *L, const struct lua_request *r);
} members[] = {{"id", push_id},         {"method", push_method},   {"scheme", push_scheme},
               {"host", push_host},     {"path", push_path},       {"raw_path", push_raw_path},
               {"query", push_query},   {"headers", push_headers}, {"cookies", push_cookies},
               {"client", push_client}, {"user", push_user},       {"vars", push_vars},
               {"body", push_body}};

void lua_request_push(struct lua_State *L, struct lua_request *r) {
    *(struct lua_request **)lua_newuserdatauv(L, sizeof r, 1) = r;
    lua_newtable(L);
    lua_setiuservalue(L, -2, 1);
    if (luaL_newmetatable(L, request_type)) {
        lua_pushcfunction(L, get_request);
        lua_setfield(L, -2, "__index");
        lua_pushcfunction(L, set_request);
        lua_setfield(L, -2, "__newindex");
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable");
    }
    lua_setmetatable(L, -2);
}

void lua_request_close(struct lua_State *L, int index) {
    *(struct lua_request **)lua_touserdata(L, index) = NULL;
}

struct lua_request *lua_request_at(struct lua_State *L, int index) {
    struct lua_request **r = luaL_checkudata(L, index, request_type);
    if (!*r) luaL_error(L, "the request is over; its function has returned");
    return *r;
}

static struct lua_request *request_of_part(lua_State *L, int index, const char *type) {
    luaL_checkudata(L, index, type);
    lua_getiuservalue(L, index, 1);
    struct lua_request *r = lua_request_at(L, -1);
    lua_pop(L, 1);
    return r;
}

static int get_request(lua_State *L) {
    struct lua_request *r = lua_request_at(L, 1);
    const char *name = luaL_checkstring(L, 2);
    lua_getiuservalue(L, 1, 1);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, -2) != LUA_TNIL) return 1;
    struct suggestion suggestion = {.wrong = name};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        suggest_try(&suggestion, members[i].name);
        if (strcmp(members[i].name, name) != 0) continue;
        members[i].push(L, r);
        lua_pushvalue(L, 2);
        lua_pushvalue(L, -2);
        lua_rawset(L, 3);
        return 1;
    }
    char buf[SUGGEST_MAX];
    return luaL_error(L, "req has no '%s'%s", name, suggest_text(&suggestion, buf));
}

static int set_request(lua_State *L) {
    lua_request_at(L, 1);
    const char *name = luaL_checkstring(L, 2);
    if (strcmp(name, "user") != 0)
        return luaL_error(L, "req.%s cannot be assigned; req.vars.%s can", name, name);
    if (!lua_isnil(L, 3)) luaL_checkstring(L, 3);
    lua_getiuservalue(L, 1, 1);
    lua_pushvalue(L, 3);
    lua_setfield(L, -2, "user");
    return 0;
}

static void push_id(lua_State *L, const struct lua_request *r) {
    push_slice(L, r->request->id);
}

static void push_method(lua_State *L, const struct lua_request *r) {
    push_slice(L, r->request->method);
}

static void push_scheme(lua_State *L, const struct lua_request *r) {
    push_slice(L, r->request->scheme);
}

static void push_host(lua_State *L, const struct lua_request *r) {
    push_slice(L, r->request->host);
}

// Percent-decoded, but for what would be taken for something else: an encoded slash, NUL, or a broken escape.
static void push_path(lua_State *L, const struct lua_request *r) {
    struct slice path = r->request->path;
    luaL_Buffer out;
    luaL_buffinit(L, &out);
    for (size_t i = 0; i < path.len; i++) {
        struct slice escape = {path.at + i, 3}, decoded;
        bool is_escape = path.at[i] == '%' && path.len - i >= 3 &&
                         path_decode(r->arena, escape, &decoded) && decoded.at[0] != '/';
        luaL_addchar(&out, is_escape ? decoded.at[0] : path.at[i]);
        if (is_escape) i += 2;
    }
    luaL_pushresult(&out);
}

static void push_raw_path(lua_State *L, const struct lua_request *r) {
    push_slice(L, r->request->path);
}

static void push_query(lua_State *L, const struct lua_request *r) {
    (void)r;
    push_part(L, query_type, get_parameter, all_parameters);
}

static void push_headers(lua_State *L, const struct lua_request *r) {
    (void)r;
    push_part(L, headers_type, get_header, all_headers);
}

static void push_cookies(lua_State *L, const struct lua_request *r) {
    (void)r;
    push_part(L, cookies_type, get_cookie, all_cookies);
}

static void push_client(lua_State *L, const struct lua_request *r) {
    char buf[ADDRESS_TEXT_MAX];
    lua_createtable(L, 0, 3);
    lua_pushstring(L, address_format_ip(r->request->client, buf));
    lua_setfield(L, -2, "ip");
    lua_pushinteger(L, address_port(r->request->client));
    lua_setfield(L, -2, "port");
    if (r->request->client_tls)
        lua_client_tls_push(L, 1);
    else
        lua_pushboolean(L, 0);
    lua_setfield(L, -2, "tls");
}

// A table for functions to keep things in; it begins with what the path captured, percent-decoded.
static void push_vars(lua_State *L, const struct lua_request *r) {
    lua_newtable(L);
    for (unsigned i = 0; i < r->captures->count; i++) {
        struct slice value = r->captures->at[i].raw;
        path_decode(r->arena, value, &value);
        push_slice(L, r->captures->at[i].name);
        push_slice(L, value);
        lua_rawset(L, -3);
    }
}

static void push_user(lua_State *L, const struct lua_request *r) {
    (void)r;
    lua_pushnil(L);
}

static void push_body(lua_State *L, const struct lua_request *r) {
    (void)r;
    lua_pushcfunction(L, body_is_later);
}

static int body_is_later(lua_State *L) {
    return luaL_error(L, "req:body is not yet available in this version");
}

static void push_slice(lua_State *L, struct slice s) {
    lua_pushlstring(L, s.at ? s.at : "", s.len);
}

// A userdata with the request (argument 1 of the C function that runs) as its user value.
static void push_part(lua_State *L, const char *type, lua_CFunction get, lua_CFunction all) {
    lua_newuserdatauv(L, 0, 1);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    if (luaL_newmetatable(L, type)) {
        lua_pushcfunction(L, all);
        lua_pushcclosure(L, get, 1);
        lua_setfield(L, -2, "__index");
        lua_pushcfunction(L, set_header);
        lua_setfield(L, -2, "__newindex");
        lua_pushcfunction(L, pairs_of_headers);
        lua_setfield(L, -2, "__pairs");
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable");
    }
    lua_setmetatable(L, -2);
}

static struct slice check_slice(lua_State *L, int index) {
    size_t len;
    const char *text = luaL_checklstring(L, index, &len);
    return (struct slice){text, len};
}

static int get_header(lua_State *L) {
    struct lua_request *r = request_of_part(L, 1, headers_type);
    struct slice name = check_slice(L, 2), value;
    if (slice_equals(name, SLICE("all"))) {
        lua_pushvalue(L, lua_upvalueindex(1));
        return 1;
    }
    if (!r->request->field(r->request->fields, name, 0, &value)) return 0;
    push_slice(L, value);
    return 1;
}

static int all_headers(lua_State *L) {
    struct lua_request *r = request_of_part(L, 1, headers_type);
    struct slice name = check_slice(L, 2), value;
    lua_newtable(L);
    for (unsigned i = 0; r->request->field(r->request->fields, name, i, &value); i++) {
        push_slice(L, value);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

// Replaces all fields of the name; nil removes them.
static int set_header(lua_State *L) {
    if (!luaL_testudata(L, 1, headers_type))
        return luaL_error(L, "only req.headers can be assigned");
    struct lua_request *r = request_of_part(L, 1, headers_type);
    struct slice name = check_slice(L, 2), value = {NULL, 0};
    bool is_removed = lua_isnil(L, 3);
    if (!is_removed) value = check_slice(L, 3);
    if (!field_is_valid(name, value))
        return luaL_error(
            L, "req.headers: a name is a token, a value has no CR, LF, NUL or other control byte");
    if (!field_may_be_sent(name, value) || slice_equals_nocase(name, SLICE("host")))
        return luaL_error(L, "req.headers: '%s' is not for route files to set", lua_tostring(L, 2));
    if (!r->request->set_field) return 0;
    value = arena_copy(r->arena, value);
    r->request->set_field(r->request->fields, arena_copy(r->arena, name),
                          is_removed ? NULL : &value);
    return 0;
}

static int pairs_of_headers(lua_State *L) {
    request_of_part(L, 1, headers_type);
    lua_pushinteger(L, 0);
    lua_pushvalue(L, 1);
    lua_pushcclosure(L, next_header, 2);
    return 1;
}

static int next_header(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(2));
    struct lua_request *r = request_of_part(L, -1, headers_type);
    lua_Integer i = lua_tointeger(L, lua_upvalueindex(1));
    struct slice name, value;
    if (!r->request->field_at ||
        !r->request->field_at(r->request->fields, (unsigned)i, &name, &value))
        return 0;
    lua_pushinteger(L, i + 1);
    lua_replace(L, lua_upvalueindex(1));
    push_slice(L, name);
    push_slice(L, value);
    return 2;
}

static int get_cookie(lua_State *L) {
    struct lua_request *r = request_of_part(L, 1, cookies_type);
    struct slice name = check_slice(L, 2), value;
    if (slice_equals(name, SLICE("all"))) {
        lua_pushvalue(L, lua_upvalueindex(1));
        return 1;
    }
    if (!request_cookie(r->request, name, 0, &value)) return 0;
    push_slice(L, value);
    return 1;
}

static int all_cookies(lua_State *L) {
    struct lua_request *r = request_of_part(L, 1, cookies_type);
    struct slice name = check_slice(L, 2), value;
    lua_newtable(L);
    for (unsigned i = 0; request_cookie(r->request, name, i, &value); i++) {
        push_slice(L, value);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static int get_parameter(lua_State *L) {
    struct lua_request *r = request_of_part(L, 1, query_type);
    struct slice name = check_slice(L, 2), value;
    if (slice_equals(name, SLICE("all"))) {
        lua_pushvalue(L, lua_upvalueindex(1));
        return 1;
    }
    if (!request_parameter(r->request, name, 0, r->arena, &value)) return 0;
    push_slice(L, value);
    return 1;
}

static int all_parameters(lua_State *L) {
    struct lua_request *r = request_of_part(L, 1, query_type);
    struct slice name = check_slice(L, 2), value;
    lua_newtable(L);
    for (unsigned i = 0; request_parameter(r->request, name, i, r->arena, &value); i++) {
        push_slice(L, value);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}
