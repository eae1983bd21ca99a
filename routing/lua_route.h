// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "routing/decide.h"
#include "routing/path.h"
#include "routing/site.h"

// Functions of the route file, while a request waits for their answer.

// Asks the function of a rule. An error in it is logged with its traceback and answered with REFUSED_SCRIPT.
void lua_route(const struct config *c, const struct rule *rule, const struct route_request *r,
               const struct captures *captures, struct arena *a, struct route_answer *out);

// What one activation works on.
struct lua_request {
    const struct route_request *request;
    const struct captures *captures;
    struct arena *arena;
};

// lua_request.c: the object `req`. It is pushed; when the activation is over it must be closed: who kept it then gets errors.
struct lua_State;
void lua_request_push(struct lua_State *L, struct lua_request *r);
void lua_request_close(struct lua_State *L, int index);

// The request of the userdata at an index; an error when it is over.
struct lua_request *lua_request_at(struct lua_State *L, int index);
// lua_client_tls.c: pushes req.client.tls for the `req` at an index.
void lua_client_tls_push(struct lua_State *L, int request);

// lua_answer.c: what functions return. The value at `index` becomes *out; an error when it is no answer.
void lua_answer_read(struct lua_State *L, int index, struct lua_request *r,
                     struct route_answer *out);
// Pushes pool:by and the other methods of pools by their name; nil for others.
void lua_answer_push_method(struct lua_State *L, const char *name);
// respond, redirect, split; and names that are not yet available.
void lua_answer_set_names(struct lua_State *L);

// decide.c: *out becomes a request to a pool; with a key as somebody gave it (at NULL: none), or with the key that `template` gives.
void answer_set_pool(struct route_answer *out, struct pool *pool, struct slice key,
                     struct arena *a);
void answer_set_pool_by(struct route_answer *out, struct pool *pool,
                        const struct key_template *template, const struct lua_request *r);
