// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/checkup.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "http/backend_conn.h"
#include "http/message/parser.h"
#include "http/message/proxy_header.h"
#include "tls/tls.h"

enum { BODY_MAX = 64 << 10, ARENA_FIRST = 4096, ARENA_MAX = 256 << 10, INTERIM_MAX = 16 };
static const struct message_limits LIMITS = {
    .line_bytes = 4096,
    .head_bytes = 16384,
    .fields = 100,
    .trailer_bytes = 4096,
    .chunk_line_bytes = 1024,
    .extension_bytes = 4096,
};

struct checkup {
    struct checkup_conf conf;
    struct arena *arena;
    struct endpoint endpoint; // with the port of the check
    struct timer limit;
    struct dial *dial;     // while it connects
    struct stream *stream; // then
    bool is_sent;
    struct parser *parser;
    struct response_head answer;
    unsigned interim_count;
    size_t body_bytes;
    struct text body; // of it, where the check wants to see it
};

static void set_port(struct endpoint *e, unsigned port);
static void on_dialled(void *arg, int fd, enum dial_failure failure, const char *why);
static void send_proxy_header(struct checkup *c);
static void on_wake(void *arg);
static void begin_request(struct checkup *c);
static void add_host(struct checkup *c, struct text *out);
static bool read_answer(struct checkup *c);
static bool take_head(struct checkup *c);
static void keep_body(struct checkup *c, struct slice bytes);
static bool meet_end(struct checkup *c);
static bool refuse(struct checkup *c, const char *why);
static void judge(struct checkup *c);
static void on_late(void *arg);
static void finish(struct checkup *c, bool is_good, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

struct checkup *checkup_start(const struct checkup_conf *conf) {
    const struct check_conf *check = &conf->pool->check;
    struct checkup *c = calloc(1, sizeof *c);
    CHECK(c);
    c->conf = *conf;
    generation_ref(conf->generation);
    member_ref(conf->member);
    c->arena = arena_new(ARENA_FIRST, ARENA_MAX);
    c->endpoint = conf->member->endpoint;
    if (check->port) set_port(&c->endpoint, check->port);
    text_init(&c->body, BODY_MAX);
    timer_init(&c->limit, conf->loop, on_late, c);
    timer_set(&c->limit, check->timeout_ms);
    // the limit above is the one that counts, and says so
    c->dial = dial_start(conf->loop, conf->resolver, &c->endpoint, check->timeout_ms + 1000,
                         on_dialled, c);
    return c;
}

static void set_port(struct endpoint *e, unsigned port) {
    e->port = (int)port;
    if (e->address.any.sa_family == AF_INET) e->address.v4.sin_port = htons((uint16_t)port);
    if (e->address.any.sa_family == AF_INET6) e->address.v6.sin6_port = htons((uint16_t)port);
}

void checkup_cancel(struct checkup *c) {
    if (!c) return;
    if (c->dial) dial_cancel(c->dial);
    if (c->stream) stream_free(c->stream);
    timer_fini(&c->limit);
    if (c->parser) parser_free(c->parser);
    text_fini(&c->body);
    arena_free(c->arena);
    member_unref(c->conf.member);
    generation_unref(c->conf.generation);
    free(c);
}

static void on_dialled(void *arg, int fd, enum dial_failure failure, const char *why) {
    struct checkup *c = arg;
    c->dial = NULL;
    if (failure != DIAL_OK) {
        const char *reason = strstr(why, ": "); // after the address
        finish(c, false, "%s", reason ? reason + 2 : why);
        return;
    }
    c->stream = stream_new(c->conf.loop, fd);
    stream_set_owner(c->stream, on_wake, c);
    if (c->conf.pool->backend.proxy_header) send_proxy_header(c);
    if (c->conf.member->is_tls) {
        struct tls_client *tls = generation_client(c->conf.generation, c->conf.pool);
        char name[ADDRESS_TEXT_MAX];
        if (!tls) {
            finish(c, false, "the pool's certificate authorities could not be loaded");
            return;
        }
        tls_connect(tls, c->stream, backend_tls_name(c->conf.pool, c->conf.member, name));
    }
    on_wake(c);
}

// The check speaks for itself: UNKNOWN in version 1, LOCAL in version 2.
static void send_proxy_header(struct checkup *c) {
    char header[PROXY_HEADER_MAX];
    struct address nobody = {.any.sa_family = AF_UNSPEC};
    size_t len = proxy_header_write(header, c->conf.pool->backend.proxy_header, &nobody, &nobody);
    stream_write(c->stream, (struct slice){header, len});
    stream_flush(c->stream);
}

static void on_wake(void *arg) {
    struct checkup *c = arg;
    switch (stream_handshake(c->stream)) {
    case PENDING: return;
    case BROKEN: finish(c, false, "TLS: %s", stream_failure(c->stream)); return;
    case READY: break;
    }
    if (c->conf.pool->check.is_tcp) {
        finish(c, true, "the connection was accepted");
        return;
    }
    if (!c->is_sent) begin_request(c);
    if (read_answer(c)) judge(c);
}

// --- the request ---

static void begin_request(struct checkup *c) {
    struct text request;
    text_init(&request, 16384);
    text_printf(&request, "GET %s HTTP/1.1\r\nHost: ", c->conf.pool->check.get);
    add_host(c, &request);
    text_add(&request, SLICE("\r\nUser-Agent: rsp-health\r\nConnection: close\r\n\r\n"));
    stream_write(c->stream, text_slice(&request));
    text_fini(&request);
    c->is_sent = true;
    c->parser = parser_new();
    parser_begin_response(c->parser, &c->answer, METHOD_GET, c->arena, &LIMITS);
}

static void add_host(struct checkup *c, struct text *out) {
    const struct pool *p = c->conf.pool;
    const struct endpoint *e = &c->conf.member->endpoint;
    char buf[ADDRESS_TEXT_MAX];
    if (p->check.host || p->backend.tls_name)
        text_add(out, slice_of(p->check.host ? p->check.host : p->backend.tls_name));
    else if (e->host)
        text_printf(out, "%s:%d", e->host, e->port);
    else if (e->address.any.sa_family == AF_UNIX)
        text_add(out, SLICE("localhost"));
    else
        text_add(out, slice_of(address_format(&e->address, buf)));
}

// --- the answer ---

// True: all of it has come that is looked at. False: more is to come, or the check has ended.
static bool read_answer(struct checkup *c) {
    for (;;) {
        struct slice in = stream_peek(c->stream);
        if (in.len == 0 && parser_body_left(c->parser) > 0) return meet_end(c);
        struct fed fed;
        enum parse_event event = parser_feed(c->parser, in, &fed);
        if (event == PARSE_BODY) keep_body(c, (struct slice){in.at + fed.skip, fed.body});
        stream_consume(c->stream, fed.skip + fed.body);
        if (event == PARSE_END || c->body_bytes > BODY_MAX) return true;
        if (event == PARSE_REFUSED) return refuse(c, refusal_text(parser_refusal(c->parser)));
        if (event != PARSE_HEAD) continue;
        if (!take_head(c)) return false;
        if (c->answer.status >= 200 && c->answer.framing.kind == BODY_NONE) return true;
    }
}

// A head that is complete. False: the check has ended.
static bool take_head(struct checkup *c) {
    if (c->answer.status == 101) return refuse(c, "101 that nobody asked for");
    if (c->answer.status >= 200) return true;
    if (++c->interim_count > INTERIM_MAX) return refuse(c, "too many 1xx answers");
    parser_begin_response(c->parser, &c->answer, METHOD_GET, c->arena, &LIMITS);
    return true;
}

static void keep_body(struct checkup *c, struct slice bytes) {
    c->body_bytes += bytes.len;
    if (c->conf.pool->check.body) text_add(&c->body, bytes);
}

// Nothing is left to read. True: the end of the connection was that of the answer.
static bool meet_end(struct checkup *c) {
    enum stream_end end = stream_end(c->stream);
    const char *get = c->conf.pool->check.get;
    if (end == STREAM_OPEN) return false;
    if (end == STREAM_ENDED && parser_feed_end(c->parser) == PARSE_END) return true;
    if (end == STREAM_FAILED)
        finish(c, false, "GET %s: the connection failed: %s", get, stream_failure(c->stream));
    else
        finish(c, false, "GET %s: the connection was closed before the answer was complete", get);
    return false;
}

static bool refuse(struct checkup *c, const char *why) {
    finish(c, false, "GET %s: the answer was refused: %s", c->conf.pool->check.get, why);
    return false;
}

static void judge(struct checkup *c) {
    const struct check_conf *check = &c->conf.pool->check;
    bool is_good = statuses_has(&check->statuses, c->answer.status);
    bool has_text = !check->body || (c->body.len > 0 && memmem(c->body.at, c->body.len, check->body,
                                                               strlen(check->body)) != NULL);
    if (is_good && !has_text)
        finish(c, false, "GET %s answered %d without \"%.40s\" in it", check->get, c->answer.status,
               check->body);
    else
        finish(c, is_good, "GET %s answered %d", check->get, c->answer.status);
}

static void on_late(void *arg) {
    struct checkup *c = arg;
    unsigned ms = c->conf.pool->check.timeout_ms;
    if (c->dial)
        finish(c, false, "no connection within %u ms", ms);
    else if (!c->parser)
        finish(c, false, "no TLS handshake within %u ms", ms);
    else
        finish(c, false, "GET %s: no %sanswer within %u ms", c->conf.pool->check.get,
               parser_has_begun(c->parser) ? "whole " : "", ms);
}

static void finish(struct checkup *c, bool is_good, const char *format, ...) {
    char why[256];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    struct checkup_conf conf = c->conf;
    checkup_cancel(c);
    conf.on_done(conf.arg, is_good, why);
}
