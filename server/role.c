// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/role.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/bell.h"
#include "core/check.h"
#include "core/listener.h"
#include "core/log.h"
#include "core/process.h"
#include "core/resolver.h"
#include "server/acceptors.h"
#include "server/delivery.h"

enum { DRAIN_MS = 30000, ERRORS_MAX = ORDER_TEXT_MAX };

struct role {
    struct role_conf conf;
    struct loop *loop;
    struct channel *channel;
    struct resolver *resolver;
    struct access_log *access_log;
    struct service *service;
    struct acceptors *acceptors; // of the generation in use; NULL: none yet, or draining
    struct delivery *next;       // of which not all has come yet, or that waits for the switch
    struct watch *on_term;
    int access_fd, error_fd;
    bool is_draining;
};

static void on_message(void *arg, unsigned type, struct slice body, int *fds, size_t fd_count);
static void take_logs(struct role *r, struct order order, int *fds, size_t fd_count);
static void build(struct role *r, unsigned number);
static void switch_over(struct role *r, struct order order);
static void ring_bell(void *arg);
static void on_term(void *arg);
static void on_channel_closed(void *arg);
static void drain(struct role *r, unsigned ms);
static void on_drained(void *arg);

struct role *role_new(const struct role_conf *conf) {
    char why[256];
    if (!process_drop_privileges(conf->user, why, sizeof why)) {
        log_error("cannot become the user %s: %s", conf->user, why);
        return NULL;
    }
    signal(SIGINT, SIG_IGN); // those of a terminal are the supervisor's to act on
    signal(SIGHUP, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
    struct role *r = calloc(1, sizeof *r);
    CHECK(r);
    *r = (struct role){.conf = *conf, .access_fd = -1, .error_fd = conf->error_fd};
    r->loop = loop_new();
    r->resolver = resolver_new(r->loop);
    r->access_log = access_log_new(r->loop, -1);
    access_log_set_ring(r->access_log, scoreboard_ring(conf->board, conf->row));
    struct service_conf service = {.loop = r->loop,
                                   .resolver = r->resolver,
                                   .counters = scoreboard_counters(conf->board, conf->row),
                                   .access_log = conf->local ? NULL : r->access_log,
                                   .on_fault = ring_bell,
                                   .on_fault_arg = r,
                                   .worker = conf->row,
                                   .local = conf->local,
                                   .local_arg = conf->local_arg};
    r->service = service_new(&service);
    r->on_term = loop_watch_signal(r->loop, SIGTERM, on_term, r);
    struct channel_conf channel = {
        .on_message = on_message, .on_closed = on_channel_closed, .arg = r};
    r->channel = channel_new(r->loop, conf->channel_fd, &channel);
    return r;
}

void role_run(struct role *r) {
    loop_run(r->loop);
}

void role_free(struct role *r) {
    if (!r) return;
    acceptors_free(r->acceptors);
    service_free(r->service);
    delivery_free(r->next);
    channel_free(r->channel);
    loop_unwatch(r->on_term);
    access_log_free(r->access_log);
    resolver_free(r->resolver);
    log_set_fd(-1);
    loop_free(r->loop);
    if (r->access_fd >= 0) close(r->access_fd);
    if (r->error_fd >= 0) close(r->error_fd);
    free(r);
}

const struct generation *role_generation(const struct role *r) {
    return service_generation(r->service);
}

struct channel *role_channel(struct role *r) {
    return r->channel;
}

struct service *role_service(struct role *r) {
    return r->service;
}

struct loop *role_loop(struct role *r) {
    return r->loop;
}

struct resolver *role_resolver(struct role *r) {
    return r->resolver;
}

// --- orders ---

static void on_message(void *arg, unsigned type, struct slice body, int *fds, size_t fd_count) {
    struct role *r = arg;
    struct order order;
    struct slice text;
    CHECK(order_read(body, &order, &text));
    switch ((enum order_type)type) {
    case ORDER_LOAD:
        delivery_free(r->next);
        r->next = delivery_new(order.number, text, fds, fd_count);
        break;
    case ORDER_LOGS: take_logs(r, order, fds, fd_count); break;
    case ORDER_LISTENER:
        if (r->next) delivery_add_listener(r->next, order, fds, fd_count);
        break;
    case ORDER_BUILD: build(r, order.number); break;
    case ORDER_SWITCH: switch_over(r, order); break;
    case ORDER_DRAIN: drain(r, order.value); break;
    case ORDER_STATE:
    case ORDER_ASKED:
    case ORDER_LIST:
    case ORDER_KILL:
    case ORDER_LISTED:
    case ORDER_KILLED:
    case ORDER_RELOAD_ENDED:
    case ORDER_BUILT:
    case ORDER_UNBUILT:
    case ORDER_SWITCHED:
    case ORDER_RELOAD:
    case ORDER_CONFIRM:
    default:
        if (r->conf.on_order)
            r->conf.on_order(r->conf.on_order_arg, (enum order_type)type, order, text, fds,
                             fd_count);
        break;
    }
}

static void replace_fd(int *mine, int *theirs) {
    if (*mine >= 0) close(*mine);
    *mine = -1;
    if (!theirs) return;
    *mine = *theirs;
    *theirs = -1;
}

static void take_logs(struct role *r, struct order order, int *fds, size_t fd_count) {
    size_t wanted = order.value ? 2 : 1;
    if (fd_count < wanted) {
        log_error("the logs that were opened anew cannot be taken over, the old ones go on: no "
                  "descriptor is free");
        return;
    }
    log_set_fd(fds[0]);
    // What a library or a sanitizer says goes there too, and nothing holds a terminal.
    dup2(fds[0], 1);
    dup2(fds[0], 2);
    replace_fd(&r->error_fd, &fds[0]);
    access_log_set_fd(r->access_log, order.value ? fds[1] : -1);
    replace_fd(&r->access_fd, order.value ? &fds[1] : NULL);
}

static void build(struct role *r, unsigned number) {
    struct text errors;
    text_init(&errors, ERRORS_MAX);
    bool good = r->next && delivery_build(r->next, scoreboard_ticket_keys(r->conf.board), &errors);
    order_send(r->channel, good ? ORDER_BUILT : ORDER_UNBUILT, (struct order){.number = number},
               text_slice(&errors), NULL, 0);
    text_fini(&errors);
}

static void switch_over(struct role *r, struct order order) {
    if (r->is_draining || !r->next || !delivery_is_built(r->next, order.number)) return;
    struct generation *g = delivery_generation(r->next);
    if (!resolver_use_servers(r->resolver, g->config->resolver))
        log_error("the name servers \"%s\" cannot be used", g->config->resolver);
    loop_set_buffer_budget(r->loop, g->config->buffer_bytes);
    access_log_set_buffer(r->access_log, g->config->log.buffer_bytes);
    if (r->conf.on_switch) r->conf.on_switch(r->conf.on_switch_arg, g, order.value == 1);
    config_attach(g->config, scoreboard_table(r->conf.board),
                  scoreboard_table_row(r->conf.board, r->conf.row));
    service_switch(r->service, g);
    struct acceptors_conf acceptors = {.board = r->conf.local ? NULL : r->conf.board,
                                       .row = r->conf.row,
                                       .loop = r->loop,
                                       .service = r->service};
    acceptors.count = r->conf.listens(g, &acceptors.listens);
    if (acceptors.count > delivery_listener_count(r->next))
        acceptors.count = delivery_listener_count(r->next);
    struct acceptors *old = r->acceptors;
    r->acceptors = acceptors_new(&acceptors, r->next);
    acceptors_free(old);
    delivery_free(r->next);
    r->next = NULL;
    log_set_level(log_level_named(g->config->log.level));
    scoreboard_row(r->conf.board, r->conf.row)->generation = order.number;
    order_send(r->channel, ORDER_SWITCHED, (struct order){.number = order.number},
               (struct slice){0}, NULL, 0);
}

static void ring_bell(void *arg) {
    const struct role *r = arg;
    bell_ring(scoreboard_bell(r->conf.board));
}

// --- the end ---

static void on_term(void *arg) {
    drain(arg, DRAIN_MS);
}

// The supervisor is gone: nobody will replace us, and nobody will stop us either.
static void on_channel_closed(void *arg) {
    struct role *r = arg;
    channel_free(r->channel);
    r->channel = NULL;
    drain(r, DRAIN_MS);
}

static void drain(struct role *r, unsigned ms) {
    if (r->is_draining) {
        loop_stop(r->loop);
        return;
    }
    r->is_draining = true;
    acceptors_free(r->acceptors);
    r->acceptors = NULL;
    delivery_free(r->next); // has listening sockets, too
    r->next = NULL;
    service_drain(r->service, ms, on_drained, r);
}

static void on_drained(void *arg) {
    struct role *r = arg;
    loop_stop(r->loop);
}
