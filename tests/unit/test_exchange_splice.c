// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/pipes.h"
#include "tests/unit/scene.h"

// Bodies that go from socket to socket: all that holds for copied ones holds for them.

#define SPLICED                                                                                    \
    "listen { http = '127.0.0.1:1' }\n"                                                            \
    "site '*' { to = '127.0.0.1:$PORT', limits = { splice = '1b' } }\n"
#define COPIED                                                                                     \
    "listen { http = '127.0.0.1:1' }\n"                                                            \
    "site '*' { to = '127.0.0.1:$PORT', limits = { splice = '0b' } }\n"
#define TLS_SPLICED                                                                                \
    "listen { https = '127.0.0.1:1' }\n"                                                           \
    "site 'scene.example' { to = '127.0.0.1:$PORT', tls = { cert = '$CERT' },\n"                   \
    "limits = { splice = '1b' } }\n"

enum { LONG = 3000000 };

static const struct slice GET = SLICE_INIT("GET / HTTP/1.1\r\nHost: scene.example\r\n\r\n");
static const struct scene_script OK_40 = {
    .answer = SLICE_INIT("HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n"
                         "0123456789012345678901234567890123456789"),
    .cut_after = SIZE_MAX,
    .piece = 50};
static const struct scene_script SILENT = {.is_silent = true};

// A head and a body of `bytes`, no two neighbouring pages alike, to be freed.
static struct slice long_message(const char *head, size_t bytes) {
    size_t head_bytes = strlen(head);
    char *all = malloc(head_bytes + bytes);
    memcpy(all, head, head_bytes);
    for (size_t i = 0; i < bytes; i++) all[head_bytes + i] = (char)(i * 7 + i / 4093);
    return (struct slice){all, head_bytes + bytes};
}

static uint64_t spliced_bytes(const struct scene *s) {
    return s->counters.at[COUNT_SPLICED];
}

static bool ends_with(const struct text *got, struct slice body) {
    return got->len >= body.len && memcmp(got->at + got->len - body.len, body.at, body.len) == 0;
}

static void a_long_answer_goes_from_socket_to_socket(void **state) {
    (void)state;
    const char *const routes[] = {SPLICED, COPIED, TLS_SPLICED};
    struct slice answer = long_message("HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n", LONG);
    struct scene_script script = {.answer = answer, .cut_after = SIZE_MAX, .piece = 300000};
    for (int i = 0; i < 6; i++) {
        struct scene s;
        scene_init(&s, routes[i / 2], &script);
        s.has_tcp = i % 2;
        scene_connect(&s);
        scene_send(&s, GET);
        scene_run(&s, answer.len, 5000);
        assert_true(ends_with(&s.got, slice_skip(answer, answer.len - LONG)));
        assert_false(s.client_ended);
        scene_close_client(&s);
        assert_true(scene_settle(&s, 1000));
        assert_int_equal(scene_log_lines(&s), 1);
        assert_true(scene_log_has(&s, "\" 200 3000000 "));
        assert_int_equal(spliced_bytes(&s) > LONG / 2, i / 2 == 0);
        assert_int_equal(spliced_bytes(&s) > 0, i / 2 == 0);
        scene_fini(&s);
    }
    free((char *)answer.at);
}

static void a_long_upload_goes_from_socket_to_socket(void **state) {
    (void)state;
    struct slice request =
        long_message("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n", LONG);
    struct scene_script script = OK_40;
    script.request_bytes = LONG;
    for (int tcp = 0; tcp < 2; tcp++) {
        struct scene s;
        scene_init(&s, SPLICED, &script);
        s.has_tcp = tcp;
        scene_connect(&s);
        scene_send(&s, request);
        scene_send(&s, GET); // what follows the body is not part of it
        assert_true(scene_await(&s, "\r\n\r\n0123456789", 5000));
        s.script.request_bytes = 0;
        scene_run(&s, 2 * OK_40.answer.len, 3000);
        assert_int_equal(s.requests, 2);
        scene_close_client(&s);
        assert_true(scene_settle(&s, 1000));
        assert_int_equal(scene_log_lines(&s), 2);
        assert_true(spliced_bytes(&s) > LONG / 2);
        scene_fini(&s);
    }
    free((char *)request.at);
}

// The head goes alone, then the body in small pieces, so that each is spliced.
static struct scene_script in_pieces(size_t cut_after) {
    struct scene_script script = OK_40;
    script.piece = 3;
    script.cut_after = cut_after;
    return script;
}

static void a_backend_may_leave_after_any_byte_of_a_spliced_answer(void **state) {
    (void)state;
    uint64_t spliced = 0;
    for (size_t n = 1; n < OK_40.answer.len; n++) {
        struct scene s;
        unsigned before = scene_open_descriptors();
        struct scene_script script = in_pieces(n);
        script.resets = n % 2;
        scene_init(&s, SPLICED, &script);
        s.has_tcp = n % 3 == 0;
        scene_connect(&s);
        scene_send(&s, GET);
        assert_true(scene_await_lines(&s, 1, 1000));
        assert_true(scene_log_has(&s, "reason=ANSWER_CUT") ||
                    scene_log_has(&s, "reason=BACKEND_CLOSED"));
        scene_turns(&s, 3);
        scene_close_client(&s);
        assert_true(scene_settle(&s, 1000));
        assert_int_equal(scene_log_lines(&s), 1);
        spliced += spliced_bytes(&s);
        scene_fini(&s);
        assert_int_equal(scene_open_descriptors(), before);
    }
    assert_true(spliced > 0);
}

static void a_client_may_leave_after_any_byte_of_a_spliced_answer(void **state) {
    (void)state;
    struct scene s;
    unsigned before = scene_open_descriptors();
    struct scene_script script = in_pieces(SIZE_MAX);
    scene_init(&s, SPLICED, &script);
    for (unsigned n = 1; n <= OK_40.answer.len; n++) {
        s.has_tcp = n % 2;
        s.script = script;
        scene_connect(&s);
        scene_send(&s, GET);
        scene_run(&s, n, 1000);
        if (n % 4 < 2)
            wire_reset(&s.client);
        else
            scene_close_client(&s);
        assert_true(scene_settle(&s, 1000));
        assert_int_equal(scene_log_lines(&s), n);
    }
    assert_true(spliced_bytes(&s) > 0);
    scene_fini(&s);
    assert_int_equal(scene_open_descriptors(), before);
}

static void a_client_may_leave_a_spliced_upload_after_any_byte(void **state) {
    (void)state;
    static const struct slice head =
        SLICE_INIT("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 40\r\n\r\n");
    struct scene s;
    scene_init(&s, SPLICED, &SILENT);
    for (unsigned n = 1; n < 40; n++) {
        s.has_tcp = n % 2;
        scene_connect(&s);
        scene_send(&s, head);
        scene_turns(&s, 3);
        scene_send(&s, (struct slice){OK_40.answer.at, n});
        scene_turns(&s, 3);
        if (n % 3 == 0) scene_end_client(&s);
        if (n % 3 == 1) wire_reset(&s.client);
        scene_close_client(&s);
        assert_true(scene_settle(&s, 1000));
        assert_int_equal(scene_log_lines(&s), n);
    }
    assert_false(scene_log_has(&s, "reason=-"));
    assert_true(spliced_bytes(&s) > 0);
    scene_turns(&s, 3);
    assert_int_equal(scene_open_backends(&s), 0);
    scene_fini(&s);
}

static void a_body_once_begun_is_not_sent_to_another_backend(void **state) {
    (void)state;
    struct scene s;
    scene_init(&s,
               "listen { http = '127.0.0.1:1' }\n"
               "site '*' { to = { '127.0.0.1:$PORT', 'localhost:$PORT' }, retry = 1,\n"
               "limits = { splice = '1b' } }\n",
               &SILENT);
    scene_connect(&s);
    scene_send(&s, SLICE("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 40\r\n\r\n"));
    scene_turns(&s, 4);
    scene_send(&s, SLICE("some of it"));
    scene_turns(&s, 4);
    assert_int_equal(s.accepted, 1);
    scene_close_backend(&s, 0);
    assert_true(scene_await(&s, "HTTP/1.1 502 ", 1000));
    assert_int_equal(s.accepted, 1);
    scene_close_client(&s);
    assert_true(scene_settle(&s, 1000));
    assert_int_equal(spliced_bytes(&s), 10);
    scene_fini(&s);
}

static void who_stops_in_the_middle_is_cut_and_named(void **state) {
    (void)state;
    struct slice answer = long_message("HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n", LONG);
    struct scene_script script = {.answer = answer, .cut_after = SIZE_MAX, .piece = 300000};
    for (int backend_stops = 0; backend_stops < 2; backend_stops++) {
        struct scene s;
        scene_init(&s, SPLICED, &script);
        if (backend_stops) s.script.answer.len -= 1000000;
        s.takes = backend_stops ? SIZE_MAX : 0;
        scene_connect(&s);
        scene_send(&s, GET);
        scene_turns(&s, 60);
        scene_pass(&s, 59000);
        assert_int_equal(scene_log_lines(&s), 0);
        scene_pass(&s, 5000);
        scene_pass(&s, 60000);
        assert_int_equal(scene_log_lines(&s), 1);
        assert_true(
            scene_log_has(&s, backend_stops ? "reason=ANSWER_STALLED" : "reason=CLIENT_STALLED"));
        scene_close_client(&s);
        assert_true(scene_settle(&s, 1000));
        assert_true(spliced_bytes(&s) > 0);
        scene_fini(&s);
    }
    free((char *)answer.at);
}

static void a_client_that_takes_little_keeps_the_backend_waiting(void **state) {
    (void)state;
    struct slice answer = long_message("HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n", LONG);
    struct scene_script script = {.answer = answer, .cut_after = SIZE_MAX};
    struct scene s;
    scene_init(&s, SPLICED, &script);
    scene_connect(&s);
    s.takes = 0;
    scene_send(&s, GET);
    scene_turns(&s, 60);
    size_t sent = s.backends[0].sent;
    scene_turns(&s, 20);
    assert_int_equal(s.backends[0].sent, sent); // buffers are full, and nobody takes more
    s.takes = 70000;
    scene_run(&s, answer.len, 5000);
    assert_true(ends_with(&s.got, slice_skip(answer, answer.len - LONG)));
    scene_close_client(&s);
    assert_true(scene_settle(&s, 1000));
    assert_true(scene_log_has(&s, "reason=- "));
    free((char *)answer.at);
    scene_fini(&s);
}

// The end of the first answer still waits for the client, in a pipe, when the second is written.
static void answers_keep_their_order(void **state) {
    (void)state;
    struct slice answer = long_message("HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n", LONG);
    struct scene_script script = {.answer = answer, .cut_after = SIZE_MAX, .piece = 100000};
    struct scene s;
    scene_init(&s, SPLICED, &script);
    scene_connect(&s);
    s.takes = 30000;
    for (int i = 0; i < 3; i++) scene_send(&s, GET);
    scene_run(&s, 3 * answer.len, 20000);
    struct slice body = slice_skip(answer, answer.len - LONG);
    size_t found = 0, at = 0;
    while (at + LONG <= s.got.len) {
        char *begin = memmem(s.got.at + at, s.got.len - at, "\r\n\r\n", 4);
        assert_non_null(begin);
        at = (size_t)(begin + 4 - s.got.at);
        assert_true(at + LONG <= s.got.len && memcmp(s.got.at + at, body.at, LONG) == 0);
        at += LONG;
        found++;
    }
    assert_int_equal(found, 3);
    assert_int_equal(s.accepted, 1); // one backend connection for all
    scene_close_client(&s);
    assert_true(scene_settle(&s, 1000));
    free((char *)answer.at);
    scene_fini(&s);
}

static void a_connection_with_bytes_too_many_after_a_spliced_body_is_not_used_again(void **state) {
    (void)state;
    struct slice answer =
        long_message("HTTP/1.1 200 OK\r\nContent-Length: 2999990\r\n\r\n", LONG); // ten more
    struct scene_script script = {.answer = answer, .cut_after = SIZE_MAX, .piece = 300000};
    struct scene s;
    scene_init(&s, SPLICED, &script);
    scene_connect(&s);
    scene_send(&s, GET);
    scene_run(&s, answer.len - 10, 5000);
    assert_true(spliced_bytes(&s) > 0 || scene_await_lines(&s, 1, 1000));
    s.script = OK_40;
    scene_send(&s, GET);
    assert_true(scene_await(&s, "\r\n\r\n0123456789", 2000));
    assert_int_equal(s.accepted, 2);
    free((char *)answer.at);
    scene_fini(&s);
}

static void a_busy_tunnel_is_spliced_both_ways_until_each_ends(void **state) {
    (void)state;
    static const struct scene_script tunnel = {
        .answer = SLICE_INIT("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                             "Upgrade: e\r\n\r\nearly"),
        .cut_after = SIZE_MAX};
    struct slice bytes = long_message("", LONG);
    struct scene s;
    scene_init(&s, SPLICED, &tunnel);
    s.has_tcp = true;
    scene_connect(&s);
    scene_send(&s, SLICE("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: e\r\n\r\n"));
    assert_true(scene_await(&s, "\r\n\r\nearly", 1000));
    s.script = SILENT;
    size_t before = s.backends[0].total;
    for (int i = 0; i < 20; i++) { // messages as of a WebSocket are copied
        scene_send(&s, SLICE("a short message"));
        scene_turns(&s, 2);
    }
    assert_int_equal(s.backends[0].total - before, 300);
    wire_end(&s.backends[0].wire); // one direction is over
    scene_turns(&s, 5);
    scene_send(&s, bytes);
    scene_end_client(&s);
    for (int i = 0; i < 2000 && s.backends[0].wire.fd >= 0; i++) scene_turn(&s);
    assert_int_equal(s.backends[0].total - before, 300 + LONG);
    assert_true(scene_settle(&s, 1000));
    assert_int_equal(scene_log_lines(&s), 1);
    assert_true(scene_log_has(&s, "reason=- "));
    assert_true(spliced_bytes(&s) > LONG / 2 && spliced_bytes(&s) < LONG);
    free((char *)bytes.at);
    scene_fini(&s);
}

static void without_a_pipe_bodies_are_copied(void **state) {
    (void)state;
    struct slice answer = long_message("HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n", LONG);
    struct scene_script script = {.answer = answer, .cut_after = SIZE_MAX};
    struct scene s;
    scene_init(&s, SPLICED, &script);
    struct pipes *pipes = loop_pipes(s.loop);
    struct pipe *all[PIPES_MAX];
    unsigned count = 0;
    while (pipes_are_left(pipes)) assert_non_null(all[count++] = pipes_borrow(pipes));
    scene_connect(&s);
    scene_send(&s, GET);
    scene_run(&s, answer.len / 2, 5000);
    assert_int_equal(scene_log_lines(&s), 0);
    while (count > 0) pipes_return(pipes, all[--count]);
    scene_run(&s, answer.len, 5000);
    assert_true(ends_with(&s.got, slice_skip(answer, answer.len - LONG)));
    assert_true(scene_await_lines(&s, 1, 1000));
    assert_true(spliced_bytes(&s) > 0 && spliced_bytes(&s) < LONG / 2 + 300000);
    free((char *)answer.at);
    scene_fini(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_answer_goes_from_socket_to_socket),
        cmocka_unit_test(a_long_upload_goes_from_socket_to_socket),
        cmocka_unit_test(a_backend_may_leave_after_any_byte_of_a_spliced_answer),
        cmocka_unit_test(a_client_may_leave_after_any_byte_of_a_spliced_answer),
        cmocka_unit_test(a_client_may_leave_a_spliced_upload_after_any_byte),
        cmocka_unit_test(a_body_once_begun_is_not_sent_to_another_backend),
        cmocka_unit_test(who_stops_in_the_middle_is_cut_and_named),
        cmocka_unit_test(a_client_that_takes_little_keeps_the_backend_waiting),
        cmocka_unit_test(answers_keep_their_order),
        cmocka_unit_test(a_connection_with_bytes_too_many_after_a_spliced_body_is_not_used_again),
        cmocka_unit_test(a_busy_tunnel_is_spliced_both_ways_until_each_ends),
        cmocka_unit_test(without_a_pipe_bodies_are_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
