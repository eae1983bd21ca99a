// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/text.h"
#include "http/exchange.h"
#include "http/exchange_parts.h"

enum { FIELDS_MAX = 4 };

struct reply_field {
    const char *name;
    char *value;
};

// One question to service_conf.local, from its body to its answer.
struct local_reply {
    enum { REPLY_READS_BODY, REPLY_ASKED, REPLY_ANSWERED } state;
    struct exchange *exchange; // NULL: nobody waits for it any more
    struct text request_body;
    int status;
    const char *content_type;
    struct text body;
    struct reply_field fields[FIELDS_MAX];
    size_t field_count;
    void (*cancel)(void *arg);
    void *cancel_arg;
};

static void begin_reply(struct exchange *x);
static void let_client_go_on(struct exchange *x);
static void ask(struct exchange *x);
static void free_reply(struct local_reply *r);

enum progress answer_from_within(struct exchange *x) {
    if (!x->reply) begin_reply(x);
    struct local_reply *r = x->reply;
    if (x->request.framing.kind != BODY_NONE && x->upload.state != PUMP_DONE) return PENDING;
    if (r->state == REPLY_READS_BODY) ask(x);
    if (r->state != REPLY_ANSWERED) return PENDING;
    prepare_answer(x, r->status, r->content_type,
                   text_slice(&r->body)); // the reply stays until the end
    for (size_t i = 0; i < r->field_count; i++) {
        struct slice name = slice_of(r->fields[i].name);
        fields_add(&x->response.fields, x->arena, field_id_of(name), name,
                   slice_of(r->fields[i].value));
    }
    return READY;
}

void local_set_field(struct local_reply *r, const char *name, struct slice value) {
    CHECK(r->state == REPLY_ASKED && r->field_count < FIELDS_MAX);
    char *copy = strndup(value.at ? value.at : "", value.len);
    CHECK(copy);
    r->fields[r->field_count++] = (struct reply_field){name, copy};
}

void local_answer(struct local_reply *r, int status, const char *content_type, struct slice body) {
    CHECK(r->state == REPLY_ASKED);
    if (!r->exchange) {
        free_reply(r);
        return;
    }
    r->state = REPLY_ANSWERED;
    r->status = status;
    r->content_type = content_type;
    text_add(&r->body, body);
    stream_wake_later(r->exchange->client_ops->stream(r->exchange->client));
}

bool exchange_asks_within(const struct exchange *x) {
    return x->reply && x->reply->state == REPLY_ASKED;
}

void forget_local_reply(struct exchange *x) {
    struct local_reply *r = x->reply;
    if (!r) return;
    x->reply = NULL;
    r->exchange = NULL;
    if (r->state == REPLY_ASKED && !r->cancel) return; // freed when it is answered
    if (r->state == REPLY_ASKED) r->cancel(r->cancel_arg);
    free_reply(r);
}

static void begin_reply(struct exchange *x) {
    struct local_reply *r = calloc(1, sizeof(*r));
    CHECK(r);
    r->exchange = x;
    text_init(&r->request_body, LOCAL_REQUEST_MAX);
    text_init(&r->body, LOCAL_ANSWER_MAX);
    x->reply = r;
    if (x->request.framing.kind == BODY_NONE) return;
    pump_start(&x->upload, &(struct pump_job){
                               .source = x->client_ops->stream(x->client),
                               .parser = x->request_parser,
                               .kept = &r->request_body,
                               .max_bytes = LOCAL_REQUEST_MAX,
                           });
    let_client_go_on(x);
    pump_run(&x->upload);
}

// Here nobody else answers its Expect (RFC 9110 section 10.1.1); one whose body is too long by its own word gets the 413 instead.
static void let_client_go_on(struct exchange *x) {
    if (!x->request.expects_continue || x->upload.state == PUMP_TOO_LONG) return;
    struct response_head go_on = {.status = 100, .reason = SLICE("Continue"), .minor_version = 1};
    x->client_ops->send_head(x->client, &go_on);
}

static void ask(struct exchange *x) {
    struct local_reply *r = x->reply;
    struct local_request request = {
        .method = x->request.method_text,
        .path = x->request.path,
        .query = x->request.query,
        .fields = &x->request.fields,
        .client = &x->who->address,
        .client_fd = x->who->fd,
        .listen = x->who->listen,
        .body = text_slice(&r->request_body),
    };
    r->state = REPLY_ASKED;
    x->service->conf.local(x->service->conf.local_arg, &request, r, &r->cancel, &r->cancel_arg);
}

static void free_reply(struct local_reply *r) {
    text_fini(&r->request_body);
    text_fini(&r->body);
    for (size_t i = 0; i < r->field_count; i++) free(r->fields[i].value);
    free(r);
}
