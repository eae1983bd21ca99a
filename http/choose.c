// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/check.h"
#include "core/clock.h"
#include "http/exchange_parts.h"
#include "http/message/head_rules.h"
#include "tls/tls.h"

// A member that refused a connection is not asked for this long while there are others: or each of them would cost many
// requests an attempt, and more than the retry budget allows.
enum { AVOID_MS = 1000 };

static struct member *probe(struct pool *p, struct member *m);
static void answer_as_recipient(enum method method, struct route_answer *out);
static struct slice scheme_of(const struct exchange *x);
static enum fail fail_of(enum refused refused);
static enum fail judge_certificate(const struct exchange *x);
static bool asks_nobody(const struct config *c);
static bool goes_to_https(const struct exchange *x, struct slice scheme);
static bool field_by_name(void *fields, struct slice name, unsigned nth, struct slice *value);
static bool field_by_number(void *fields, unsigned i, struct slice *name, struct slice *value);
static void tell_tls(void *fields, struct client_tls *out);
static void set_field(void *fields, struct slice name, const struct slice *value);

enum fail choose_route(struct exchange *x) {
    name_request(x);
    if (x->service->conf.local) return FAIL_NONE;
    const struct request_head *head = &x->request;
    struct route_request request = {
        .id = x->request_id,
        .method = head->method_text,
        .scheme = scheme_of(x),
        .host = head->host,
        .authority = head->authority,
        .path = head->path,
        .query = head->query,
        .uri = head->has_query ? slice_from(head->path.at, head->query.at + head->query.len)
                               : head->path,
        .client = &x->who->address,
        .client_tls = x->who->listen->is_tls,
        .tls = tell_tls,
        .local_port = address_port(&x->who->listen->address),
        .field = field_by_name,
        .field_at = field_by_number,
        .set_field = set_field,
        .fields = x,
    };
    enum fail fail = judge_certificate(x);
    if (fail != FAIL_NONE) return fail;
    enum progress progress = route_decide(x->generation->config, &request, x->arena, &x->answer);
    CHECK(progress == READY); // functions that wait are not in this version
    if (x->answer.kind == ANSWER_REFUSED) return fail_of(x->answer.refused);
    if (goes_to_https(x, request.scheme) && route_may_move(&x->answer))
        route_to_https(x->generation->config, &request, x->arena, &x->answer);
    if (x->answer.kind == ANSWER_POOL && request_ends_here(&x->request))
        answer_as_recipient(x->request.method, &x->answer);
    return FAIL_NONE;
}

// Max-Forwards: 0 (RFC 9110 section 7.6.2). TRACE would show whoever can send one what others before us have added to the request.
static void answer_as_recipient(enum method method, struct route_answer *out) {
    static const struct answer_field ALLOW = {
        SLICE_INIT("Allow"), SLICE_INIT("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")};
    bool is_trace = method == METHOD_TRACE;
    out->kind = ANSWER_RESPOND;
    out->pool = NULL;
    out->status = is_trace ? 405 : 200;
    out->body =
        is_trace ? SLICE("405 Method Not Allowed: TRACE is not answered here\n") : SLICE("");
    out->fields = &ALLOW;
    out->field_count = 1;
}

struct member *choose_member(struct exchange *x) {
    struct pool *p = x->answer.pool;
    struct left_out out = {.tried = x->tried, .tried_count = x->tried_count};
    if (p->avoid_until_ms > clock_ms()) out.avoided_at_ms = clock_ms();
    struct member *m = pool_choose(p, &x->answer, &out, x->arena);
    return m ? probe(p, member_ref(m)) : NULL;
}

void give_up_member(struct exchange *x) {
    struct member *m = x->member;
    CHECK(x->tried_count < TRIES_MAX);
    x->tried[x->tried_count++] = member_ref(m);
    m->avoid_until_ms = x->answer.pool->avoid_until_ms = clock_ms() + AVOID_MS;
}

void forget_members(struct exchange *x) {
    member_unref(x->member);
    x->member = NULL;
    while (x->tried_count > 0) member_unref(x->tried[--x->tried_count]);
}

// Whoever is sent to a member that refused before finds out for all: the others go on avoiding it until he is connected.
static struct member *probe(struct pool *p, struct member *m) {
    if (m->avoid_until_ms != 0) m->avoid_until_ms = p->avoid_until_ms = clock_ms() + AVOID_MS;
    return m;
}

bool is_https(const struct exchange *x) {
    if (x->who->listen->is_tls) return true;
    const struct field *said = fields_find(&x->request.fields, FIELD_X_FORWARDED_PROTO);
    return x->who->is_trusted && said && slice_equals_nocase(said->value, SLICE("https"));
}

static struct slice scheme_of(const struct exchange *x) {
    return is_https(x) ? SLICE("https") : SLICE("http");
}

static enum fail fail_of(enum refused refused) {
    switch (refused) {
    case REFUSED_NO_SITE: return FAIL_NO_SITE;
    case REFUSED_NO_PATH: return FAIL_NO_PATH;
    case REFUSED_DENIED: return FAIL_DENIED;
    case REFUSED_BAD_KEY: return FAIL_BAD_KEY;
    case REFUSED_SCRIPT: return FAIL_SCRIPT;
    case REFUSED_BAD_PATH: return FAIL_BAD_PATH;
    }
    CHECK(false);
    return FAIL_NONE;
}

// Before anything of the site is looked at. A connection goes by the rules of the generation that it was accepted with, but a
// site that has come to require a certificate since then gets one.
static enum fail judge_certificate(const struct exchange *x) {
    const struct config *now = x->generation->config, *then = x->who->config;
    struct slice host = x->request.host;
    if (asks_nobody(now) && asks_nobody(then)) return FAIL_NONE;
    if (x->who->listen->is_tls && config_client_rules(then, host) != x->who->client_rules)
        return FAIL_MISDIRECTED;
    const struct client_rules *rules = &now->client_rules[config_client_rules(now, host)];
    bool is_in = x->who->has_certificate || rules->asks != ASKS_ALL_FOR_CERTIFICATE;
    return is_in || goes_to_https(x, scheme_of(x)) ? FAIL_NONE : FAIL_NO_CERTIFICATE;
}

static bool asks_nobody(const struct config *c) {
    return c->client_rules_count == 1 && c->client_rules[0].asks == ASKS_NOTHING;
}

// A plain port sends to HTTPS where the name has a certificate.
static bool goes_to_https(const struct exchange *x, struct slice scheme) {
    const struct generation *g = x->generation;
    if (!g->tls || scheme.len != 4) return false;
    return x->who->listen->redirects && tls_server_has_name(g->tls, x->request.host);
}

// --- the request's fields, for functions of the route file ---

static bool field_by_name(void *fields, struct slice name, unsigned nth, struct slice *value) {
    const struct exchange *x = fields;
    for (unsigned i = 0; i < x->request.fields.count; i++) {
        const struct field *f = &x->request.fields.at[i];
        if (!slice_equals_nocase(f->name, name) || nth-- > 0) continue;
        *value = f->value;
        return true;
    }
    return false;
}

static bool field_by_number(void *fields, unsigned i, struct slice *name, struct slice *value) {
    const struct exchange *x = fields;
    if (i >= x->request.fields.count) return false;
    *name = x->request.fields.at[i].name;
    *value = x->request.fields.at[i].value;
    return true;
}

static void set_field(void *fields, struct slice name, const struct slice *value) {
    struct exchange *x = fields;
    fields_remove_name(&x->request.fields, name);
    if (!value) return;
    struct slice name_copy = arena_copy(x->arena, name);
    fields_add(&x->request.fields, x->arena, field_id_of(name), name_copy,
               arena_copy(x->arena, *value));
}

static void tell_tls(void *fields, struct client_tls *out) {
    const struct exchange *x = fields;
    const struct stream *client = x->client_ops->stream(x->client);
    const struct tls_peer *peer = tls_peer(client);
    *out = (struct client_tls){.version = slice_of(tls_version(client)),
                               .cipher = slice_of(tls_cipher(client)),
                               .name = tls_name(client),
                               .is_resumed = tls_is_resumed(client),
                               .is_verified = peer != NULL};
    if (!peer) return;
    out->subject = peer->subject;
    out->issuer = peer->issuer;
    out->serial = peer->serial;
    out->fingerprint = peer->fingerprint;
    out->names = peer->names;
    out->name_count = peer->name_count;
    out->not_before_s = peer->not_before_s;
    out->not_after_s = peer->not_after_s;
    out->signature_bits = peer->signature_bits;
    out->path_length = peer->path_length;
}
