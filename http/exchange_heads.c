// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <stdio.h>

#include "http/exchange_parts.h"
#include "tls/tls.h"

// Our name in Via (RFC 9110 section 7.6.3).
#define VIA_NAME SLICE("rsp")

static void add_sticky(struct exchange *x, struct response_head *out);

enum fail prepare_request(struct exchange *x) {
    const struct policy *policy = x->answer.policy;
    struct framing framing = x->request.framing;
    if (framing.kind == BODY_LENGTH && framing.length > policy->body_max_bytes)
        return FAIL_BODY_TOO_LARGE;
    struct forward_options options = {
        .client_ip = slice_of(x->who->ip),
        .scheme = x->who->listen->is_tls ? SLICE("https") : SLICE("http"),
        .request_id = x->request_id,
        .via_name = VIA_NAME,
        .is_trusted = x->who->is_trusted,
        .adds_forwarded = policy->adds_forwarded,
        .owns_client_cert = policy->client_cert != CLIENT_CERT_OFF,
        .keeps_upgrade = x->request.upgrade.len > 0,
        .expects_continue = x->request.expects_continue,
        .is_chunked = framing.kind == BODY_CHUNKED,
    };
    const struct stream *client = x->client_ops->stream(x->client);
    if (policy->client_cert != CLIENT_CERT_OFF) options.client_cert = tls_peer_field(client, false);
    if (policy->client_cert == CLIENT_CERT_CHAIN)
        options.client_cert_chain = tls_peer_field(client, true);
    bool is_new = forward_request(&x->request, &options, x->arena, &x->request_out);
    return is_new ? FAIL_NONE : FAIL_LOOP;
}

void address_request(struct exchange *x) {
    // A 1.0 client may have named no host: the backend gets its own name then, not an empty one.
    if (x->answer.policy->keeps_host && x->request.authority.len > 0) return;
    const char *name = x->answer.pool->backend.tls_name;
    struct slice host = slice_of(name ? name : x->member->endpoint.text);
    for (unsigned i = 0; i < x->request_out.fields.count; i++)
        if (x->request_out.fields.at[i].id == FIELD_HOST) x->request_out.fields.at[i].value = host;
}

void forward_answer(struct exchange *x, bool may_keep, struct response_head *out) {
    struct answer_options options = {
        .method = x->request.method,
        .client_minor = x->request.minor_version,
        .is_persistent = may_keep,
        .via_name = x->backend ? VIA_NAME : (struct slice){0},
    };
    forward_response(&x->response, &options, x->arena, out);
    bool is_final = x->response.status >= 200 || x->response.status == 101;
    if (x->backend && is_final && x->member->sticky) add_sticky(x, out);
}

// Unless the client has it already, or the route file named the member.
static void add_sticky(struct exchange *x, struct response_head *out) {
    const struct sticky_conf *sticky = &x->answer.pool->sticky;
    char value[STICKY_TEXT_MAX], age[32] = "";
    if (x->answer.fixed.at || x->answer.clings_to == x->member->sticky) return;
    if (sticky->max_age_ms) snprintf(age, sizeof age, "; Max-Age=%u", sticky->max_age_ms / 1000);
    struct slice cookie =
        arena_printf(x->arena, "%s=%s; Path=/%s; HttpOnly%s; SameSite=Lax", sticky->cookie,
                     sticky_format(x->member->sticky, value), age, is_https(x) ? "; Secure" : "");
    fields_add(&out->fields, x->arena, FIELD_SET_COOKIE, field_name_of(FIELD_SET_COOKIE), cookie);
}
