// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "http/message/forward.h"
#include "http/message/parser.h"
#include "http/message/writer.h"

static struct parser *parser;
static struct arena *arena;

static int set_up(void **state) {
    (void)state;
    parser = parser_new();
    arena = arena_new(16384, 1 << 20);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    parser_free(parser);
    arena_free(arena);
    return 0;
}

static struct forward_options usual(void) {
    return (struct forward_options){
        .client_ip = SLICE("192.0.2.1"),
        .scheme = SLICE("https"),
        .request_id = SLICE("id-1"),
        .via_name = SLICE("rsp"),
    };
}

// What the backend would get for this request.
static struct slice request_through(const char *text, const struct forward_options *o) {
    struct request_head in, out;
    struct fed fed;
    parser_begin_request(parser, &in, arena, &REQUEST_LIMITS);
    assert_int_equal(parser_feed(parser, slice_of(text), &fed), PARSE_HEAD);
    if (!forward_request(&in, o, arena, &out)) return SLICE("loop");
    size_t size = request_head_size(&out);
    char *room = arena_alloc(arena, size);
    assert_ptr_equal(request_head_write(room, &out), room + size);
    return (struct slice){room, size};
}

static struct slice answer_through(const char *text, const struct answer_options *o,
                                   struct response_head *out) {
    struct response_head in;
    struct fed fed;
    parser_begin_response(parser, &in, o->method, arena, &RESPONSE_LIMITS);
    assert_int_equal(parser_feed(parser, slice_of(text), &fed), PARSE_HEAD);
    forward_response(&in, o, arena, out);
    size_t size = response_head_size(out);
    char *room = arena_alloc(arena, size);
    assert_ptr_equal(response_head_write(room, out), room + size);
    return (struct slice){room, size};
}

static void assert_bytes(struct slice got, const char *want) {
    assert_string_equal(arena_string(arena, got), want);
}

static void a_request_goes_on_with_what_rsp_knows_of_the_client(void **state) {
    (void)state;
    struct forward_options o = usual();
    assert_bytes(
        request_through("GET http://a.example/x?y HTTP/1.1\r\nHost: b\r\nAccept: */*\r\n\r\n", &o),
        "GET /x?y HTTP/1.1\r\nHost: a.example\r\nAccept: */*\r\n"
        "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n"
        "X-Forwarded-Host: a.example\r\nX-Request-Id: id-1\r\nVia: 1.1 rsp\r\n\r\n");
}

static void hop_by_hop_fields_stay_here(void **state) {
    (void)state;
    struct forward_options o = {.closes = true};
    assert_bytes(request_through("GET / HTTP/1.1\r\nConnection: keep-alive, X-Mine\r\nHost: a\r\n"
                                 "X-Mine: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nUpgrade: h2c\r\n"
                                 "Proxy-Authorization: x\r\nYours: 2\r\n\r\n",
                                 &o),
                 "GET / HTTP/1.1\r\nHost: a\r\nYours: 2\r\n"
                 "X-Forwarded-Host: a\r\nConnection: close\r\n\r\n");
}

static void a_stranger_cannot_speak_for_rsp(void **state) {
    (void)state;
    struct forward_options o = usual();
    const char *text =
        "GET / HTTP/1.0\r\nX-Forwarded-For: 10.0.0.1\r\nX_Forwarded_For: 10.0.0.2\r\n"
        "Forwarded: for=1\r\nX-Request-Id: mine\r\n\r\n";
    assert_bytes(request_through(text, &o),
                 "GET / HTTP/1.1\r\nHost: \r\nX-Forwarded-For: 192.0.2.1\r\n"
                 "X-Forwarded-Proto: https\r\nX-Request-Id: id-1\r\nVia: 1.0 rsp\r\n\r\n");
}

static void a_trusted_client_is_added_to(void **state) {
    (void)state;
    struct forward_options o = usual();
    o.is_trusted = true;
    o.adds_forwarded = true;
    o.client_ip = SLICE("2001:db8::1");
    const char *text =
        "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.0.0.1\r\nX-Request-Id: mine\r\n"
        "X-Forwarded-For: 10.0.0.2\r\nX-Forwarded-Proto: http\r\nForwarded: for=x\r\n\r\n";
    assert_bytes(request_through(text, &o),
                 "GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine\r\nX-Forwarded-Proto: http\r\n"
                 "X-Forwarded-For: 10.0.0.1, 10.0.0.2, 2001:db8::1\r\nX-Forwarded-Host: a\r\n"
                 "Forwarded: for=x, for=\"[2001:db8::1]\";host=\"a\";proto=https\r\n"
                 "Via: 1.1 rsp\r\n\r\n");
}

static void framing_is_made_anew(void **state) {
    (void)state;
    struct forward_options o = {.expects_continue = true};
    const char *text =
        "PUT / HTTP/1.1\r\nContent-Length: 007\r\nHost: a\r\nExpect: 100-Continue\r\n\r\n";
    assert_bytes(request_through(text, &o), "PUT / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Host: a\r\n"
                                            "Expect: 100-continue\r\nContent-Length: 7\r\n\r\n");
    o = (struct forward_options){.is_chunked = true};
    assert_bytes(request_through(text, &o), "PUT / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Host: a\r\n"
                                            "Transfer-Encoding: chunked\r\n\r\n");
}

static void an_upgrade_is_passed_only_when_asked_for(void **state) {
    (void)state;
    struct forward_options o = {.keeps_upgrade = true};
    const char *text =
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    assert_bytes(request_through(text, &o), "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Host: a\r\n"
                                            "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    o.keeps_upgrade = false;
    assert_bytes(request_through(text, &o),
                 "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Host: a\r\n\r\n");
}

static void a_loop_is_noticed(void **state) {
    (void)state;
    struct forward_options o = usual();
    const char *thrice =
        "GET / HTTP/1.1\r\nHost: a\r\nVia: 1.1 RSP, 1.1 x\r\nVia: 1.0 rsp (c), 1.1 rsp\r\n\r\n";
    const char *often =
        "GET / HTTP/1.1\r\nHost: a\r\nVia: 1.1 rsp, 1.1 rsp, 1.1 rsp, 1.1 rsp\r\n\r\n";
    assert_false(slice_equals(request_through(thrice, &o), SLICE("loop")));
    assert_bytes(request_through(often, &o), "loop");
}

static void an_answer_gets_the_framing_that_its_client_knows(void **state) {
    (void)state;
    struct response_head out;
    struct answer_options o = {.method = METHOD_GET, .client_minor = 1, .is_persistent = true};
    const char *text = "HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\nServer: s\r\n\r\n";
    assert_bytes(answer_through(text, &o, &out),
                 "HTTP/1.1 200 Fine\r\nServer: s\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_true(out.is_persistent);
    o.client_minor = 0;
    assert_bytes(answer_through(text, &o, &out),
                 "HTTP/1.1 200 Fine\r\nServer: s\r\nConnection: close\r\n\r\n");
    assert_false(out.is_persistent);
    assert_int_equal(out.framing.kind, BODY_UNTIL_CLOSE);
    assert_bytes(answer_through("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", &o, &out),
                 "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\n");
}

static void answers_without_a_body_keep_what_they_say_of_it(void **state) {
    (void)state;
    struct response_head out;
    struct answer_options o = {.method = METHOD_HEAD, .client_minor = 1, .is_persistent = true};
    assert_bytes(answer_through("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", &o, &out),
                 "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n");
    o.method = METHOD_GET;
    assert_bytes(answer_through("HTTP/1.1 304 NM\r\nContent-Length: 3\r\n\r\n", &o, &out),
                 "HTTP/1.1 304 NM\r\nContent-Length: 3\r\n\r\n");
    assert_bytes(answer_through("HTTP/1.1 204 NC\r\nContent-Length: 0\r\n\r\n", &o, &out),
                 "HTTP/1.1 204 NC\r\n\r\n");
    assert_bytes(
        answer_through("HTTP/1.1 103 EH\r\nLink: x\r\nConnection: close\r\n\r\n", &o, &out),
        "HTTP/1.1 103 EH\r\nLink: x\r\n\r\n");
    assert_bytes(
        answer_through("HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", &o,
                       &out),
        "HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
}

// An answer that rsp makes itself has its length in the framing; a route's own fields may say it once more.
static void an_answer_has_one_length_only(void **state) {
    (void)state;
    struct response_head in = {.status = 200, .framing = {BODY_LENGTH, 3}}, out;
    struct answer_options o = {.method = METHOD_HEAD, .client_minor = 1, .is_persistent = true};
    fields_add(&in.fields, arena, FIELD_CONTENT_LENGTH, SLICE("content-length"), SLICE("5"));
    forward_response(&in, &o, arena, &out);
    assert_int_equal(out.fields.count, 1);
    assert_true(slice_equals(out.fields.at[0].value, SLICE("3")));
    in.framing.kind = BODY_NONE;
    forward_response(&in, &o, arena, &out);
    assert_int_equal(out.fields.count, 1);
    assert_true(slice_equals(out.fields.at[0].value, SLICE("5")));
}

static void trailers_never_frame_route_or_prove_anything(void **state) {
    (void)state;
    static const char *const names[] = {"Checksum",        "Authorization", "X-Forwarded-For",
                                        "x_forwarded_for", "Connection",    "Server-Timing"};
    struct fields in = {.at = NULL}, out;
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        struct slice name = slice_of(names[i]);
        fields_add(&in, arena, field_id_of(name), name, SLICE("v"));
    }
    forward_trailers(&in, arena, &out);
    assert_int_equal(out.count, 2);
    char *room = arena_alloc(arena, last_chunk_size(&out));
    char *end = last_chunk_write(room, &out);
    assert_bytes(slice_from(room, end), "0\r\nChecksum: v\r\nServer-Timing: v\r\n\r\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_goes_on_with_what_rsp_knows_of_the_client),
        cmocka_unit_test(hop_by_hop_fields_stay_here),
        cmocka_unit_test(a_stranger_cannot_speak_for_rsp),
        cmocka_unit_test(a_trusted_client_is_added_to),
        cmocka_unit_test(framing_is_made_anew),
        cmocka_unit_test(an_upgrade_is_passed_only_when_asked_for),
        cmocka_unit_test(a_loop_is_noticed),
        cmocka_unit_test(an_answer_gets_the_framing_that_its_client_knows),
        cmocka_unit_test(answers_without_a_body_keep_what_they_say_of_it),
        cmocka_unit_test(an_answer_has_one_length_only),
        cmocka_unit_test(trailers_never_frame_route_or_prove_anything),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
