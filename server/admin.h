// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "http/service.h"
#include "server/scoreboard.h"

// The pages of the admin socket:
//   GET /status    JSON: generation, processes, counters
//   GET /metrics   the text format of Prometheus
//   POST /reload   answered when it is over: {"ok", "exit", "errors", "problems"}; /reload?text: "exit N", then the lines
//   POST /explain  body: METHOD, URL and perhaps the client's IP, a line each; in words
struct admin;

struct admin_calls {
    struct scoreboard *board;
    const struct generation *(*generation)(void *arg); // in use now
    void (*add_metrics)(void *arg, struct text *out);  // of the members of pools
    bool (*ask_reload)(void *arg,
                       unsigned request); // admin_reload_ended() follows; false: it cannot be asked
    void *arg;
};
struct admin *admin_new(const struct admin_calls *conf);
void admin_free(struct admin *a);

local_fn admin_answer; // its arg is the struct admin
void admin_reload_ended(struct admin *a, unsigned request, int exit_status, struct slice lines);
