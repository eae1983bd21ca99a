// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <stdio.h>

#include "routing/config.h"
#include "routing/decide.h"

enum { HTTPS_PORT = 443 };

static int https_port(const struct config *c);

bool route_may_move(const struct route_answer *answer) {
    if (answer->kind == ANSWER_REDIRECT) return answer->site->clients->asks != ASKS_NOTHING;
    return answer->kind != ANSWER_REFUSED;
}

void route_to_https(const struct config *c, const struct route_request *r, struct arena *a,
                    struct route_answer *out) {
    bool may_change_method =
        slice_equals(r->method, SLICE("GET")) || slice_equals(r->method, SLICE("HEAD"));
    struct slice uri = r->uri.at[0] == '/' ? r->uri : SLICE("/"); // "*" of OPTIONS
    int port = https_port(c);
    char port_text[16] = "";
    if (port != HTTPS_PORT) snprintf(port_text, sizeof port_text, ":%d", port);
    *out = (struct route_answer){
        .kind = ANSWER_REDIRECT,
        .site = out->site,
        .policy = out->policy,
        .status = may_change_method ? 301 : 308,
        .location =
            arena_printf(a, "https://%.*s%s%.*s", SLICE_ARGS(r->host), port_text, SLICE_ARGS(uri)),
    };
}

static int https_port(const struct config *c) {
    for (size_t i = 0; i < c->listen_count; i++) {
        if (!c->listens[i].is_tls) continue;
        int port = address_port(&c->listens[i].address);
        return port != 0 ? port : HTTPS_PORT; // a unix socket has none
    }
    return HTTPS_PORT;
}
