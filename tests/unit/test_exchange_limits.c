// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/scene.h"

// Times with their defaults (the clock is made to jump): who is late is told so, and who is only slow is not.

#define ROUTES "listen { http = '127.0.0.1:1' }\nsite '*' { to = '127.0.0.1:$PORT' }\n"
#define OK_5   "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static const struct slice GET = SLICE_INIT("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
static const struct slice LAST_GET =
    SLICE_INIT("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
static const struct scene_script PLAIN = {.answer = SLICE_INIT(OK_5), .cut_after = SIZE_MAX};
static const struct scene_script SILENT = {.is_silent = true};

static char long_answer[60 + 900000];

static struct scene_script script_of_long_answer(void) {
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n";
    memset(long_answer, 'x', sizeof(long_answer));
    memcpy(long_answer, head, sizeof(head) - 1);
    return (struct scene_script){.answer = {long_answer, sizeof(head) - 1 + 900000},
                                 .cut_after = SIZE_MAX};
}

static bool is_logged(struct scene *s, const char *reason) {
    return scene_log_lines(s) == 1 && scene_log_has(s, reason);
}

static void a_head_that_drips_is_late_at_its_deadline(void **state) {
    (void)state;
    struct scene s;
    scene_init(&s, ROUTES, &PLAIN);
    scene_connect(&s);
    for (int i = 0; i < 9; i++) {
        scene_send(&s, SLICE("G"));
        scene_turns(&s, 2);
        scene_pass(&s, 1000);
    }
    assert_int_equal(scene_log_lines(&s), 0);
    scene_pass(&s, 1500);
    assert_true(scene_got(&s, "HTTP/1.1 408 "));
    assert_true(is_logged(&s, "reason=HEAD_TIMEOUT"));
    scene_fini(&s);
}

static void a_body_below_the_slowest_rate_is_given_up(void **state) {
    (void)state;
    static char piece[1000];
    const size_t rates[] = {200, 300}; // of 250 bytes a second
    for (int i = 0; i < 2; i++) {
        struct scene s;
        scene_init(&s, ROUTES, &SILENT);
        scene_connect(&s);
        scene_send(&s, SLICE("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999\r\n\r\n"));
        for (int second = 0; second < 19; second++) {
            scene_turns(&s, 2);
            scene_send(&s, (struct slice){piece, rates[i]});
            scene_pass(&s, 1000);
        }
        assert_int_equal(scene_log_lines(&s), 0);
        for (int second = 0; second < 40; second++) {
            scene_send(&s, (struct slice){piece, rates[i]});
            scene_pass(&s, 1000);
        }
        assert_int_equal(scene_log_lines(&s), i == 0);
        assert_int_equal(scene_log_has(&s, "reason=BODY_SLOW"), i == 0);
        scene_fini(&s);
    }
}

// What the backend keeps the client waiting does not count against the client.
static void a_body_that_is_held_up_is_not_slow(void **state) {
    (void)state;
    struct scene s;
    size_t bytes = 9000000;
    char *body = calloc(1, bytes);
    struct scene_script script = SILENT;
    script.reads = 500;
    scene_init(&s, ROUTES, &script);
    scene_connect(&s);
    scene_send(&s, SLICE("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9000000\r\n\r\n"));
    size_t sent = 0;
    for (int i = 0; i < 100; i++) {
        ssize_t n = wire_write(&s.client, (struct slice){body + sent, bytes - sent});
        if (n > 0) sent += (size_t)n;
        scene_turn(&s);
    }
    assert_true(sent < bytes); // held
    for (int i = 0; i < 5; i++) scene_pass(&s, 10000);
    s.script.reads = 0;
    scene_turns(&s, 50);
    s.script.reads = 500;
    for (int i = 0; i < 3; i++) scene_pass(&s, 10000);
    assert_int_equal(scene_log_lines(&s), 0);
    for (int i = 0; i < 7; i++) scene_pass(&s, 10000);
    assert_false(scene_log_has(&s, "reason=BODY_SLOW"));
    free(body);
    scene_fini(&s);
}

static void a_client_that_waits_for_100_is_not_late_with_its_body(void **state) {
    (void)state;
    struct scene s;
    scene_init(&s, ROUTES, &SILENT);
    scene_connect(&s);
    scene_send(&s, SLICE("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
                         "Expect: 100-continue\r\n\r\n"));
    scene_turns(&s, 5);
    scene_pass(&s, 55000);
    assert_int_equal(scene_log_lines(&s), 0);
    scene_pass(&s, 6000);
    assert_true(scene_got(&s, "HTTP/1.1 504 "));
    assert_true(is_logged(&s, "reason=BACKEND_TIMEOUT"));
    scene_fini(&s);
}

static void the_time_to_the_first_byte_counts_from_the_end_of_the_body(void **state) {
    (void)state;
    struct scene s;
    scene_init(&s, ROUTES, &SILENT);
    scene_connect(&s);
    scene_send(&s, SLICE("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 20000\r\n\r\n"));
    scene_turns(&s, 5);
    static char half[10000];
    scene_send(&s, (struct slice){half, sizeof(half)});
    scene_turns(&s, 5);
    scene_pass(&s, 35000);
    scene_send(&s, (struct slice){half, sizeof(half)});
    scene_turns(&s, 5);
    scene_pass(&s, 55000);
    assert_int_equal(scene_log_lines(&s), 0);
    scene_pass(&s, 6000);
    assert_true(is_logged(&s, "reason=BACKEND_TIMEOUT"));
    scene_fini(&s);
}

static void a_client_that_stops_reading_is_cut_and_one_that_reads_slowly_is_not(void **state) {
    (void)state;
    struct scene_script script = script_of_long_answer();
    for (int reads = 0; reads < 2; reads++) {
        struct scene s;
        scene_init(&s, ROUTES, &script);
        scene_connect(&s);
        s.takes = 0;
        scene_send(&s, GET);
        scene_turns(&s, 20);
        for (int second = 0; second < 150; second++) {
            s.takes = reads ? 400 : 0; // a turn, of which scene_pass() has three
            scene_pass(&s, 1000);
        }
        assert_int_equal(scene_log_lines(&s), !reads);
        assert_int_equal(scene_log_has(&s, "reason=CLIENT_STALLED"), !reads);
        s.takes = SIZE_MAX;
        scene_run(&s, script.answer.len, 2000);
        assert_int_equal(s.got.len >= script.answer.len, reads);
        scene_fini(&s);
    }
}

static void a_backend_is_not_late_while_its_client_keeps_it_waiting(void **state) {
    (void)state;
    struct scene s;
    struct scene_script script = script_of_long_answer();
    scene_init(&s, ROUTES, &script);
    scene_connect(&s);
    s.script.answer.len -= 10; // the rest comes late
    s.script.piece = 100000;
    s.takes = 0;
    scene_send(&s, GET);
    scene_turns(&s, 20);
    scene_pass(&s, 50000);
    s.takes = SIZE_MAX;
    scene_run(&s, script.answer.len - 1000, 2000);
    scene_turns(&s, 5);
    scene_pass(&s, 50000);
    assert_int_equal(scene_log_lines(&s), 0);
    scene_pass(&s, 11000);
    assert_true(is_logged(&s, "reason=ANSWER_STALLED"));
    assert_true(s.client_ended);
    scene_fini(&s);
}

static void the_time_between_bytes_counts_both_directions(void **state) {
    (void)state;
    struct scene s;
    struct scene_script script = PLAIN;
    script.answer = SLICE("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello");
    scene_init(&s, ROUTES, &script);
    scene_connect(&s);
    scene_send(&s, SLICE("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 20000\r\n\r\n"));
    assert_true(scene_await(&s, "hello", 1000));
    for (int i = 0; i < 10; i++) {
        scene_send(&s, SLICE("more of the body"));
        scene_turns(&s, 3);
        scene_pass(&s, 50000);
    }
    assert_int_equal(scene_log_lines(&s), 0);
    scene_pass(&s, 11000);
    assert_true(is_logged(&s, "reason=ANSWER_STALLED"));
    scene_fini(&s);
}

static void an_idle_connection_is_closed_after_the_keepalive_time(void **state) {
    (void)state;
    struct scene s;
    scene_init(&s, ROUTES, &PLAIN);
    scene_connect(&s);
    scene_send(&s, GET);
    assert_true(scene_await(&s, "hello", 1000));
    scene_pass(&s, 74000);
    assert_false(s.client_ended);
    text_clear(&s.got);
    scene_send(&s, GET);
    assert_true(scene_await(&s, "hello", 1000));
    scene_pass(&s, 74000);
    assert_false(s.client_ended);
    scene_pass(&s, 1500);
    assert_true(s.client_ended);
    scene_fini(&s);
}

static void keepalive_zero_closes_after_each_answer(void **state) {
    (void)state;
    struct scene s;
    scene_init(&s,
               "listen { http = '127.0.0.1:1', timeout = { keepalive = '0s' } }\n"
               "site '*' { to = '127.0.0.1:$PORT' }\n",
               &PLAIN);
    scene_connect(&s);
    scene_pass(&s, 9000);
    scene_send(&s, GET);
    assert_true(scene_await(&s, "hello", 1000));
    assert_true(scene_got(&s, "Connection: close\r\n"));
    scene_connect(&s);
    scene_pass(&s, 11000);
    assert_true(s.client_ended);
    scene_fini(&s);
}

static void a_slow_reader_gets_all_of_the_last_answer(void **state) {
    (void)state;
    const struct slice requests[] = {GET, LAST_GET};
    struct scene_script script = script_of_long_answer();
    for (int i = 0; i < 2; i++) {
        struct scene s;
        scene_init(&s, ROUTES, &script);
        scene_connect(&s);
        s.takes = 0;
        scene_send(&s, requests[i]);
        scene_turns(&s, 20);
        s.takes = 500000; // until the exchange is over, with some of its answer unsent
        while (scene_log_lines(&s) == 0) scene_turn(&s);
        for (int n = 0; n < 600 && s.got.len < script.answer.len; n++) {
            s.takes = 500;
            scene_pass(&s, 1000);
        }
        assert_true(s.got.len >= script.answer.len);
        scene_fini(&s);
    }
}

static void a_client_that_drips_but_never_reads_does_not_linger_for_ever(void **state) {
    (void)state;
    struct scene s;
    struct scene_script script = script_of_long_answer();
    scene_init(&s, ROUTES, &script);
    scene_connect(&s);
    s.takes = 0;
    scene_send(&s, LAST_GET);
    scene_turns(&s, 20);
    s.takes = 500000;
    while (scene_log_lines(&s) == 0) scene_turn(&s);
    s.takes = 0;
    for (int i = 0; i < 40; i++) {
        scene_send(&s, SLICE("x"));
        scene_pass(&s, 4000);
    }
    assert_int_equal(service_client_count(s.service), 0);
    scene_fini(&s);
}

static void a_handshake_has_a_limit(void **state) {
    (void)state;
    struct scene s;
    scene_init(&s,
               "listen { https = '127.0.0.1:1' }\n"
               "site 'scene.example' { to = '127.0.0.1:$PORT', tls = { cert = '$CERT' } }",
               &PLAIN);
    int pair[2];
    struct address from;
    assert_true(address_parse(SLICE("192.0.2.7:4711"), &from));
    scene_tcp_pair(pair);
    service_accept(s.service, &service_generation(s.service)->config->listens[0], pair[1], &from);
    scene_pass(&s, 9000);
    assert_int_equal(service_client_count(s.service), 1);
    scene_pass(&s, 1500);
    assert_int_equal(service_client_count(s.service), 0);
    close(pair[0]);
    scene_fini(&s);
}

static void a_tunnel_without_a_byte_ends(void **state) {
    (void)state;
    struct scene s;
    struct scene_script script = {.answer = SLICE_INIT("HTTP/1.1 101 Switching Protocols\r\n"
                                                       "Connection: Upgrade\r\nUpgrade: e\r\n\r\n"),
                                  .cut_after = SIZE_MAX};
    scene_init(&s, ROUTES, &script);
    scene_connect(&s);
    scene_send(&s, SLICE("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: e\r\n\r\n"));
    assert_true(scene_await(&s, "HTTP/1.1 101 ", 1000));
    scene_pass(&s, 500000);
    scene_send(&s, SLICE("a byte"));
    scene_turns(&s, 5);
    scene_pass(&s, 500000);
    assert_int_equal(scene_log_lines(&s), 0);
    scene_pass(&s, 101000);
    assert_true(is_logged(&s, "reason=TUNNEL_IDLE"));
    assert_true(scene_settle(&s, 1000));
    scene_fini(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_that_drips_is_late_at_its_deadline),
        cmocka_unit_test(a_body_below_the_slowest_rate_is_given_up),
        cmocka_unit_test(a_body_that_is_held_up_is_not_slow),
        cmocka_unit_test(a_client_that_waits_for_100_is_not_late_with_its_body),
        cmocka_unit_test(the_time_to_the_first_byte_counts_from_the_end_of_the_body),
        cmocka_unit_test(a_client_that_stops_reading_is_cut_and_one_that_reads_slowly_is_not),
        cmocka_unit_test(a_backend_is_not_late_while_its_client_keeps_it_waiting),
        cmocka_unit_test(the_time_between_bytes_counts_both_directions),
        cmocka_unit_test(an_idle_connection_is_closed_after_the_keepalive_time),
        cmocka_unit_test(keepalive_zero_closes_after_each_answer),
        cmocka_unit_test(a_slow_reader_gets_all_of_the_last_answer),
        cmocka_unit_test(a_client_that_drips_but_never_reads_does_not_linger_for_ever),
        cmocka_unit_test(a_handshake_has_a_limit),
        cmocka_unit_test(a_tunnel_without_a_byte_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
