// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "http/service.h"

#include <stdlib.h>
#include <sys/random.h>

#include "core/check.h"
#include "core/clock.h"
#include "http/client_conn.h"
#include "http/exchange.h"
#include "http/service_parts.h"
#include "http/waiting.h"

static void on_drain_time(void *arg);
static void cut_all(struct service *s);

struct service *service_new(const struct service_conf *conf) {
    struct service *s = calloc(1, sizeof(*s));
    CHECK(s);
    s->conf = *conf;
    s->idle = idle_set_new(conf->loop);
    s->waiting = waiting_room_new(conf->loop);
    timer_init(&s->drain_timer, conf->loop, on_drain_time, s);
    CHECK(getrandom(&s->id_prefix, sizeof(s->id_prefix), 0) == sizeof(s->id_prefix));
    return s;
}

void service_free(struct service *s) {
    if (!s) return;
    cut_all(s);
    idle_set_free(s->idle);
    waiting_room_free(s->waiting);
    exchange_free_spares(s);
    timer_fini(&s->drain_timer);
    if (s->generation) generation_unref(s->generation);
    free(s);
}

void service_switch(struct service *s, struct generation *g) {
    struct generation *old = s->generation;
    s->generation = generation_ref(g);
    if (old) generation_unref(old);
}

struct generation *service_generation(const struct service *s) {
    return s->generation;
}

void service_accept(struct service *s, const struct listen_conf *listen, int fd,
                    const struct address *client) {
    client_conn_new(s, listen, fd, client);
}

bool service_make_room(struct service *s, unsigned least_ms) {
    struct client_conn *longest = NULL;
    uint64_t since_ms = clock_ms() + 1;
    for (struct client_conn *c = s->clients; c; c = client_conn_next(c)) {
        uint64_t waits_since_ms = client_conn_waits_since_ms(c);
        if (waits_since_ms == 0 || waits_since_ms >= since_ms) continue;
        since_ms = waits_since_ms;
        longest = c;
    }
    if (!longest || clock_ms() - since_ms < least_ms) return false;
    client_conn_cut(longest);
    return true;
}

unsigned service_client_count(const struct service *s) {
    return s->client_count;
}

unsigned service_exchange_count(const struct service *s) {
    return s->exchange_count;
}

void service_drain(struct service *s, unsigned max_ms, ready_fn *on_drained, void *arg) {
    s->on_drained = on_drained;
    s->drain_arg = arg;
    timer_set(&s->drain_timer, max_ms ? max_ms : 1);
    idle_set_close_all(s->idle);
    for (struct client_conn *c = s->clients, *next; c; c = next) {
        next = client_conn_next(c);
        client_conn_drain(c);
    }
    service_check_drained(s);
}

void service_check_drained(struct service *s) {
    if (!s->on_drained || s->client_count > 0 || s->exchange_count > 0) return;
    timer_set(&s->drain_timer, 0); // told from the loop
}

static void on_drain_time(void *arg) {
    struct service *s = arg;
    cut_all(s);
    timer_clear(&s->drain_timer); // those that were cut have set it
    s->on_drained(s->drain_arg);
}

static void cut_all(struct service *s) {
    while (s->clients) client_conn_cut(s->clients);
}
