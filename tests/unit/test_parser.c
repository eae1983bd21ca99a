// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// The frame of the parser: events, pieces, ends. What is refused and why stands in tests/cases.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/text.h"
#include "http/message/parser.h"

struct bench {
    struct parser *parser;
    struct arena *arena;
    struct request_head request;
    struct response_head response;
};

static int set_up(void **state) {
    static struct bench b;
    b.parser = parser_new();
    b.arena = arena_new(4096, 1 << 20);
    *state = &b;
    return 0;
}

static int tear_down(void **state) {
    struct bench *b = *state;
    parser_free(b->parser);
    arena_free(b->arena);
    return 0;
}

static void begin_request(struct bench *b) {
    parser_begin_request(b->parser, &b->request, b->arena, &REQUEST_LIMITS);
}

static void begin_response(struct bench *b, enum method answers) {
    parser_begin_response(b->parser, &b->response, answers, b->arena, &RESPONSE_LIMITS);
}

#define assert_slice(s, text) assert_true(slice_equals(s, SLICE(text)))

static void a_small_request_is_read(void **state) {
    struct bench *b = *state;
    struct slice in = SLICE("GET /a/b?c=d HTTP/1.1\r\nHost: Example.com:8080\r\nX:  y \r\n\r\n");
    struct fed fed;
    begin_request(b);
    assert_false(parser_has_begun(b->parser));
    assert_int_equal(parser_feed(b->parser, in, &fed), PARSE_HEAD);
    assert_true(parser_has_begun(b->parser));
    assert_int_equal(fed.skip, in.len);
    assert_int_equal(b->request.method, METHOD_GET);
    assert_slice(b->request.target, "/a/b?c=d");
    assert_slice(b->request.path, "/a/b");
    assert_slice(b->request.query, "c=d");
    assert_slice(b->request.authority, "Example.com:8080");
    assert_slice(b->request.host, "example.com");
    assert_int_equal(b->request.port, 8080);
    assert_int_equal(b->request.fields.count, 2);
    assert_slice(b->request.fields.at[1].value, "y");
    assert_true(b->request.is_persistent);
    assert_int_equal(b->request.framing.kind, BODY_NONE);
    assert_int_equal(parser_feed(b->parser, (struct slice){NULL, 0}, &fed), PARSE_END);
}

static void a_body_is_reported_as_spans_of_the_input(void **state) {
    struct bench *b = *state;
    struct slice in = SLICE("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhelloGET");
    struct fed fed;
    begin_request(b);
    assert_int_equal(parser_feed(b->parser, in, &fed), PARSE_HEAD);
    assert_int_equal(parser_body_left(b->parser), 5);
    in = slice_skip(in, fed.skip);
    assert_int_equal(parser_feed(b->parser, in, &fed), PARSE_BODY);
    assert_int_equal(fed.skip, 0);
    assert_int_equal(fed.body, 5);
    in = slice_skip(in, fed.body);
    assert_int_equal(parser_feed(b->parser, in, &fed), PARSE_END);
    assert_int_equal(fed.skip, 0); // the next request stays in the input
}

static void chunks_and_trailers_are_taken_apart(void **state) {
    struct bench *b = *state;
    struct slice in = SLICE("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                            "5;a=b\r\nhello\r\nA\r\n0123456789\r\n0\r\nChecksum: 1\r\n\r\nX");
    struct fed fed;
    begin_response(b, METHOD_GET);
    assert_int_equal(parser_feed(b->parser, in, &fed), PARSE_HEAD);
    in = slice_skip(in, fed.skip);
    assert_int_equal(parser_feed(b->parser, in, &fed), PARSE_BODY);
    assert_int_equal(fed.skip, 7);
    assert_int_equal(fed.body, 5);
    in = slice_skip(in, 12);
    assert_int_equal(parser_feed(b->parser, in, &fed), PARSE_BODY);
    assert_int_equal(fed.skip, 5);
    assert_int_equal(fed.body, 10);
    in = slice_skip(in, 15);
    assert_int_equal(parser_feed(b->parser, in, &fed), PARSE_END);
    assert_slice(slice_skip(in, fed.skip), "X");
    assert_int_equal(parser_trailers(b->parser)->count, 1);
    assert_slice(parser_trailers(b->parser)->at[0].value, "1");
}

static void a_head_fed_byte_by_byte_is_the_same(void **state) {
    struct bench *b = *state;
    struct slice in = SLICE("\r\nGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    struct fed fed;
    begin_request(b);
    for (size_t i = 0; i + 1 < in.len; i++) {
        struct slice byte = {in.at + i, 1};
        assert_int_equal(parser_feed(b->parser, byte, &fed), PARSE_MORE);
        assert_int_equal(fed.skip, 1);
    }
    assert_int_equal(parser_feed(b->parser, SLICE("\n"), &fed), PARSE_HEAD);
    assert_false(b->request.is_persistent);
    assert_int_equal(b->request.fields.count, 2);
}

static void an_end_of_file_is_judged_by_where_it_comes(void **state) {
    struct bench *b = *state;
    struct fed fed;
    begin_request(b);
    assert_int_equal(parser_feed_end(b->parser), PARSE_MORE);
    assert_int_equal(parser_feed(b->parser, SLICE("GET"), &fed), PARSE_MORE);
    assert_int_equal(parser_feed_end(b->parser), PARSE_REFUSED);
    assert_int_equal(parser_refusal(b->parser), REFUSE_CUT);

    begin_response(b, METHOD_GET);
    assert_int_equal(parser_feed(b->parser, SLICE("HTTP/1.0 200 OK\r\n\r\n"), &fed), PARSE_HEAD);
    assert_int_equal(b->response.framing.kind, BODY_UNTIL_CLOSE);
    assert_int_equal(parser_feed(b->parser, SLICE("abc"), &fed), PARSE_BODY);
    assert_int_equal(parser_feed_end(b->parser), PARSE_END);

    begin_response(b, METHOD_GET);
    struct slice in = SLICE("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
    assert_int_equal(parser_feed(b->parser, in, &fed), PARSE_HEAD);
    assert_int_equal(parser_feed(b->parser, SLICE("abc"), &fed), PARSE_BODY);
    assert_int_equal(parser_feed_end(b->parser), PARSE_REFUSED);
}

static void a_body_moved_past_the_parser_is_counted(void **state) {
    struct bench *b = *state;
    struct fed fed;
    begin_response(b, METHOD_GET);
    struct slice in = SLICE("HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n");
    assert_int_equal(parser_feed(b->parser, in, &fed), PARSE_HEAD);
    parser_skip_body(b->parser, 399);
    assert_int_equal(parser_body_left(b->parser), 1);
    parser_skip_body(b->parser, 1);
    assert_int_equal(parser_feed(b->parser, (struct slice){NULL, 0}, &fed), PARSE_END);
}

// The first line of a request with that many bytes, then fields with that many, then the end.
static enum refusal verdict_on(struct bench *b, size_t line_bytes, unsigned fields, size_t value) {
    struct text t;
    struct fed fed;
    text_init(&t, 1 << 17);
    text_add(&t, SLICE("GET /"));
    while (t.len < line_bytes - 9) text_add_char(&t, 'a');
    text_add(&t, SLICE(" HTTP/1.1\r\nHost: x\r\n"));
    for (unsigned i = 1; i < fields; i++) {
        text_add(&t, SLICE("A: "));
        for (size_t n = 0; n < value; n++) text_add_char(&t, 'b');
        text_add(&t, SLICE("\r\n"));
    }
    text_add(&t, SLICE("\r\n"));
    begin_request(b);
    enum parse_event event = parser_feed(b->parser, text_slice(&t), &fed);
    text_fini(&t);
    assert_true(event == PARSE_HEAD || event == PARSE_REFUSED);
    return parser_refusal(b->parser);
}

static void the_usual_limits_of_a_request_hold(void **state) {
    struct bench *b = *state;
    assert_int_equal(verdict_on(b, 16384, 1, 0), REFUSE_NONE);
    assert_int_equal(verdict_on(b, 16385, 1, 0), REFUSE_LINE_TOO_LONG);
    assert_int_equal(verdict_on(b, 14, 100, 0), REFUSE_NONE);
    assert_int_equal(verdict_on(b, 14, 101, 0), REFUSE_TOO_MANY_FIELDS);
    size_t most =
        32768 - 14 - 2 - 9 - 5 - 2; // the line, the Host field, the rest of a second field, the end
    assert_int_equal(verdict_on(b, 14, 2, most), REFUSE_NONE);
    assert_int_equal(verdict_on(b, 14, 2, most + 1), REFUSE_HEAD_TOO_LARGE);
    assert_int_equal(refusal_status(REFUSE_LINE_TOO_LONG), 414);
    assert_int_equal(refusal_status(REFUSE_HEAD_TOO_LARGE), 431);
}

// Wrapped by the linker.
static unsigned allocations;
void *__real_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes) {
    allocations++;
    return __real_malloc(bytes);
}

static void feeding_allocates_nothing_but_from_the_arena(void **state) {
    struct bench *b = *state;
    struct slice in = SLICE("POST /a HTTP/1.1\r\nHost: X.example\r\nTransfer-Encoding: chunked\r\n"
                            "Accept: */*\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n");
    unsigned before = allocations;
    arena_free(arena_new(64, 64));
    assert_true(allocations > before); // they are counted
    before = allocations;
    begin_request(b);
    for (size_t at = 0; at < in.len;) {
        struct fed fed;
        enum parse_event event = parser_feed(b->parser, (struct slice){in.at + at, 1}, &fed);
        assert_true(event != PARSE_REFUSED);
        at += fed.skip + fed.body;
    }
    assert_int_equal(allocations, before);
}

static void this_llhttp_is_strict_enough(void **state) {
    (void)state;
    assert_null(parser_check_llhttp());
    assert_non_null(strchr(parser_llhttp_version(), '('));
}

static void a_canary_is_not_refused_for_nothing(void **state) {
    (void)state;
    assert_true(parser_llhttp_accepts(true, SLICE("GET / HTTP/1.1\r\nHost: x\r\n\r\n")));
    assert_true(parser_llhttp_accepts(
        false, SLICE("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_small_request_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_body_is_reported_as_spans_of_the_input, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(chunks_and_trailers_are_taken_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_head_fed_byte_by_byte_is_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_end_of_file_is_judged_by_where_it_comes, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_body_moved_past_the_parser_is_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_usual_limits_of_a_request_hold, set_up, tear_down),
        cmocka_unit_test_setup_teardown(feeding_allocates_nothing_but_from_the_arena, set_up,
                                        tear_down),
        cmocka_unit_test(this_llhttp_is_strict_enough),
        cmocka_unit_test(a_canary_is_not_refused_for_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
