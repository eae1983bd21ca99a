// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "http/backend_conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "core/check.h"
#include "core/clock.h"
#include "core/log.h"
#include "http/idle_set.h"
#include "http/message/proxy_header.h"
#include "http/service_parts.h"
#include "http/waiting.h"
#include "tls/tls.h"

static void give_back_place(struct backend_conn *c);
static unsigned idle_ms(const struct backend_conf *conf, const struct response_head *answer);
static void begin_dial(struct backend_conn *c, const struct backend_wish *wish);
static void on_dialled(void *arg, int fd, enum dial_failure failure, const char *why);
static void open_stream(struct backend_conn *c, int fd);
static void begin_tls(struct backend_conn *c);
static void send_proxy_header(struct backend_conn *c);
static struct idle_key key_of(const struct backend_wish *wish);
static void break_off(struct backend_conn *c, enum fail why, const char *text);

struct backend_conn *backend_conn_borrow(const struct backend_wish *wish) {
    struct service *s = wish->service;
    struct idle_key key = key_of(wish);
    struct backend_conn *c = NULL;
    if (!wish->is_fresh && !wish->pool->backend.proxy_header) c = idle_set_take(s->idle, &key);
    if (!c) {
        c = calloc(1, sizeof(*c));
        CHECK(c);
        count_add(s->conf.counters, COUNT_CONNECTS, 1);
    } else {
        c->is_reused = true;
        count_add(s->conf.counters, COUNT_REUSES, 1);
    }
    c->service = s;
    c->generation = wish->generation;
    c->pool = wish->pool;
    c->member = member_ref(wish->member); // and its place
    c->client = wish->client;
    c->on_wake = wish->on_wake;
    c->arg = wish->arg;
    if (c->is_reused)
        stream_set_owner(c->stream, c->on_wake, c->arg);
    else
        begin_dial(c, wish);
    return c;
}

enum progress backend_conn_progress(struct backend_conn *c, enum fail *why, const char **text) {
    if (c->state == BACKEND_HANDSHAKE) {
        enum progress handshake = stream_handshake(c->stream);
        if (handshake == READY) c->state = BACKEND_READY;
        if (handshake == BROKEN) break_off(c, FAIL_BACKEND_TLS, stream_failure(c->stream));
    }
    if (c->state == BACKEND_BROKEN) {
        *why = c->why;
        *text = c->text;
        return BROKEN;
    }
    return c->state == BACKEND_READY ? READY : PENDING;
}

struct stream *backend_conn_stream(struct backend_conn *c) {
    return c->state == BACKEND_READY ? c->stream : NULL;
}

bool backend_conn_is_reused(const struct backend_conn *c) {
    return c->is_reused;
}

void backend_conn_return(struct backend_conn *c, const struct response_head *answer) {
    struct backend_conf *conf = &c->pool->backend;
    bool is_clean = c->state == BACKEND_READY && stream_end(c->stream) == STREAM_OPEN &&
                    stream_input_len(c->stream) == 0 && stream_unsent(c->stream) == 0;
    if (!is_clean || conf->proxy_header || service_is_draining(c->service)) {
        backend_conn_close(c);
        return;
    }
    struct backend_wish wish = {.generation = c->generation, .pool = c->pool, .member = c->member};
    struct idle_key key = key_of(&wish);
    unsigned keep_ms = idle_ms(conf, answer);
    struct member *member = c->member; // lends its text to the key
    give_back_place(c);
    c->generation = NULL, c->pool = NULL, c->member = NULL, c->client = NULL;
    idle_set_put(c->service->idle, &key, c, keep_ms, conf->max_idle);
    member_unref(member);
}

void backend_conn_close(struct backend_conn *c) {
    if (c->member) {
        give_back_place(c);
        member_unref(c->member);
    }
    if (c->dial) dial_cancel(c->dial);
    if (c->stream) stream_free(c->stream);
    free(c);
}

// Who waits for it in this process hears of it.
static void give_back_place(struct backend_conn *c) {
    member_end(c->member);
    if (waiting_room_count(c->service->waiting) > 0)
        waiting_room_call(c->service->waiting, (struct wanted){pool_identity(c->pool), 0});
}

const char *backend_tls_name(const struct pool *p, const struct member *m,
                             char buf[ADDRESS_TEXT_MAX]) {
    if (p->backend.tls_name) return p->backend.tls_name;
    if (m->endpoint.host) return m->endpoint.host;
    if (m->endpoint.address.any.sa_family == AF_UNIX) return "localhost";
    return address_format_ip(&m->endpoint.address, buf);
}

// As configured, or 0.8 of what the backend says it allows ("Keep-Alive: timeout=5"), so that we close before it does.
static unsigned idle_ms(const struct backend_conf *conf, const struct response_head *answer) {
    const struct field *f = fields_find(&answer->fields, FIELD_KEEP_ALIVE);
    struct slice rest = f ? f->value : (struct slice){0}, element;
    while (list_next(&rest, &element)) {
        uint64_t seconds;
        struct slice name = slice_trim(slice_cut(&element, '='));
        if (!slice_equals_nocase(name, SLICE("timeout")) ||
            !slice_to_u64(slice_trim(element), &seconds))
            continue;
        if (seconds < conf->idle_ms / 800) return (unsigned)(seconds * 800);
    }
    return conf->idle_ms;
}

static void begin_dial(struct backend_conn *c, const struct backend_wish *wish) {
    struct service_conf *conf = &c->service->conf;
    c->state = BACKEND_DIALLING;
    c->dial = dial_start(conf->loop, conf->resolver, &wish->member->endpoint, wish->connect_ms,
                         on_dialled, c);
}

static void on_dialled(void *arg, int fd, enum dial_failure failure, const char *why) {
    static const enum fail fails[] = {
        [DIAL_OK] = FAIL_NONE,
        [DIAL_NO_NAME] = FAIL_NO_NAME,
        [DIAL_REFUSED] = FAIL_CONNECT,
        [DIAL_TIMEOUT] = FAIL_CONNECT_TIMEOUT,
        [DIAL_NO_DESCRIPTOR] = FAIL_NO_DESCRIPTOR,
    };
    struct backend_conn *c = arg;
    c->dial = NULL;
    if (failure == DIAL_OK)
        open_stream(c, fd);
    else
        break_off(c, fails[failure], why);
    c->on_wake(c->arg);
}

static void open_stream(struct backend_conn *c, int fd) {
    c->stream = stream_new(c->service->conf.loop, fd);
    stream_set_owner(c->stream, c->on_wake, c->arg);
    if (c->pool->backend.proxy_header) send_proxy_header(c);
    c->state = BACKEND_READY;
    if (c->member->is_tls) begin_tls(c);
}

static void begin_tls(struct backend_conn *c) {
    char name[ADDRESS_TEXT_MAX];
    struct tls_client *client = generation_client(c->generation, c->pool);
    if (!client) {
        break_off(c, FAIL_BACKEND_TLS, "the pool's certificate authorities could not be loaded");
        return;
    }
    tls_connect(client, c->stream, backend_tls_name(c->pool, c->member, name));
    c->state = BACKEND_HANDSHAKE;
}

// Before everything else on the wire, TLS included.
static void send_proxy_header(struct backend_conn *c) {
    char header[PROXY_HEADER_MAX];
    struct address local = {.len = sizeof(struct sockaddr_un)};
    if (getsockname(c->client->fd, &local.any, &local.len) != 0) local.len = 0;
    size_t len =
        proxy_header_write(header, c->pool->backend.proxy_header, &c->client->address, &local);
    stream_write(c->stream, (struct slice){header, len});
    stream_flush(c->stream);
}

// TLS connections belong to their generation (its trust may have changed); plain ones outlive a reload.
static struct idle_key key_of(const struct backend_wish *wish) {
    return (struct idle_key){
        .hash = wish->member->seed,
        .text = wish->member->text,
        .pool = wish->member->is_tls ? wish->pool->name : "",
        .generation = wish->member->is_tls ? wish->generation->number : 0,
    };
}

static void break_off(struct backend_conn *c, enum fail why, const char *text) {
    c->state = BACKEND_BROKEN;
    c->why = why;
    snprintf(c->text, sizeof(c->text), "%s", text);
}
