// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "http/service.h"
#include "server/orders.h"
#include "server/pools.h"
#include "server/questions.h"
#include "server/scoreboard.h"
#include "server/state.h"
#include "server/tail.h"

// The pages of the admin socket. Those without a version are what they were before there was one:
//   GET /v1/status, /status      JSON: generation, processes, counters
//   GET /v1/metrics, /metrics    the text format of Prometheus
//   POST /v1/reload, /reload     answered when it is over: {"ok", "exit", "errors", "problems"}; with ?text: "exit N", then the lines
//                                with ?trial=SECONDS it goes back by itself unless POST /v1/confirm comes, which is answered alike
//   POST /v1/explain             JSON: {"method", "url", "from"}; answers {"good", "text"}
//   GET /v1/requests             JSON: what is running; with ?slower=MILLISECONDS: for so long at least
//   DELETE /v1/requests/ID       ends a request
//   GET /v1/tail                 server/tail.h
//   POST /explain                body: METHOD, URL and perhaps the client's IP, a line each; in words
//   /v1/pools, /v1/lua           server/api.h
struct admin;

struct admin_calls {
    struct scoreboard *board;
    struct pools *pools;
    struct state *state;
    const struct generation *(*generation)(void *arg); // in use now
    void (*add_status)(void *arg, struct text *out);   // members of the status page
    void (*add_metrics)(void *arg, struct text *out); // of the members of pools, and of the cluster
    // Why a member is in the state that it is in; false: there is nothing to say.
    bool (*describe_member)(void *arg, uint32_t slot, struct text *out);
    struct questions *questions;
    struct tail *tail;
    ask_fn *ask; // for ORDER_RELOAD and ORDER_CONFIRM; admin_reload_ended() follows
    void *arg;
};
struct admin *admin_new(const struct admin_calls *conf);
void admin_free(struct admin *a);

local_fn admin_answer; // its arg is the struct admin
void admin_reload_ended(struct admin *a, unsigned request, int exit_status, struct slice lines);
