// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/scene.h"

// Bodies in both directions: where they end, what is refused, and what an answer means that comes before its request is whole.

#define ROUTES "listen { http = '127.0.0.1:1' }\nsite '*' { to = '127.0.0.1:$PORT' }\n"
#define OK_5   "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static const struct slice GET = SLICE_INIT("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
static const struct scene_script PLAIN = {.answer = SLICE_INIT(OK_5), .cut_after = SIZE_MAX};

static struct scene_script script_of(const char *answer) {
    return (struct scene_script){.answer = slice_of(answer), .cut_after = SIZE_MAX};
}

// A head and a body of `bytes` to be freed.
static struct slice long_message(const char *head, size_t bytes) {
    char *all = malloc(strlen(head) + bytes);
    memcpy(all, head, strlen(head));
    memset(all + strlen(head), 'x', bytes);
    return (struct slice){all, strlen(head) + bytes};
}

// Sends as much as there is room for, without waiting.
static size_t send_some(struct scene *s, struct slice bytes) {
    size_t sent = 0;
    for (int i = 0; i < 50 && sent < bytes.len; i++) {
        ssize_t n = wire_write(&s->client, slice_skip(bytes, sent));
        if (n > 0) sent += (size_t)n;
        scene_turn(s);
    }
    return sent;
}

static void a_client_that_still_sends_can_read_an_early_answer(void **state) {
    (void)state;
    struct scene s;
    struct scene_script script = script_of("HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno");
    scene_init(&s, ROUTES, &script);
    scene_connect(&s);
    scene_send(&s, SLICE("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999\r\n\r\nsome"));
    assert_true(scene_await(&s, "\r\n\r\nno", 1000));
    assert_true(scene_got(&s, "Connection: close\r\n"));
    struct slice more = long_message("", 90000);
    scene_send(&s, more); // what still comes is read and dropped: a reset could destroy the answer
    scene_turns(&s, 5);
    assert_false(s.was_reset);
    scene_close_client(&s);
    assert_true(scene_settle(&s, 1000));
    assert_int_equal(scene_log_lines(&s), 1);
    assert_true(scene_log_has(&s, "reason=- "));
    free((char *)more.at);
    scene_fini(&s);
}

static void a_long_answer_passes_a_backend_that_does_not_read(void **state) {
    (void)state;
    struct scene s;
    struct slice answer =
        long_message("HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n", 3000000);
    struct slice request =
        long_message("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 8000000\r\n\r\n", 8000000);
    struct scene_script script = {.answer = answer, .cut_after = SIZE_MAX, .reads = 1000};
    scene_init(&s,
               "listen { http = '127.0.0.1:1' }\nsite '*' { to = '127.0.0.1:$PORT',\n"
               "timeout = { between_bytes = '150ms', body_idle = '150ms' } }",
               &script);
    s.script.piece = 20000; // slowly: the body is held for longer than any limit
    scene_connect(&s);
    size_t sent = send_some(&s, request);
    assert_true(sent < 8000000);
    scene_run(&s, answer.len, 5000);
    assert_true(s.got.len >= answer.len);
    scene_close_client(&s);
    assert_true(scene_settle(&s, 1000));
    assert_true(scene_log_has(&s, "reason=- "));
    free((char *)answer.at);
    free((char *)request.at);
    scene_fini(&s);
}

static void what_a_backend_said_before_it_closed_on_a_body_is_passed_on(void **state) {
    (void)state;
    struct scene s;
    struct slice request =
        long_message("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 8000000\r\n\r\n", 8000000);
    struct scene_script script = script_of("HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno");
    script.reads = 1000;
    script.closes = true; // with bytes unread, which makes it a reset
    scene_init(&s, ROUTES, &script);
    scene_connect(&s);
    (void)send_some(&s, request);
    assert_true(scene_await(&s, "\r\n\r\nno", 1000));
    free((char *)request.at);
    scene_fini(&s);
}

static const struct slice EXPECTING =
    SLICE_INIT("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
               "Expect: 100-continue\r\n\r\n");

static void a_client_that_waits_for_100_gets_it_and_sends_its_body(void **state) {
    (void)state;
    struct scene s;
    struct scene_script script = script_of("HTTP/1.1 100 Continue\r\n\r\n");
    scene_init(&s, ROUTES, &script);
    scene_connect(&s);
    for (unsigned i = 1; i <= 2; i++) {
        s.script = script;
        text_clear(&s.got);
        scene_send(&s, EXPECTING);
        assert_true(scene_await(&s, "HTTP/1.1 100 Continue\r\n", 1000));
        s.script = PLAIN;
        s.script.request_bytes = 5;
        scene_send(&s, SLICE("12345"));
        assert_true(scene_await(&s, "\r\n\r\nhello", 1000));
        assert_false(scene_got(&s, "Connection: close"));
    }
    assert_int_equal(s.accepted, 1);
    scene_fini(&s);
}

static void a_client_that_expects_100_need_not_wait_for_it(void **state) {
    (void)state;
    struct scene s;
    struct scene_script script = PLAIN;
    script.request_bytes = SIZE_MAX;
    scene_init(&s, ROUTES, &script);
    scene_connect(&s);
    scene_send(&s, EXPECTING);
    scene_turns(&s, 5);
    size_t head_bytes = s.backends[0].received.len;
    assert_true(head_bytes > 0);
    s.script.request_bytes = head_bytes + 5;
    scene_send(&s, SLICE("12345"));
    assert_true(scene_await(&s, "\r\n\r\nhello", 1000));
    assert_false(scene_got(&s, "Connection: close"));
    scene_fini(&s);
}

// Whether the body will come nobody can say, so the connection is not used again.
static void a_final_answer_instead_of_100_closes_the_connection(void **state) {
    (void)state;
    struct scene s;
    struct scene_script script = script_of("HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n");
    scene_init(&s,
               "listen { http = '127.0.0.1:1' }\nsite 'h' { to = '127.0.0.1:$PORT' }\n"
               "site 'own' { respond = { 401, 'no' } }",
               &script);
    scene_connect(&s);
    scene_send(&s, EXPECTING);
    assert_true(scene_await(&s, "HTTP/1.1 417 No\r\n", 1000));
    assert_true(scene_await(&s, "Connection: close\r\n", 1000));
    scene_connect(&s);
    scene_send(&s, SLICE("PUT / HTTP/1.1\r\nHost: own\r\nContent-Length: 5\r\n"
                         "Expect: 100-continue\r\n\r\n"));
    assert_true(scene_await(&s, "HTTP/1.1 401 ", 1000));
    assert_true(scene_got(&s, "Connection: close\r\n"));
    scene_close_client(&s);
    assert_true(scene_settle(&s, 1000));
    assert_int_equal(scene_log_lines(&s), 2);
    scene_fini(&s);
}

static void a_broken_chunk_is_refused_at_once(void **state) {
    (void)state;
    struct scene s;
    struct scene_script script = {.is_silent = true};
    scene_init(&s, ROUTES, &script);
    scene_connect(&s);
    scene_send(&s, SLICE("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"));
    assert_true(scene_await(&s, "HTTP/1.1 400 ", 1000));
    assert_true(scene_got(&s, "Connection: close\r\n"));
    assert_int_equal(scene_log_lines(&s), 1);
    scene_fini(&s);
}

#define MAX_10                                                                                     \
    "listen { http = '127.0.0.1:1' }\n"                                                            \
    "site '*' { to = '127.0.0.1:$PORT', limits = { body = '10b' } }"
#define CHUNKED_POST "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"

static void a_body_may_be_as_long_as_its_maximum(void **state) {
    (void)state;
    struct scene s;
    struct scene_script script = PLAIN;
    scene_init(&s, MAX_10, &script);
    scene_connect(&s);
    scene_send(&s, SLICE(CHUNKED_POST "5\r\n12345\r\n5\r\n12345\r\n0\r\n\r\n"));
    assert_true(scene_await(&s, "\r\n\r\nhello", 1000));
    text_clear(&s.got);
    scene_send(&s, SLICE("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n1234512345"));
    assert_true(scene_await(&s, "\r\n\r\nhello", 1000));
    scene_fini(&s);
}

static void a_body_that_is_too_long_never_reaches_the_backend_whole(void **state) {
    (void)state;
    struct scene s;
    struct scene_script script = {.is_silent = true};
    scene_init(&s, MAX_10, &script);
    scene_connect(&s);
    scene_send(&s, SLICE("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n12345123451"));
    assert_true(scene_await(&s, "HTTP/1.1 413 ", 1000));
    assert_int_equal(s.accepted, 0);
    scene_connect(&s);
    scene_send(&s, SLICE(CHUNKED_POST "5\r\n12345\r\n6\r\n123456\r\n0\r\n\r\n"));
    scene_send(&s, SLICE("GET /next HTTP/1.1\r\nHost: h\r\n\r\n"));
    assert_true(scene_await(&s, "HTTP/1.1 413 ", 1000));
    for (unsigned i = 0; i < SCENE_BACKENDS; i++) {
        const struct text *seen = &s.backends[i].received;
        if (s.backends[i].wire.fd < 0 || seen->len == 0) continue;
        assert_null(memmem(seen->at, seen->len, "0\r\n\r\n", 5));
    }
    assert_true(scene_log_has(&s, "reason=BODY_TOO_LARGE"));
    scene_fini(&s);
}

static void the_connection_is_kept_when_a_whole_request_has_failed(void **state) {
    (void)state;
    struct scene s;
    struct scene_script script = PLAIN;
    script.cut_after = 0;
    scene_init(&s, ROUTES, &script);
    scene_connect(&s);
    scene_send(&s, SLICE("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"));
    assert_true(scene_await(&s, "HTTP/1.1 502 ", 1000));
    assert_false(scene_got(&s, "Connection: close"));
    s.script = PLAIN;
    scene_send(&s, GET);
    assert_true(scene_await(&s, "\r\n\r\nhello", 1000));
    assert_false(s.client_ended);
    scene_fini(&s);
}

static void pipelined_requests_keep_their_own_bodies(void **state) {
    (void)state;
    struct scene s;
    scene_init(&s, ROUTES, &PLAIN);
    scene_connect(&s);
    scene_send(&s, SLICE(CHUNKED_POST "3\r\nGET\r\n0\r\n\r\n"
                                      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nGET /"
                                      "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
    scene_run(&s, SIZE_MAX, 2000);
    assert_true(s.client_ended);
    assert_int_equal(s.requests, 3);
    assert_int_equal(scene_log_lines(&s), 3);
    scene_fini(&s);
}

static void answers_without_a_body_keep_both_connections(void **state) {
    (void)state;
    static const struct {
        const char *request, *answer, *expected;
    } rows[] = {
        {"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
         "Content-Length: 5\r\n"},
        {"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n",
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\n"},
        {"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
         "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "Content-Length: 5\r\n"},
        {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 204 "},
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct scene s;
        struct scene_script script = script_of(rows[i].answer);
        scene_init(&s, ROUTES, &script);
        scene_connect(&s);
        for (int n = 0; n < 2; n++) {
            text_clear(&s.got);
            scene_send(&s, slice_of(rows[i].request));
            assert_true(scene_await(&s, rows[i].expected, 1000));
            assert_true(scene_await(&s, "\r\n\r\n", 1000));
            assert_false(scene_got(&s, "Connection: close"));
        }
        assert_int_equal(s.accepted, 1);
        scene_fini(&s);
    }
}

static void bytes_after_an_answer_end_the_connection_they_came_on(void **state) {
    (void)state;
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: "
        "4\r\n\r\nevil",
        "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 200 "
        "OK\r\nContent-Length: 4\r\n\r\nevil",
    };
    for (unsigned i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct scene s;
        struct scene_script script = script_of(answers[i]);
        scene_init(&s, ROUTES, &script);
        scene_connect(&s);
        for (unsigned n = 1; n <= 3; n++) {
            scene_send(&s, GET);
            assert_true(scene_await_lines(&s, n, 1000));
            assert_int_equal(s.accepted, n);
        }
        assert_false(scene_got(&s, "evil"));
        scene_fini(&s);
    }
}

static void interim_answers_come_in_order(void **state) {
    (void)state;
    struct scene s;
    struct scene_script script = script_of("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
                                           "HTTP/1.1 102 Processing\r\n\r\n" OK_5);
    scene_init(&s, ROUTES, &script);
    scene_connect(&s);
    scene_send(&s, GET);
    assert_true(scene_await(&s, "\r\n\r\nhello", 1000));
    const char *early = strstr(text_string(&s.got), "HTTP/1.1 103 Early Hints\r\n");
    assert_non_null(early);
    assert_non_null(strstr(early, "Link: </a>\r\n"));
    const char *second = strstr(early, "HTTP/1.1 102 ");
    assert_non_null(second);
    assert_non_null(strstr(second, "HTTP/1.1 200 OK\r\n"));
    text_clear(&s.got);
    scene_send(&s, SLICE("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    assert_true(scene_await(&s, "\r\n\r\nhello", 1000));
    assert_false(scene_got(&s, "HTTP/1.1 10")); // a 1.0 client knows no such answers
    assert_true(scene_got(&s, "Connection: keep-alive\r\n"));
    scene_fini(&s);
}

static void after_interim_answers_a_final_one_is_due(void **state) {
    (void)state;
    static char many[20 * 32];
    for (int i = 0; i < 20; i++) strcat(many, "HTTP/1.1 102 Processing\r\n\r\n");
    const char *const answers[] = {"HTTP/1.1 103 Early Hints\r\n\r\n", many,
                                   "HTTP/1.1 101 Switching Protocols\r\nConnection: "
                                   "Upgrade\r\nUpgrade: x\r\n\r\n"};
    const char *const reasons[] = {"reason=BACKEND_CLOSED", "reason=BAD_ANSWER",
                                   "reason=BAD_ANSWER"};
    for (unsigned i = 0; i < 3; i++) {
        struct scene s;
        struct scene_script script = script_of(answers[i]);
        script.closes = true;
        scene_init(&s, ROUTES, &script);
        scene_connect(&s);
        scene_send(&s, GET);
        assert_true(scene_await(&s, "HTTP/1.1 502 ", 1000));
        assert_true(scene_log_has(&s, reasons[i]));
        assert_true(scene_log_has(&s, "tries=1"));
        scene_fini(&s);
    }
}

static void only_what_was_offered_is_switched_to(void **state) {
    (void)state;
    const struct {
        const char *taken, *status;
    } answers[] = {
        {"e", "101"}, {"WEBSOCKET, E", "101"}, {"x", "502"}, {"e, x", "502"}, {"ee", "502"}};
    for (unsigned i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct scene s;
        char answer[128], line[32];
        snprintf(answer, sizeof answer,
                 "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n",
                 answers[i].taken);
        snprintf(line, sizeof line, "HTTP/1.1 %s ", answers[i].status);
        struct scene_script script = script_of(answer);
        scene_init(&s, ROUTES, &script);
        scene_connect(&s);
        scene_send(&s, SLICE("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n"
                             "Upgrade: websocket, e\r\n\r\n"));
        assert_true(scene_await(&s, line, 1000));
        scene_fini(&s);
    }
}

static void a_cut_answer_without_framing_ends_in_a_reset(void **state) {
    (void)state;
    struct scene s;
    struct scene_script script =
        script_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    script.closes = true;
    scene_init(&s, ROUTES, &script);
    s.has_tcp = true;
    scene_connect(&s);
    scene_send(&s, SLICE("GET / HTTP/1.0\r\n\r\n"));
    scene_run(&s, SIZE_MAX, 1000);
    assert_true(s.client_ended && s.was_reset);
    assert_true(scene_log_has(&s, "reason=ANSWER_CUT"));
    scene_fini(&s);
}

static void an_answer_over_tls_ends_with_close_notify_or_is_cut(void **state) {
    (void)state;
    struct scene s;
    struct scene_script script = script_of("HTTP/1.1 200 OK\r\n\r\nuntil the end");
    script.has_tls = script.closes = true; // closed, not ended
    scene_init(&s,
               "listen { http = '127.0.0.1:1' }\nsite '*' { to = pool 'p' { "
               "'https://127.0.0.1:$PORT', tls = { verify = false } } }",
               &script);
    scene_connect(&s);
    scene_send(&s, GET);
    scene_run(&s, SIZE_MAX, 2000);
    assert_true(s.client_ended);
    assert_true(scene_got(&s, "until the end"));
    assert_false(scene_got(&s, "0\r\n\r\n"));
    assert_true(scene_log_has(&s, "reason=ANSWER_CUT"));
    scene_fini(&s);
}

static void bytes_are_counted_for_the_exchange_that_they_belong_to(void **state) {
    (void)state;
    struct scene s;
    scene_init(&s, "listen { http = '127.0.0.1:1' }\nsite '*' { respond = { 200, 'x' } }", &PLAIN);
    scene_connect(&s);
    scene_send(&s, SLICE("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /22 HTTP/1.1\r\nHost: h\r\n\r\n"));
    assert_true(scene_await_lines(&s, 2, 1000));
    struct slice log = scene_log(&s);
    struct slice first = slice_cut(&log, '\n');
    assert_non_null(memmem(first.at, first.len, " in=28 ", 7));
    assert_non_null(memmem(log.at, log.len, " in=29 ", 7));
    size_t half = s.got.len / 2;
    char out[32];
    snprintf(out, sizeof(out), " out=%zu ", half);
    assert_non_null(memmem(first.at, first.len, out, strlen(out)));
    assert_non_null(memmem(log.at, log.len, out, strlen(out)));
    scene_fini(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_that_still_sends_can_read_an_early_answer),
        cmocka_unit_test(a_long_answer_passes_a_backend_that_does_not_read),
        cmocka_unit_test(what_a_backend_said_before_it_closed_on_a_body_is_passed_on),
        cmocka_unit_test(a_client_that_waits_for_100_gets_it_and_sends_its_body),
        cmocka_unit_test(a_client_that_expects_100_need_not_wait_for_it),
        cmocka_unit_test(a_final_answer_instead_of_100_closes_the_connection),
        cmocka_unit_test(a_broken_chunk_is_refused_at_once),
        cmocka_unit_test(a_body_may_be_as_long_as_its_maximum),
        cmocka_unit_test(a_body_that_is_too_long_never_reaches_the_backend_whole),
        cmocka_unit_test(the_connection_is_kept_when_a_whole_request_has_failed),
        cmocka_unit_test(pipelined_requests_keep_their_own_bodies),
        cmocka_unit_test(answers_without_a_body_keep_both_connections),
        cmocka_unit_test(bytes_after_an_answer_end_the_connection_they_came_on),
        cmocka_unit_test(interim_answers_come_in_order),
        cmocka_unit_test(after_interim_answers_a_final_one_is_due),
        cmocka_unit_test(only_what_was_offered_is_switched_to),
        cmocka_unit_test(a_cut_answer_without_framing_ends_in_a_reset),
        cmocka_unit_test(an_answer_over_tls_ends_with_close_notify_or_is_cut),
        cmocka_unit_test(bytes_are_counted_for_the_exchange_that_they_belong_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
