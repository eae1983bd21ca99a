// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// What is forwarded can be parsed again, and means what was forwarded: no input makes a head that a strict parser refuses, or reads
// with another end. The first two bytes choose the options; the rest is a request or an answer.
#include "http/message/forward.h"
#include "http/message/head_rules.h"

#include "core/check.h"
#include "http/message/parser.h"
#include "http/message/writer.h"
#include "tests/fuzz/fuzz.h"

// What is added may put a head at its limit over it.
static const struct message_limits WIDE = {
    .line_bytes = 1 << 17,
    .head_bytes = 1 << 18,
    .fields = 300,
    .trailer_bytes = 1 << 17,
    .chunk_line_bytes = 1024,
    .extension_bytes = 16384,
};

static void check_same_fields(const struct fields *a, const struct fields *b) {
    CHECK(a->count == b->count && a->present == b->present);
    for (unsigned i = 0; i < a->count; i++) {
        CHECK(slice_equals(a->at[i].name, b->at[i].name) && a->at[i].id == b->at[i].id);
        CHECK(slice_equals(slice_trim(a->at[i].value), b->at[i].value));
    }
}

static void check_request(struct parser *p, struct arena *a, struct slice in,
                          const struct forward_options *o) {
    struct request_head head, out, again;
    struct fed fed;
    parser_begin_request(p, &head, a, &REQUEST_LIMITS);
    if (parser_feed(p, in, &fed) != PARSE_HEAD) return;
    struct forward_options options = *o;
    if (head.authority.len == 0) options.host = SLICE("backend.example:80");
    if (request_ends_here(&head)) return;
    if (!forward_request(&head, &options, a, &out)) return;
    size_t size = request_head_size(&out);
    char *bytes = arena_alloc(a, size);
    CHECK(request_head_write(bytes, &out) == bytes + size);

    parser_begin_request(p, &again, a, &WIDE);
    CHECK(parser_feed(p, (struct slice){bytes, size}, &fed) == PARSE_HEAD && fed.skip == size);
    check_same_fields(&out.fields, &again.fields);
    CHECK(slice_equals(head.method_text, again.method_text));
    CHECK(slice_equals(head.path, again.path) && slice_equals(head.query, again.query));
    CHECK(head.has_query == again.has_query && again.scheme.len == 0);
    if (options.host.len == 0)
        CHECK(slice_equals(head.host, again.host) && head.port == again.port);
    CHECK(again.framing.kind == out.framing.kind && again.framing.length == out.framing.length);
    CHECK(again.framing.kind == (o->is_chunked ? BODY_CHUNKED : head.framing.kind));
    CHECK(slice_equals(out.upgrade, again.upgrade) || o->is_chunked);
    CHECK(!fields_find(&again.fields, FIELD_TE) && !fields_find(&again.fields, FIELD_TRAILER));
}

static void check_answer(struct parser *p, struct arena *a, struct slice in,
                         const struct answer_options *o) {
    struct response_head head, out, again;
    struct fed fed;
    parser_begin_response(p, &head, o->method, a, &RESPONSE_LIMITS);
    if (parser_feed(p, in, &fed) != PARSE_HEAD) return;
    forward_response(&head, o, a, &out);
    size_t size = response_head_size(&out);
    char *bytes = arena_alloc(a, size);
    CHECK(response_head_write(bytes, &out) == bytes + size);

    parser_begin_response(p, &again, o->method, a, &WIDE);
    CHECK(parser_feed(p, (struct slice){bytes, size}, &fed) == PARSE_HEAD && fed.skip == size);
    check_same_fields(&out.fields, &again.fields);
    CHECK(again.status == head.status &&
          slice_equals(slice_trim(head.reason), slice_trim(again.reason)));
    CHECK(again.framing.kind == out.framing.kind && again.framing.length == out.framing.length);
    CHECK((again.framing.kind == BODY_NONE) == (head.framing.kind == BODY_NONE));
    if (again.framing.kind == BODY_UNTIL_CLOSE) CHECK(o->client_minor == 0 && !out.is_persistent);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    if (len < 2) return 0;
    unsigned bits = bytes[0];
    struct slice in = {(const char *)bytes + 2, len - 2};
    struct parser *p = parser_new();
    struct arena *a = arena_new(16384, 1 << 22);
    struct forward_options request = {
        .client_ip = bytes[1] & 2 ? SLICE("2001:db8::1") : SLICE("192.0.2.1"),
        .scheme = SLICE("https"),
        .request_id = SLICE("id"),
        .via_name = SLICE("rsp"),
        .is_trusted = bits & 1,
        .adds_forwarded = bits & 2,
        .keeps_upgrade = bits & 4,
        .expects_continue = bits & 8,
        .is_chunked = bits & 16,
        .closes = bits & 32,
    };
    struct answer_options answer = {
        .method = bits & 1 ? METHOD_HEAD : METHOD_GET,
        .client_minor = bits & 2 ? 1 : 0,
        .is_persistent = bits & 4,
        .via_name = SLICE("rsp"),
    };
    if (bytes[1] & 1)
        check_answer(p, a, in, &answer);
    else
        check_request(p, a, in, &request);
    arena_free(a);
    parser_free(p);
    return 0;
}
