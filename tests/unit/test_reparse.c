// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// Generated heads through the same checks that the fuzz target tests/fuzz/forward.c makes: what is forwarded parses again and means the same.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/text.h"
#include "http/message/parser.h"
#include "tests/fuzz/fuzz.h"

enum { HEADS = 3000, FIELDS_MAX = 12 };

static uint64_t seed;

// xorshift64: the same heads in each run.
static unsigned random_below(unsigned n) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 33) % n;
}

#define ONE_OF(list) (list)[random_below(sizeof(list) / sizeof *(list))]

static const char *const METHODS[] = {"GET", "POST", "HEAD", "OPTIONS", "DELETE", "BREW", "m-x"};
static const char *const TARGETS[] = {
    "/",      "/a/b?c=d", "/?",  "http://h.example:81/x?y", "https://A.example", "//a/%2e%2E/",
    "/a|b?%", "/a?b?c",   "/~x", "http://[::1]:8080?q"};
static const char *const FRAMINGS[] = {"", "", "Content-Length: 12\r\n", "Content-Length: 000\r\n",
                                       "Transfer-Encoding: CHUNKED\r\n"};
static const char *const NAMES[] = {"Accept",
                                    "Connection",
                                    "connection",
                                    "Cookie",
                                    "Expect",
                                    "Forwarded",
                                    "Keep-Alive",
                                    "TE",
                                    "Trailer",
                                    "Upgrade",
                                    "Via",
                                    "X-Forwarded-For",
                                    "X-Request-Id",
                                    "x_forwarded_for",
                                    "X-Mine",
                                    "x-mine",
                                    "Proxy-Connection",
                                    "Server",
                                    "Authorization",
                                    "Content_Length",
                                    "HTTP2-Settings",
                                    "X-Forwarded-Proto",
                                    "A"};
static const char *const VALUES[] = {"",
                                     "a",
                                     "  a, b ,, c\t",
                                     "close",
                                     "keep-alive, x-mine",
                                     "upgrade",
                                     "websocket",
                                     "h2c, x",
                                     "\xe9",
                                     "\"a, b\"",
                                     "100-continue",
                                     "1.1 rsp, 1.0 x (rsp)",
                                     "a;b=\"",
                                     "5",
                                     "chunked",
                                     "trailers",
                                     "10.0.0.1, unknown"};

static void add_fields(struct text *out) {
    for (unsigned n = random_below(FIELDS_MAX); n > 0; n--) {
        const char *name = ONE_OF(NAMES), *value = ONE_OF(VALUES);
        text_printf(out, "%s:%s%s\r\n", name, random_below(2) ? " " : "", value);
    }
}

static void generate_request(struct text *out) {
    int minor = random_below(4) > 0;
    text_printf(out, "%s %s HTTP/1.%d\r\n", ONE_OF(METHODS), ONE_OF(TARGETS), minor);
    add_fields(out);
    if (minor == 1 || random_below(2)) text_add(out, SLICE("Host: H.example:8080\r\n"));
    add_fields(out);
    text_printf(out, "%s\r\n", minor == 1 ? ONE_OF(FRAMINGS) : "");
}

static void generate_answer(struct text *out) {
    static const int statuses[] = {200, 204, 304, 404, 100, 103, 101, 426, 500, 799};
    static const char *const reasons[] = {"", " ", " OK", " a  b ", " \xe9"};
    text_printf(out, "HTTP/1.1 %d%s\r\n", ONE_OF(statuses), ONE_OF(reasons));
    add_fields(out);
    text_printf(out, "%s\r\n", ONE_OF(FRAMINGS));
}

static bool is_accepted(struct slice in, bool is_request) {
    struct parser *p = parser_new();
    struct arena *a = arena_new(4096, 1 << 20);
    struct request_head request;
    struct response_head response;
    struct fed fed;
    if (is_request)
        parser_begin_request(p, &request, a, &REQUEST_LIMITS);
    else
        parser_begin_response(p, &response, METHOD_GET, a, &RESPONSE_LIMITS);
    bool is_head = parser_feed(p, in, &fed) == PARSE_HEAD;
    arena_free(a);
    parser_free(p);
    return is_head;
}

static void check_generated(bool is_request) {
    struct text out;
    unsigned accepted = 0;
    text_init(&out, 1 << 16);
    seed = 88172645463325252u;
    for (int i = 0; i < HEADS; i++) {
        text_clear(&out);
        text_add_char(&out, (char)random_below(64));
        text_add_char(&out, is_request ? 0 : 1);
        if (is_request)
            generate_request(&out);
        else
            generate_answer(&out);
        struct slice all = text_slice(&out);
        assert_int_equal(LLVMFuzzerTestOneInput((const uint8_t *)all.at, all.len), 0);
        accepted += is_accepted(slice_skip(all, 2), is_request);
    }
    text_fini(&out);
    assert_true(accepted > HEADS / 4); // else this test would prove little
}

static void forwarded_requests_parse_again_and_mean_the_same(void **state) {
    (void)state;
    check_generated(true);
}

static void forwarded_answers_parse_again_and_mean_the_same(void **state) {
    (void)state;
    check_generated(false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forwarded_requests_parse_again_and_mean_the_same),
        cmocka_unit_test(forwarded_answers_parse_again_and_mean_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
