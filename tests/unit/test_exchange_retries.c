// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/scene.h"

// When a request is sent again, and when never.

#define ROUTES "listen { http = '127.0.0.1:1' }\nsite '*' { to = '127.0.0.1:$PORT' }\n"
// The backend does not speak TLS: a handshake with it hangs.
#define HANGING_FIRST                                                                              \
    "listen { http = '127.0.0.1:1' }\n"                                                            \
    "site '*' { to = pool 'p' { 'https://127.0.0.1:$PORT', '127.0.0.1:$PORT', "                    \
    "balance = 'least-busy' } }\n"

static const struct slice GET = SLICE_INIT("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
static const struct slice POST =
    SLICE_INIT("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
static const struct scene_script PLAIN = {
    .answer = SLICE_INIT("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    .cut_after = SIZE_MAX};

// A connection that was used and waits idle; the next request on it is lost.
static void lose_next_on_used_connection(struct scene *s) {
    scene_init(s, ROUTES, &PLAIN);
    scene_connect(s);
    scene_send(s, GET);
    assert_true(scene_await(s, "hello", 1000));
    text_clear(&s->got);
    s->script.cut_after = 0;
}

// Turns until the backend has taken so many requests; it is well from then on.
static void recover_after(struct scene *s, unsigned requests) {
    for (int i = 0; i < 500 && s->requests < requests; i++) scene_turn(s);
    assert_int_equal(s->requests, requests);
    s->script.cut_after = SIZE_MAX;
}

static void a_handshake_that_hangs_is_given_up_for_another_backend(void **state) {
    (void)state;
    struct scene s;
    scene_init(&s, HANGING_FIRST, &PLAIN);
    scene_connect(&s);
    scene_send(&s, POST);
    scene_turns(&s, 5);
    assert_int_equal(s.accepted, 1);
    scene_pass(&s, 3100);
    assert_true(scene_await(&s, "HTTP/1.1 200 OK\r\n", 1000));
    assert_true(scene_log_has(&s, "tries=2"));
    assert_int_equal(s.accepted, 2);
    scene_fini(&s);
}

static void retries_have_a_budget(void **state) {
    (void)state;
    enum { CLIENTS = 12, BUDGET = 3 };
    struct scene s;
    struct wire clients[CLIENTS];
    struct address from;
    assert_true(address_parse(SLICE("192.0.2.7:4711"), &from));
    scene_init(&s, HANGING_FIRST, &PLAIN);
    for (int i = 0; i < CLIENTS; i++) {
        int pair[2];
        scene_tcp_pair(pair);
        wire_open(&clients[i], pair[0], WIRE_PLAIN);
        service_accept(s.service, &service_generation(s.service)->config->listens[0], pair[1],
                       &from);
        (void)wire_write(&clients[i], POST);
    }
    scene_turns(&s, 10);
    scene_pass(&s, 3100); // each of them, at the same moment
    assert_true(scene_await_lines(&s, CLIENTS, 1000));
    int good = 0;
    for (int i = 0; i < CLIENTS; i++) {
        char room[300];
        ssize_t n = wire_read(&clients[i], room, sizeof(room));
        assert_true(n > 0);
        good += memmem(room, (size_t)n, " 200 ", 5) != NULL;
        wire_close(&clients[i]);
    }
    // half of them went to the plain member at once, as the less busy one
    assert_int_equal(s.counters.at[COUNT_RETRIES], BUDGET);
    assert_int_equal(good, CLIENTS / 2 + BUDGET);
    scene_fini(&s);
}

// Many requests at once, after the time in which it was left alone: one finds out, the others go where it is well.
static void a_member_that_refused_is_probed_by_one_request(void **state) {
    (void)state;
    enum { CLIENTS = 10 };
    struct scene s;
    struct wire clients[CLIENTS];
    struct address from;
    assert_true(address_parse(SLICE("192.0.2.7:4711"), &from));
    scene_init(&s, HANGING_FIRST, &PLAIN);
    scene_connect(&s);
    scene_send(&s, GET);
    scene_turns(&s, 5);
    scene_pass(&s, 3100);
    assert_true(scene_await(&s, "HTTP/1.1 200 OK\r\n", 1000));
    scene_pass(&s, 1100);
    for (int i = 0; i < CLIENTS; i++) {
        int pair[2];
        scene_tcp_pair(pair);
        wire_open(&clients[i], pair[0], WIRE_PLAIN);
        service_accept(s.service, &service_generation(s.service)->config->listens[0], pair[1],
                       &from);
        (void)wire_write(&clients[i], GET);
    }
    assert_true(scene_await_lines(&s, 1 + CLIENTS - 1, 1000));
    scene_turns(&s, 5);
    assert_int_equal(scene_log_lines(&s), 1 + CLIENTS - 1);
    scene_pass(&s, 3100); // the probe fails and goes on elsewhere
    assert_true(scene_await_lines(&s, 1 + CLIENTS, 1000));
    assert_int_equal(s.counters.at[COUNT_RETRIES], 2);
    for (int i = 0; i < CLIENTS; i++) wire_close(&clients[i]);
    scene_fini(&s);
}

static void an_idempotent_request_that_was_lost_goes_again_once(void **state) {
    (void)state;
    static const char *const requests[] = {
        "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "DELETE / HTTP/1.1\r\nHost: h\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"};
    for (unsigned i = 0; i < 4; i++) {
        struct scene s;
        lose_next_on_used_connection(&s);
        scene_send(&s, slice_of(requests[i]));
        recover_after(&s, 2);
        s.script.is_silent = true;
        scene_turns(&s, 5);
        assert_int_equal(s.accepted, 2);
        for (unsigned b = 0; b < SCENE_BACKENDS; b++) {
            const struct text *seen = &s.backends[b].received;
            if (s.backends[b].wire.fd < 0) continue;
            const char *end = i == 3 ? "\r\n\r\n0\r\n\r\n" : "\r\n\r\n"; // whole again
            assert_true(seen->len > strlen(end));
            assert_memory_equal(seen->at + seen->len - strlen(end), end, strlen(end));
        }
        s.script.is_silent = false;
        assert_true(scene_await(&s, "\r\n\r\nhello", 1000));
        assert_false(scene_got(&s, "Connection: close"));
        assert_true(scene_log_has(&s, "tries=2"));
        assert_int_equal(scene_log_lines(&s), 2);
        scene_fini(&s);
    }
}

static void a_request_is_never_lost_twice(void **state) {
    (void)state;
    struct scene s;
    lose_next_on_used_connection(&s);
    scene_send(&s, GET);
    assert_true(scene_await(&s, "HTTP/1.1 502 ", 1000));
    assert_int_equal(s.accepted, 2);
    assert_int_equal(s.requests, 3);
    assert_true(scene_log_has(&s, "reason=BACKEND_CLOSED"));
    scene_fini(&s);
}

static void a_request_that_may_have_been_heard_is_not_sent_again(void **state) {
    (void)state;
    static const char *const requests[] = {
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
        "FETCH / HTTP/1.1\r\nHost: h\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"}; // not kept
    for (unsigned i = 0; i < 3; i++) {
        struct scene s;
        lose_next_on_used_connection(&s);
        scene_send(&s, slice_of(requests[i]));
        assert_true(scene_await(&s, "HTTP/1.1 502 ", 1000));
        assert_int_equal(s.accepted, 1);
        assert_true(scene_log_has(&s, "reason=BACKEND_STALE"));
        scene_fini(&s);
    }
}

static void a_byte_of_an_answer_ends_all_retrying(void **state) {
    (void)state;
    struct scene s;
    lose_next_on_used_connection(&s);
    s.script.cut_after = 1;
    scene_send(&s, GET);
    assert_true(scene_await(&s, "HTTP/1.1 502 ", 1000));
    assert_int_equal(s.accepted, 1);
    assert_true(scene_log_has(&s, "reason=BACKEND_CLOSED"));
    scene_fini(&s);
}

static void times_are_those_of_the_last_attempt(void **state) {
    (void)state;
    struct scene s;
    lose_next_on_used_connection(&s);
    close(s.listener);
    s.listener = -1;
    scene_send(&s, GET);
    assert_true(scene_await(&s, "HTTP/1.1 502 ", 1000));
    assert_true(scene_log_has(&s, " connect=- first_byte=- "));
    assert_true(scene_log_has(&s, "reason=CONNECT "));
    s.listener = dup(0);
    scene_fini(&s);
}

static void a_client_may_leave_while_its_request_is_tried_again(void **state) {
    (void)state;
    struct scene s;
    lose_next_on_used_connection(&s);
    s.script.is_silent = false;
    scene_send(&s, GET);
    recover_after(&s, 2);
    s.script.is_silent = true;
    loop_turn(s.loop, 2); // it dials
    scene_close_client(&s);
    assert_true(scene_settle(&s, 1000));
    assert_int_equal(scene_log_lines(&s), 2);
    assert_true(scene_log_has(&s, "reason=CLIENT_GONE"));
    scene_fini(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handshake_that_hangs_is_given_up_for_another_backend),
        cmocka_unit_test(retries_have_a_budget),
        cmocka_unit_test(a_member_that_refused_is_probed_by_one_request),
        cmocka_unit_test(an_idempotent_request_that_was_lost_goes_again_once),
        cmocka_unit_test(a_request_is_never_lost_twice),
        cmocka_unit_test(a_request_that_may_have_been_heard_is_not_sent_again),
        cmocka_unit_test(a_byte_of_an_answer_ends_all_retrying),
        cmocka_unit_test(times_are_those_of_the_last_attempt),
        cmocka_unit_test(a_client_may_leave_while_its_request_is_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
