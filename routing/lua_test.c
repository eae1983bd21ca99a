// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <lauxlib.h>
#include <lua.h>

#include "routing/loader.h"
#include "routing/route_test.h"

// test "name" { ... }: read here, run by routing/route_test.c.

enum { REQUESTS_MAX = 10000, TIMES_MAX = 100000 };

struct adding {
    struct loader *loader;
    struct route_test *test;
};

static int declare_test(lua_State *L);
static void read_requests(struct loader *l, lua_State *L, const struct conf_spot *at,
                          const char *key, struct route_test *test);
static bool add_request(void *arg, const struct conf_spot *at, struct slice text);
static void read_sent(struct loader *l, lua_State *L, const struct conf_spot *at,
                      struct route_test *test);
static void read_fields(struct loader *l, lua_State *L, const struct conf_spot *at,
                        struct route_test *test);

#define FIELD(name_, type_, member, least_, most_)                                                 \
    {                                                                                              \
        .name = name_, .type = CONF_##type_, .offset = offsetof(struct route_test, member),        \
        .least = least_, .most = most_                                                             \
    }
static const struct conf_field test_fields[] = {
    FIELD("request", OWN, status, 0, 0),
    FIELD("same_backend", OWN, status, 0, 0),
    FIELD("expect", OWN, status, 0, 0),
    FIELD("headers", OWN, status, 0, 0),
    FIELD("from", STRING, from, 0, 0),
    FIELD("times", UINT, times, 1, TIMES_MAX),
    FIELD("certificate", BOOL, has_certificate, 0, 1),
};
static const struct conf_field expect_fields[] = {
    FIELD("status", UINT, status, 100, 599),
    FIELD("location", STRING, expect[EXPECT_LOCATION], 0, 0),
    FIELD("body", STRING, expect[EXPECT_BODY], 0, 0),
    FIELD("pool", STRING, expect[EXPECT_POOL], 0, 0),
    FIELD("backend", STRING, expect[EXPECT_BACKEND], 0, 0),
    FIELD("key", STRING, expect[EXPECT_KEY], 0, 0),
    FIELD("site", STRING, expect[EXPECT_SITE], 0, 0),
    FIELD("path", STRING, expect[EXPECT_PATH], 0, 0),
    FIELD("backends", UINT, backends, 1, 10000),
    FIELD("sent", OWN, status, 0, 0),
};
static const struct conf_table test_settings = {.fields = test_fields,
                                                .count = sizeof test_fields / sizeof *test_fields};
static const struct conf_table expect_settings = {
    .fields = expect_fields, .count = sizeof expect_fields / sizeof *expect_fields};

int word_test(struct lua_State *L) {
    luaL_checkstring(L, 1);
    lua_settop(L, 1);
    lua_pushcclosure(L, declare_test, 1);
    return 1;
}

static int declare_test(lua_State *L) {
    struct loader *l = loader_of(L);
    const char *name = lua_tostring(L, lua_upvalueindex(1));
    struct conf_spot spot = loader_spot(l, L, "test", name),
                     expect = {.up = &spot, .key = "expect"};
    struct route_test *test = arena_zalloc(l->arena, sizeof *test);
    lua_settop(L, 1);
    test->name = arena_string(l->arena, slice_of(name));
    test->place = place_of(&spot);
    test->times = 1;
    test->has_certificate = true;
    bool is_good = conf_read(l->conf, L, 1, &spot, &test_settings, test);
    if (lua_type(L, 1) != LUA_TTABLE) return 0;
    read_requests(l, L, &spot, "request", test);
    read_requests(l, L, &spot, "same_backend", test);
    read_fields(l, L, &spot, test);
    if (lua_getfield(L, 1, "expect") != LUA_TNIL)
        is_good &= conf_read(l->conf, L, -1, &expect, &expect_settings, test);
    if (lua_type(L, -1) == LUA_TTABLE) read_sent(l, L, &expect, test);
    if (is_good && test->request_count == 0)
        conf_error(l->conf, &spot, "needs request = \"METHOD URL\" or same_backend = { ... }");
    pointers_add(l->tests, test);
    return 0;
}

static void read_requests(struct loader *l, lua_State *L, const struct conf_spot *at,
                          const char *key, struct route_test *test) {
    struct conf_spot spot = {.up = at, .key = key};
    if (lua_getfield(L, 1, key) != LUA_TNIL) {
        size_t count = lua_type(L, -1) == LUA_TTABLE ? lua_rawlen(L, -1) : 1;
        if (test->requests || count > REQUESTS_MAX) {
            conf_error(l->conf, &spot, "request and same_backend exclude each other");
        } else {
            test->requests = arena_alloc(l->arena, (count + 1) * sizeof *test->requests);
            test->is_same_backend = key[0] == 's';
            struct adding adding = {l, test};
            conf_read_strings(l->conf, L, -1, &spot, add_request, &adding);
        }
    }
    lua_pop(L, 1);
}

static bool add_request(void *arg, const struct conf_spot *at, struct slice text) {
    struct adding *adding = arg;
    (void)at;
    adding->test->requests[adding->test->request_count++] = arena_copy(adding->loader->arena, text);
    return true;
}

// On top of the stack is `expect`.
static void read_sent(struct loader *l, lua_State *L, const struct conf_spot *at,
                      struct route_test *test) {
    struct conf_spot spot = {.up = at, .key = "sent"};
    int type = lua_getfield(L, -1, "sent");
    bool is_good = type == LUA_TNIL || type == LUA_TTABLE;
    if (type == LUA_TTABLE) lua_pushnil(L);
    while (is_good && type == LUA_TTABLE && lua_next(L, -2)) {
        bool is_absent = lua_type(L, -1) == LUA_TBOOLEAN && !lua_toboolean(L, -1);
        is_good = lua_type(L, -2) == LUA_TSTRING && (is_absent || lua_type(L, -1) == LUA_TSTRING) &&
                  test->sent_count < TEST_FIELDS_MAX;
        if (is_good)
            test->sent[test->sent_count++] = (struct answer_field){
                arena_copy(l->arena, slice_of(lua_tostring(L, -2))),
                is_absent ? (struct slice){NULL, 0}
                          : arena_copy(l->arena, slice_of(lua_tostring(L, -1)))};
        lua_pop(L, is_good ? 1 : 2);
    }
    if (!is_good)
        conf_error(l->conf, &spot,
                   "needs { [\"name\"] = \"value\" }, or false for a field that is not sent, at "
                   "most %d",
                   TEST_FIELDS_MAX);
    lua_pop(L, 1);
}

static void read_fields(struct loader *l, lua_State *L, const struct conf_spot *at,
                        struct route_test *test) {
    struct conf_spot spot = {.up = at, .key = "headers"};
    if (lua_getfield(L, 1, "headers") == LUA_TTABLE) {
        lua_pushnil(L);
        for (; lua_next(L, -2); lua_pop(L, 1)) {
            if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING ||
                test->field_count == TEST_FIELDS_MAX) {
                conf_error(l->conf, &spot, "needs { [\"name\"] = \"value\" }, at most %d",
                           TEST_FIELDS_MAX);
                continue;
            }
            test->fields[test->field_count].name =
                arena_copy(l->arena, slice_of(lua_tostring(L, -2)));
            test->fields[test->field_count++].value =
                arena_copy(l->arena, slice_of(lua_tostring(L, -1)));
        }
    }
    lua_pop(L, 1);
}
