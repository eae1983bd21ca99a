// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/clock.h"
#include "http/exchange_parts.h"
#include "http/message/writer.h"

static struct slice json_page(const struct exchange *x, int status);
static const char *reason_text(const struct exchange *x);
static void prepare_written(struct exchange *x, const struct respond *r);

void prepare_answer(struct exchange *x, int status, const char *content_type, struct slice body) {
    bool has_body = status >= 200 && status != 204 && status != 304;
    x->own_body = has_body ? body : (struct slice){0};
    x->response = (struct response_head){
        .status = status,
        .reason = slice_of(status_reason(status)),
        .minor_version = 1,
        .is_persistent = true,
        .framing = {has_body ? BODY_LENGTH : BODY_NONE, x->own_body.len},
    };
    struct fields *f = &x->response.fields;
    fields_add(f, x->arena, FIELD_SERVER, field_name_of(FIELD_SERVER), SLICE("rsp"));
    fields_add(f, x->arena, FIELD_DATE, field_name_of(FIELD_DATE),
               arena_copy(x->arena, slice_of(clock_http_date())));
    if (has_body && content_type)
        fields_add(f, x->arena, FIELD_CONTENT_TYPE, field_name_of(FIELD_CONTENT_TYPE),
                   slice_of(content_type));
}

void prepare_failure(struct exchange *x) {
    const struct respond *down = x->answer.policy->down;
    if (down && fail_row(x->fail)->blame == BLAME_BACKEND) {
        prepare_written(x, down);
        return;
    }
    int status = fail_row(x->fail)->status;
    if (x->fail == FAIL_BAD_REQUEST) status = refusal_status(x->refusal);
    struct slice page =
        arena_printf(x->arena, "%d %s: %s\nRequest id: %.*s\n", status, status_reason(status),
                     reason_text(x), SLICE_ARGS(x->request_id));
    if (x->service->conf.local)
        prepare_answer(x, status, "application/json", json_page(x, status));
    else
        prepare_answer(x, status, "text/plain; charset=utf-8", page);
}

// For programs, as the admin API says what is wrong; the words are ours, and none has a quote.
static struct slice json_page(const struct exchange *x, int status) {
    return arena_printf(x->arena, "{\"status\": %d, \"error\": \"%s\", \"pointer\": \"\"}\n",
                        status, reason_text(x));
}

void prepare_routed_answer(struct exchange *x) {
    const struct route_answer *answer = &x->answer;
    if (answer->kind == ANSWER_REDIRECT) {
        struct slice page =
            arena_printf(x->arena, "%d %s: %.*s\n", answer->status, status_reason(answer->status),
                         SLICE_ARGS(answer->location));
        prepare_answer(x, answer->status, "text/plain; charset=utf-8", page);
        fields_add(&x->response.fields, x->arena, FIELD_LOCATION, field_name_of(FIELD_LOCATION),
                   answer->location);
        return;
    }
    prepare_written(x, &(struct respond){.status = answer->status,
                                         .body = answer->body,
                                         .fields = answer->fields,
                                         .field_count = answer->field_count});
}

static void prepare_written(struct exchange *x, const struct respond *r) {
    bool has_type = false;
    for (unsigned i = 0; i < r->field_count; i++)
        has_type |= field_id_of(r->fields[i].name) == FIELD_CONTENT_TYPE;
    prepare_answer(x, r->status, has_type ? NULL : "text/plain; charset=utf-8", r->body);
    for (unsigned i = 0; i < r->field_count; i++)
        fields_add(&x->response.fields, x->arena, field_id_of(r->fields[i].name), r->fields[i].name,
                   r->fields[i].value);
}

// The page tells the client about its own mistakes exactly; of a backend's it hears the reason only.
static const char *reason_text(const struct exchange *x) {
    return x->fail == FAIL_BAD_REQUEST ? refusal_text(x->refusal) : fail_row(x->fail)->text;
}
