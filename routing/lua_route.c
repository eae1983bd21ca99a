// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "routing/lua_route.h"

#include <lauxlib.h>
#include <lua.h>

#include "core/log.h"
#include "core/script.h"

struct asking {
    const struct rule *rule;
    struct lua_request request;
    struct route_answer *out;
    int req; // reference to the request object; LUA_NOREF: not made
};

static int enter(struct lua_State *L, void *arg);
static void leave(struct lua_State *L, int count, void *arg);

void lua_route(const struct config *c, const struct rule *rule, const struct route_request *r,
               const struct captures *captures, struct arena *a, struct route_answer *out) {
    struct asking asking = {rule, {r, captures, a}, out, LUA_NOREF};
    struct script *script = c->router->script;
    const struct script_call call = {enter, leave, &asking};
    struct text why;
    text_init(&why, 4096);
    out->kind = ANSWER_REFUSED;
    out->refused = REFUSED_NO_PATH;
    if (!script_call(script, &call, &why)) {
        log_error("request %.*s: route at %s:%d: %s", SLICE_ARGS(r->id), rule->place.file,
                  rule->place.line, text_string(&why));
        *out = (struct route_answer){.kind = ANSWER_REFUSED,
                                     .refused = REFUSED_SCRIPT,
                                     .site = out->site,
                                     .policy = out->policy};
    }
    text_fini(&why);
    lua_State *L = script_lua(script);
    if (asking.req == LUA_NOREF) return;
    lua_rawgeti(L, LUA_REGISTRYINDEX, asking.req);
    lua_request_close(L, -1);
    lua_pop(L, 1);
    luaL_unref(L, LUA_REGISTRYINDEX, asking.req);
}

static int enter(struct lua_State *L, void *arg) {
    struct asking *asking = arg;
    lua_rawgeti(L, LUA_REGISTRYINDEX, asking->rule->function);
    lua_request_push(L, &asking->request);
    lua_pushvalue(L, -1);
    asking->req = luaL_ref(L, LUA_REGISTRYINDEX);
    return 1;
}

static void leave(struct lua_State *L, int count, void *arg) {
    struct asking *asking = arg;
    if (count == 0) return;
    lua_answer_read(L, lua_gettop(L) - count + 1, &asking->request, asking->out);
}
