// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "http/running.h"

#include "core/clock.h"
#include "http/client_conn.h"
#include "http/exchange.h"
#include "http/exchange_parts.h"

static bool is_running(const struct exchange *x);
static void add_exchange(const struct exchange *x, uint64_t age_ms, struct text *out);
static void add_member(struct text *out, const char *name, struct slice value);

void service_list_running(const struct service *s, unsigned older_ms, struct text *out) {
    const char *before = "";
    for (struct client_conn *c = s->clients; c; c = client_conn_next(c)) {
        const struct exchange *x = client_conn_exchange(c);
        if (!is_running(x)) continue;
        uint64_t age_ms = (clock_us() - x->at.began) / 1000;
        if (age_ms < older_ms) continue;
        text_add(out, slice_of(before));
        add_exchange(x, age_ms, out);
        before = ",\n";
    }
}

static bool is_running(const struct exchange *x) {
    return x && x->at.head_read != 0 && x->step != STEP_over;
}

static void add_exchange(const struct exchange *x, uint64_t age_ms, struct text *out) {
    text_printf(out, "{\"age_ms\": %llu, \"step_ms\": %llu, \"step\": \"%s\"",
                (unsigned long long)age_ms, (unsigned long long)(clock_ms() - x->step_ms),
                exchange_step(x));
    add_member(out, "id", x->request_id);
    add_member(out, "client", slice_of(x->who->ip));
    add_member(out, "method", x->request.method_text);
    add_member(out, "host", x->request.host);
    add_member(out, "path", x->request.path);
    add_member(out, "backend", slice_of(x->backend_text));
    text_printf(out, ", \"status\": %d, \"tries\": %u, \"bytes_in\": %llu, \"bytes_out\": %llu}",
                x->status_sent, x->tries, (unsigned long long)x->upload.bytes,
                (unsigned long long)x->download.bytes);
}

static void add_member(struct text *out, const char *name, struct slice value) {
    text_printf(out, ", \"%s\": ", name);
    text_add_json(out, value);
}

// Ending one may close its connection, but no other one.
unsigned service_kill(struct service *s, struct slice request_id) {
    unsigned count = 0;
    for (struct client_conn *c = s->clients, *next; c; c = next) {
        next = client_conn_next(c);
        struct exchange *x = client_conn_exchange(c);
        if (!is_running(x) || !slice_equals(x->request_id, request_id)) continue;
        exchange_fail(x, FAIL_KILLED);
        count++;
    }
    return count;
}
