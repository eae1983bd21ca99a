// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/scene.h"

#define ROUTES "listen { http = '127.0.0.1:1' }\nsite '*' { to = '127.0.0.1:$PORT' }\n"
#define QUICK_ROUTES                                                                               \
    "listen { http = '127.0.0.1:1', timeout = { head = '80ms' } }\n"                               \
    "site '*' { to = '127.0.0.1:$PORT',\n"                                                         \
    "  timeout = { connect = '80ms', first_byte = '80ms', between_bytes = '80ms', body_idle = "    \
    "'80ms' } }\n"

static const struct slice GET = SLICE_INIT("GET /a?b=1 HTTP/1.1\r\nHost: site.example\r\n\r\n");
static const struct slice POST = SLICE_INIT(
    "POST /form HTTP/1.1\r\nHost: site.example\r\nContent-Length: 11\r\n\r\nhello world");
static const struct slice ANSWER = SLICE_INIT("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
static const struct slice CHUNKED = SLICE_INIT(
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n");

static const struct scene_script PLAIN = {
    .answer = SLICE_INIT("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    .cut_after = SIZE_MAX};

static void a_request_is_answered_and_the_connection_kept(void **state) {
    (void)state;
    struct scene s;
    scene_init(&s, ROUTES, &PLAIN);
    scene_connect(&s);
    for (int i = 1; i <= 3; i++) {
        text_clear(&s.got);
        scene_send(&s, GET);
        scene_run(&s, 40, 1000);
        assert_true(scene_got(&s, "HTTP/1.1 200 OK\r\n"));
        assert_true(scene_got(&s, "\r\n\r\nhello"));
        assert_int_equal(s.requests, i);
    }
    assert_int_equal(s.accepted, 1); // the backend's connection was kept, too
    scene_turn(&s);
    assert_int_equal(scene_log_lines(&s), 3);
    scene_fini(&s);
}

static void pipelined_requests_are_answered_in_order(void **state) {
    (void)state;
    struct scene s;
    scene_init(
        &s,
        "listen { http = '127.0.0.1:1' }\nsite '*' { paths = {\n"
        "['/own'] = { respond = { 200, 'own answer' } }, ['/*'] = { to = '127.0.0.1:$PORT' } } }",
        &PLAIN);
    scene_connect(&s);
    scene_send(&s, SLICE("GET /x HTTP/1.1\r\nHost: h\r\n\r\nGET /own HTTP/1.1\r\nHost: h\r\n\r\n"
                         "GET /y HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
    scene_run(&s, SIZE_MAX, 2000);
    assert_true(s.client_ended);
    const char *first = memmem(s.got.at, s.got.len, "hello", 5);
    assert_non_null(first);
    const char *own = memmem(first, (size_t)(s.got.at + s.got.len - first), "own answer", 10);
    assert_non_null(own);
    assert_non_null(memmem(own, (size_t)(s.got.at + s.got.len - own), "hello", 5));
    assert_int_equal(s.requests, 2);
    scene_fini(&s);
}

static void an_answer_in_chunks_arrives_in_chunks(void **state) {
    (void)state;
    struct scene s;
    struct scene_script script = {.answer = CHUNKED, .cut_after = SIZE_MAX, .piece = 1};
    scene_init(&s, ROUTES, &script);
    scene_connect(&s);
    scene_send(&s, GET);
    for (int i = 0; i < 1000 && !scene_got(&s, "0\r\n\r\n"); i++) scene_turn(&s);
    assert_true(scene_got(&s, "Transfer-Encoding: chunked\r\n"));
    assert_true(scene_got(&s, "0\r\n\r\n"));
    assert_false(s.client_ended);
    scene_fini(&s);
}

static void a_client_of_http_1_0_gets_a_body_until_close(void **state) {
    (void)state;
    struct scene s;
    struct scene_script script = {.answer = CHUNKED, .cut_after = SIZE_MAX};
    scene_init(&s, ROUTES, &script);
    scene_connect(&s);
    scene_send(&s, SLICE("GET / HTTP/1.0\r\n\r\n"));
    scene_run(&s, SIZE_MAX, 1000);
    assert_true(s.client_ended);
    assert_false(scene_got(&s, "chunked"));
    assert_true(scene_got(&s, "\r\n\r\nhello world"));
    scene_fini(&s);
}

// "Every way to die", the client: cut after each byte of a request with a body.
static void a_client_may_leave_after_any_byte(void **state) {
    (void)state;
    struct scene s;
    struct scene_script script = PLAIN;
    script.is_silent = true;
    scene_init(&s, ROUTES, &script);
    unsigned lines = 0;
    for (size_t n = 1; n <= POST.len; n++) {
        scene_connect(&s);
        scene_send(&s, (struct slice){POST.at, n});
        for (int i = 0; i < 4; i++) scene_turn(&s);
        scene_close_client(&s);
        assert_true(scene_settle(&s, 1000));
        assert_int_equal(scene_log_lines(&s), ++lines);
    }
    assert_true(scene_log_has(&s, "CLIENT_GONE"));
    scene_fini(&s);
}

// The backend: cut after each byte of an answer. Whatever came, the client never takes a part for the whole.
static void a_backend_may_leave_after_any_byte(void **state) {
    (void)state;
    const struct slice answers[] = {ANSWER, CHUNKED};
    for (unsigned a = 0; a < 2; a++) {
        struct scene s;
        struct scene_script script = {.answer = answers[a]};
        scene_init(&s, ROUTES, &script);
        for (size_t n = 0; n < answers[a].len; n++) {
            s.script.cut_after = n;
            scene_connect(&s);
            scene_send(&s, GET);
            for (int i = 0; i < 200 && !s.client_ended && !scene_got(&s, "Gateway: "); i++)
                scene_run(&s, SIZE_MAX, 30);
            bool is_whole = scene_got(&s, "0\r\n\r\n") || scene_got(&s, "\r\n\r\nhello");
            bool is_502 = scene_got(&s, "HTTP/1.1 502 ");
            if (is_502) assert_true(scene_got(&s, "502 Bad Gateway: "));
            assert_true(is_502 || s.client_ended);
            if (!is_502 && is_whole && a == 0) fail_msg("a cut answer looks whole (%zu)", n);
            scene_close_client(&s);
            assert_true(scene_settle(&s, 1000));
            assert_int_equal(scene_log_lines(&s), n + 1);
        }
        scene_fini(&s);
    }
}

// Each limit passes at its step: the reason stands in the log, once.
static void each_limit_ends_its_step(void **state) {
    (void)state;
    static const struct {
        struct slice request;
        struct scene_script script;
        const char *reason, *status;
    } rows[] = {
        {SLICE_INIT("GET / HTTP/1.1\r\nHos"), {.is_silent = true}, "HEAD_TIMEOUT", "HTTP/1.1 408 "},
        {SLICE_INIT("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc"),
         {.is_silent = true},
         "BODY_TIMEOUT",
         "HTTP/1.1 408 "},
        {SLICE_INIT("GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
         {.is_silent = true},
         "BACKEND_TIMEOUT",
         "HTTP/1.1 504 "},
        {SLICE_INIT("GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
         {.answer = SLICE_INIT("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"),
          .cut_after = SIZE_MAX},
         "ANSWER_STALLED",
         "HTTP/1.1 200 "},
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct scene s;
        scene_init(&s, QUICK_ROUTES, &rows[i].script);
        scene_connect(&s);
        scene_send(&s, rows[i].request);
        for (int t = 0; t < 1000 && scene_log_lines(&s) == 0; t++) scene_turn(&s);
        scene_run(&s, SIZE_MAX, 50);
        assert_true(scene_log_has(&s, rows[i].reason));
        assert_true(scene_got(&s, rows[i].status));
        assert_int_equal(scene_log_lines(&s), 1);
        scene_fini(&s);
    }
}

static void a_dead_backend_is_followed_by_the_next(void **state) {
    (void)state;
    struct scene s;
    scene_init(&s,
               "listen { http = '127.0.0.1:1' }\n"
               "site '*' { to = pool 'p' { '127.0.0.1:$DEAD', '127.0.0.1:$PORT' } }",
               &PLAIN);
    scene_connect(&s);
    for (int i = 1; i <= 4; i++) {
        text_clear(&s.got);
        scene_send(&s, POST); // nothing was sent: any method may be tried again
        scene_run(&s, 40, 1000);
        assert_true(scene_got(&s, "HTTP/1.1 200 OK\r\n"));
    }
    assert_int_equal(s.requests, 4);
    assert_true(scene_log_has(&s, "tries=2"));
    scene_fini(&s);
}

// After the first refusal the others are asked first: four requests cost one failed attempt, not two.
static void a_backend_that_refused_is_left_alone_for_a_while(void **state) {
    (void)state;
    struct scene s;
    scene_init(&s,
               "listen { http = '127.0.0.1:1' }\n"
               "site '*' { to = pool 'p' { '127.0.0.1:$DEAD', '127.0.0.1:$PORT' } }",
               &PLAIN);
    scene_connect(&s);
    for (int i = 1; i <= 6; i++) {
        text_clear(&s.got);
        scene_send(&s, GET);
        scene_run(&s, 40, 1000);
        assert_true(scene_got(&s, "HTTP/1.1 200 OK\r\n"));
    }
    assert_int_equal(s.counters.at[COUNT_RETRIES], 1);
    scene_fini(&s);
}

static void without_a_living_backend_the_answer_is_502_with_a_reason(void **state) {
    (void)state;
    struct scene s;
    scene_init(&s, "listen { http = '127.0.0.1:1' }\nsite '*' { to = '127.0.0.1:$DEAD' }", &PLAIN);
    scene_connect(&s);
    scene_send(&s, GET);
    scene_run(&s, 40, 1000);
    assert_true(scene_got(&s, "HTTP/1.1 502 "));
    assert_true(scene_log_has(&s, "reason=CONNECT"));
    scene_fini(&s);
}

static void what_a_site_says_when_it_is_down_is_answered_and_the_reason_logged(void **state) {
    (void)state;
    struct scene s;
    scene_init(&s,
               "listen { http = '127.0.0.1:1' }\nsite '*' { to = '127.0.0.1:$DEAD', down = { 503, "
               "'<p>Back soon', ['Content-Type'] = 'text/html', ['Retry-After'] = '60' } }",
               &PLAIN);
    scene_connect(&s);
    scene_send(&s, GET);
    scene_run(&s, 40, 1000);
    assert_true(scene_got(&s, "HTTP/1.1 503 "));
    assert_true(scene_got(&s, "\r\nContent-Type: text/html\r\n"));
    assert_true(scene_got(&s, "\r\nRetry-After: 60\r\n"));
    assert_true(scene_got(&s, "\r\n\r\n<p>Back soon"));
    assert_true(scene_log_has(&s, "reason=CONNECT"));
    scene_fini(&s);
}

// The backend closes an idle connection just as it is used: a GET goes again on a fresh one, a POST is not sent twice.
static void a_listener_has_limits_of_its_own(void **state) {
    (void)state;
    struct scene s;
    scene_init(&s,
               "listen { http = '127.0.0.1:1', limits = { line = '256b', fields = 8 } }\n"
               "site '*' { respond = { 200, 'ok' } }",
               &PLAIN);
    char request[600];
    scene_connect(&s);
    scene_send(&s, (struct slice){request,
                                  (size_t)snprintf(request, sizeof(request),
                                                   "GET /%0300d HTTP/1.1\r\nHost: h\r\n\r\n", 0)});
    scene_run(&s, SIZE_MAX, 500);
    assert_true(scene_got(&s, "HTTP/1.1 414 "));
    scene_connect(&s);
    scene_send(&s,
               SLICE("GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nA: 2\r\nA: 3\r\nA: 4\r\nA: 5\r\nA: 6\r\n"
                     "A: 7\r\nA: 8\r\n\r\n"));
    scene_run(&s, SIZE_MAX, 500);
    assert_true(scene_got(&s, "HTTP/1.1 431 "));
    scene_fini(&s);
}

static void a_lost_post_is_not_sent_twice(void **state) {
    (void)state;
    struct scene s;
    scene_init(&s, ROUTES, &PLAIN);
    scene_connect(&s);
    scene_send(&s, GET);
    scene_run(&s, 40, 1000);
    s.script.cut_after = 0; // from now on: reads the request, closes without a byte
    text_clear(&s.got);
    scene_send(&s, SLICE("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"));
    scene_run(&s, 40, 1000);
    assert_true(scene_got(&s, "HTTP/1.1 502 "));
    assert_true(scene_log_has(&s, "reason=BACKEND_STALE"));
    assert_int_equal(s.requests, 2);
    scene_fini(&s);
}

static void a_tunnel_carries_both_ways_until_both_end(void **state) {
    (void)state;
    struct scene s;
    struct scene_script script = {.answer =
                                      SLICE_INIT("HTTP/1.1 101 Switching Protocols\r\nConnection: "
                                                 "Upgrade\r\nUpgrade: echo\r\n\r\nearly"),
                                  .cut_after = SIZE_MAX};
    scene_init(&s, ROUTES, &script);
    scene_connect(&s);
    scene_send(
        &s,
        SLICE("GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nfirst"));
    for (int i = 0; i < 500 && !scene_got(&s, "early"); i++) scene_turn(&s);
    assert_true(scene_got(&s, "HTTP/1.1 101 "));
    assert_true(scene_got(&s, "\r\n\r\nearly"));
    assert_int_equal(scene_log_lines(&s), 0);
    scene_end_client(&s);
    scene_run(&s, SIZE_MAX, 1000);
    assert_true(scene_settle(&s, 1000) || s.client_ended);
    assert_int_equal(scene_log_lines(&s), 1);
    scene_fini(&s);
}

static void nothing_is_left_after_many_exchanges(void **state) {
    (void)state;
    struct scene s;
    scene_init(&s, ROUTES, &PLAIN);
    scene_connect(&s);
    scene_send(&s, GET);
    scene_run(&s, 40, 1000);
    unsigned before = scene_open_descriptors();
    for (int i = 0; i < 300; i++) {
        scene_connect(&s);
        scene_send(&s, i % 3 ? GET : (struct slice){POST.at, POST.len - 3});
        for (int t = 0; t < 3; t++) scene_turn(&s);
    }
    scene_close_client(&s);
    assert_true(scene_settle(&s, 2000));
    assert_true(scene_open_descriptors() <= before + 8); // idle backend connections
    scene_fini(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_answered_and_the_connection_kept),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(an_answer_in_chunks_arrives_in_chunks),
        cmocka_unit_test(a_client_of_http_1_0_gets_a_body_until_close),
        cmocka_unit_test(a_client_may_leave_after_any_byte),
        cmocka_unit_test(a_backend_may_leave_after_any_byte),
        cmocka_unit_test(each_limit_ends_its_step),
        cmocka_unit_test(a_dead_backend_is_followed_by_the_next),
        cmocka_unit_test(a_backend_that_refused_is_left_alone_for_a_while),
        cmocka_unit_test(without_a_living_backend_the_answer_is_502_with_a_reason),
        cmocka_unit_test(what_a_site_says_when_it_is_down_is_answered_and_the_reason_logged),
        cmocka_unit_test(a_listener_has_limits_of_its_own),
        cmocka_unit_test(a_lost_post_is_not_sent_twice),
        cmocka_unit_test(a_tunnel_carries_both_ways_until_both_end),
        cmocka_unit_test(nothing_is_left_after_many_exchanges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
