// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "http/client_conn.h"

#include <stdlib.h>

#include "core/check.h"
#include "core/clock.h"
#include "core/log.h"
#include "http/exchange.h"
#include "http/message/proxy_header.h"
#include "http/message/writer.h"
#include "http/service_parts.h"
#include "tls/tls.h"

// After the last answer a client gets this long to read it while we drop what it still sends: closing with
// unread input would reset the connection and may destroy the answer on its way (RFC 9112 section 9.6).
enum { LINGER_MS = 30000, LINGER_IDLE_MS = 5000 };
// No next exchange is begun while this much of earlier answers waits for a client that does not read.
enum { UNREAD_ANSWERS_MAX = 64 * 1024, UNREAD_ANSWER_MS = 60000 };

enum client_state {
    CLIENT_PROXY_HEADER,
    CLIENT_HANDSHAKE,
    CLIENT_IDLE,
    CLIENT_EXCHANGE,
    CLIENT_LINGER,
};

struct client_conn {
    struct client_conn *next, *prev;
    enum client_state state;
    unsigned requests;
    struct service *service;
    struct generation *generation; // the one it was accepted with
    struct stream *stream;
    struct exchange *exchange;
    struct timer timer;
    uint64_t since_ms; // in this state
    struct client_facts facts;
};

static void on_wake(void *arg);
static bool advance(struct client_conn *c);
static bool read_proxy_header(struct client_conn *c);
static bool begin_tls(struct client_conn *c);
static bool finish_handshake(struct client_conn *c);
static void answer_in_clear(struct client_conn *c);
static bool begin_exchange(struct client_conn *c);
static void open_exchange(struct client_conn *c);
static void linger(struct client_conn *c);
static void enter(struct client_conn *c, enum client_state state, unsigned limit_ms);
static void enter_idle(struct client_conn *c);
static unsigned idle_ms(const struct client_conn *c);
static void on_time(void *arg);
static bool is_still_reading(const struct client_conn *c);
static void set_client(struct client_conn *c, const struct address *client);
static void refuse(struct client_conn *c, enum fail why, const char *text);
static void close_conn(struct client_conn *c);
static void reset_on_close(struct client_conn *c);
static void await_next(struct client_conn *c);
static void begin_linger(struct client_conn *c);
static const struct client_ops http1_ops;

struct client_conn *client_conn_new(struct service *s, const struct listen_conf *listen, int fd,
                                    const struct address *client) {
    struct client_conn *c = calloc(1, sizeof(*c));
    CHECK(c);
    c->service = s;
    c->generation = generation_ref(s->generation);
    c->stream = stream_new(s->conf.loop, fd);
    stream_set_owner(c->stream, on_wake, c);
    timer_init(&c->timer, s->conf.loop, on_time, c);
    c->facts.listen = listen;
    c->facts.limits = REQUEST_LIMITS;
    c->facts.limits.line_bytes = listen->line_bytes;
    c->facts.limits.head_bytes = listen->head_bytes;
    c->facts.limits.fields = listen->field_count;
    c->facts.tls = "-";
    c->facts.config = c->generation->config;
    c->facts.fd = fd;
    set_client(c, client);
    c->next = s->clients;
    if (c->next) c->next->prev = c;
    s->clients = c;
    s->client_count++;
    count_add(s->conf.counters, COUNT_CLIENTS, 1);
    count_add(s->conf.counters, COUNT_CLIENTS_OPEN, 1);
    if (listen->has_proxy_header)
        enter(c, CLIENT_PROXY_HEADER, listen->handshake_ms);
    else
        begin_tls(c);
    return c;
}

struct exchange *client_conn_exchange(const struct client_conn *c) {
    return c->exchange;
}

struct client_conn *client_conn_next(const struct client_conn *c) {
    return c->next;
}

uint64_t client_conn_waits_since_ms(const struct client_conn *c) {
    bool is_with_us = c->state == CLIENT_EXCHANGE && exchange_asks_within(c->exchange);
    return is_with_us ? 0 : c->since_ms;
}

void client_conn_drain(struct client_conn *c) {
    if (c->state != CLIENT_EXCHANGE && c->state != CLIENT_LINGER) close_conn(c);
}

void client_conn_cut(struct client_conn *c) {
    if (c->exchange)
        exchange_cut(c->exchange);
    else
        close_conn(c);
}

static void on_wake(void *arg) {
    struct client_conn *c = arg;
    while (advance(c)) continue;
}

// One step of the connection's life. False: nothing more to do now (or c is gone).
static bool advance(struct client_conn *c) {
    switch (c->state) {
    case CLIENT_PROXY_HEADER: return read_proxy_header(c);
    case CLIENT_HANDSHAKE: return finish_handshake(c);
    case CLIENT_IDLE: return begin_exchange(c);
    case CLIENT_EXCHANGE: exchange_wake(c->exchange); return false;
    case CLIENT_LINGER: linger(c); return false;
    }
    return false;
}

static bool read_proxy_header(struct client_conn *c) {
    size_t used = 0;
    bool is_local = false;
    struct address named;
    if (!c->facts.is_trusted) {
        refuse(c, FAIL_PROXY_HEADER, "the address is not in `trust`");
        return false;
    }
    char header[PROXY_HEADER_READ_MAX];
    struct slice in = {header, stream_copy(c->stream, header, sizeof header)};
    enum proxy_event event = proxy_header_parse(in, &used, &named, &is_local);
    if (event == PROXY_MORE && stream_end(c->stream) == STREAM_OPEN) return false;
    if (event != PROXY_DONE) {
        refuse(c, FAIL_PROXY_HEADER, "the header is missing or malformed");
        return false;
    }
    stream_consume(c->stream, used);
    if (!is_local) set_client(c, &named);
    return begin_tls(c);
}

static bool begin_tls(struct client_conn *c) {
    const struct listen_conf *listen = c->facts.listen;
    if (!listen->is_tls) {
        enter_idle(c);
        return true;
    }
    tls_accept(c->generation->tls, c->stream);
    enter(c, CLIENT_HANDSHAKE, listen->handshake_ms);
    return true;
}

static bool finish_handshake(struct client_conn *c) {
    switch (stream_handshake(c->stream)) {
    case PENDING:
        if (stream_end(c->stream) == STREAM_OPEN) return false;
        refuse(c, FAIL_HANDSHAKE, "the client closed the connection");
        return false;
    case BROKEN:
        if (tls_has_heard_http(c->stream)) {
            answer_in_clear(c);
            return false;
        }
        refuse(c, tls_has_refused(c->stream) ? FAIL_BAD_CERTIFICATE : FAIL_HANDSHAKE,
               stream_failure(c->stream));
        return false;
    case READY: break;
    }
    c->facts.tls = tls_version(c->stream);
    c->facts.client_rules = tls_client_rules_of(c->stream);
    c->facts.has_certificate = tls_has_certificate(c->stream);
    enter_idle(c);
    return true;
}

// Of the request no more is read than it took to see that it is one: it may have secrets in it.
static void answer_in_clear(struct client_conn *c) {
    stream_drop_layer(c->stream);
    open_exchange(c);
    exchange_fail(c->exchange, FAIL_PLAIN_HTTP);
}

static bool begin_exchange(struct client_conn *c) {
    if (stream_input_len(c->stream) == 0) {
        if (stream_end(c->stream) != STREAM_OPEN) close_conn(c);
        return false;
    }
    if (stream_backlog(c->stream) > UNREAD_ANSWERS_MAX) return false;
    open_exchange(c);
    exchange_wake(c->exchange);
    return false;
}

static void open_exchange(struct client_conn *c) {
    enter(c, CLIENT_EXCHANGE, 0);
    c->requests++;
    c->exchange = exchange_new(c->service, &http1_ops, c, &c->facts);
}

static void linger(struct client_conn *c) {
    stream_consume(c->stream, stream_input_len(c->stream));
    enum stream_end end = stream_end(c->stream);
    bool is_late = clock_ms() >= c->since_ms + LINGER_MS;
    bool is_written = stream_is_shut(c->stream) || (is_late && !is_still_reading(c));
    if (end == STREAM_FAILED || (is_written && (is_late || end != STREAM_OPEN)))
        close_conn(c);
    else
        timer_set(&c->timer, LINGER_IDLE_MS);
}

static void enter_idle(struct client_conn *c) {
    enter(c, CLIENT_IDLE, idle_ms(c));
}

// Without keep-alive there is still the time to the first request.
static unsigned idle_ms(const struct client_conn *c) {
    const struct listen_conf *listen = c->facts.listen;
    return listen->keepalive_ms > 0 ? listen->keepalive_ms : listen->head_ms;
}

static void enter(struct client_conn *c, enum client_state state, unsigned limit_ms) {
    c->state = state;
    c->since_ms = clock_ms();
    if (limit_ms)
        timer_set(&c->timer, limit_ms);
    else
        timer_clear(&c->timer);
}

static void on_time(void *arg) {
    struct client_conn *c = arg;
    if (c->state == CLIENT_HANDSHAKE)
        refuse(c, FAIL_HANDSHAKE, "the handshake took too long");
    else if (c->state == CLIENT_PROXY_HEADER)
        refuse(c, FAIL_PROXY_HEADER, "the header took too long");
    else if (is_still_reading(c))
        timer_set(&c->timer, c->state == CLIENT_IDLE ? idle_ms(c) : LINGER_IDLE_MS);
    else
        close_conn(c);
}

// Is the client taking what we wrote, however slowly?
static bool is_still_reading(const struct client_conn *c) {
    if (stream_unsent(c->stream) == 0) return false;
    return clock_ms() - stream_last_output_ms(c->stream) < UNREAD_ANSWER_MS ||
           stream_peer_takes(c->stream);
}

// Trust goes by the address that speaks HTTP: a front proxy that only passes bytes on says with its PROXY header who
// that is, and its own address lends nothing to what that client claims.
static void set_client(struct client_conn *c, const struct address *client) {
    const struct networks *trust = &c->facts.listen->trust;
    char text[ADDRESS_TEXT_MAX];
    c->facts.address = *client;
    c->facts.is_trusted = false;
    for (size_t i = 0; i < trust->count; i++)
        c->facts.is_trusted |= network_has(&trust->at[i], client);
    address_format_ip(client, text);
    size_t len = strnlen(text, sizeof(c->facts.ip) - 1);
    memcpy(c->facts.ip, text, len);
    c->facts.ip[len] = '\0';
}

// A connection that ends before any exchange. Alerts that the handshake left are written.
static void refuse(struct client_conn *c, enum fail why, const char *text) {
    count_add(c->service->conf.counters, count_of_fail(why), 1);
    log_repeated(LOG_LEVEL_INFO, fail_row(why)->name, "client %s: %s: %s", c->facts.ip,
                 fail_row(why)->text, text);
    stream_flush(c->stream);
    close_conn(c);
}

// An answer whose end is its connection's end would look whole if what could not be written went silently.
static void close_conn(struct client_conn *c) {
    struct service *s = c->service;
    if (stream_unsent(c->stream) > 0) reset_on_close(c);
    count_add(s->conf.counters, COUNT_CLIENTS_OPEN, (uint64_t)-1);
    count_add(s->conf.counters, COUNT_BYTES_FROM_CLIENTS, stream_bytes_in(c->stream));
    count_add(s->conf.counters, COUNT_BYTES_TO_CLIENTS, stream_bytes_out(c->stream));
    timer_fini(&c->timer);
    stream_free(c->stream);
    *(c->prev ? &c->prev->next : &s->clients) = c->next;
    if (c->next) c->next->prev = c->prev;
    s->client_count--;
    generation_unref(c->generation);
    free(c);
    service_check_drained(s);
}

static void reset_on_close(struct client_conn *c) {
    struct linger at_once = {.l_onoff = 1};
    setsockopt(stream_fd(c->stream), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

// --- what the exchange asks of its client ---

static enum progress read_head(void *client, struct parser *parser, struct request_head *head,
                               enum fail *why, enum refusal *refusal) {
    (void)head;
    struct client_conn *c = client;
    struct slice in;
    while ((in = stream_peek(c->stream)).len > 0) {
        struct fed fed;
        enum parse_event event = parser_feed(parser, in, &fed);
        stream_consume(c->stream, fed.skip);
        if (event == PARSE_HEAD) return READY;
        if (event == PARSE_MORE) continue;
        *why = FAIL_BAD_REQUEST;
        *refusal = parser_refusal(parser);
        return BROKEN;
    }
    if (stream_end(c->stream) == STREAM_OPEN) return PENDING;
    *why = FAIL_CLIENT_GONE;
    return BROKEN;
}

// An end of file counts as gone once all that came before it was used, as nginx has it: a client that only closed
// its sending side cannot be told from one that closed both.
static bool is_gone(void *client) {
    struct client_conn *c = client;
    enum stream_end end = stream_end(c->stream);
    return end == STREAM_FAILED || (end != STREAM_OPEN && stream_input_len(c->stream) == 0);
}

static bool may_keep(void *client) {
    struct client_conn *c = client;
    const struct listen_conf *listen = c->facts.listen;
    return c->requests < listen->keepalive_requests && listen->keepalive_ms > 0 &&
           !service_is_draining(c->service) && c->generation == c->service->generation;
}

static void send_head(void *client, const struct response_head *head) {
    struct client_conn *c = client;
    char *room = stream_reserve(c->stream, response_head_size(head));
    stream_commit(c->stream, (size_t)(response_head_write(room, head) - room));
}

static void send_body(void *client, struct slice bytes) {
    struct client_conn *c = client;
    stream_write(c->stream, bytes);
}

static struct stream *client_stream(void *client) {
    struct client_conn *c = client;
    return c->stream;
}

static void end(void *client, enum client_end how) {
    struct client_conn *c = client;
    c->exchange = NULL;
    switch (how) {
    case CLIENT_KEEP: await_next(c); break;
    case CLIENT_CLOSE: begin_linger(c); break;
    case CLIENT_RESET:
        reset_on_close(c);
        close_conn(c);
        break;
    case CLIENT_ABORT:
        stream_flush(c->stream);
        close_conn(c);
        break;
    }
}

// What came already is served, also when we drain: it was asked for before anybody said that it is too late.
static void await_next(struct client_conn *c) {
    bool has_more = stream_input_len(c->stream) > 0 || stream_end(c->stream) != STREAM_OPEN;
    if (!has_more && service_is_draining(c->service)) {
        begin_linger(c);
        return;
    }
    enter_idle(c);
    if (has_more) stream_wake_later(c->stream);
}

static void begin_linger(struct client_conn *c) {
    stream_shut(c->stream);
    enter(c, CLIENT_LINGER, LINGER_IDLE_MS);
    stream_set_input_max(c->stream, UNREAD_ANSWERS_MAX);
    stream_wake_later(c->stream);
}

static const struct client_ops http1_ops = {
    .read_head = read_head,
    .is_gone = is_gone,
    .may_keep = may_keep,
    .send_head = send_head,
    .send_body = send_body,
    .stream = client_stream,
    .end = end,
};
