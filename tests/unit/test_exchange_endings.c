// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/log.h"
#include "http/message/head.h"
#include "tests/unit/scene.h"

// "Every way to die", second part: tunnels, TLS clients, uploads, local answers, a service that drains or goes. Each ends with
// one line in the log and leaves nothing behind.

#define ROUTES "listen { http = '127.0.0.1:1' }\nsite '*' { to = '127.0.0.1:$PORT' }\n"
#define TLS_ROUTES                                                                                 \
    "listen { https = '127.0.0.1:1' }\n"                                                           \
    "site 'scene.example' { to = '127.0.0.1:$PORT', tls = { cert = '$CERT' } }\n"
#define SWITCHING                                                                                  \
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: e\r\n\r\nearly"

static const struct slice GET = SLICE_INIT("GET / HTTP/1.1\r\nHost: scene.example\r\n\r\n");
static const struct slice UPLOAD =
    SLICE_INIT("POST / HTTP/1.1\r\nHost: scene.example\r\nTransfer-Encoding: chunked\r\n\r\n"
               "5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n");
static const struct slice UPGRADE =
    SLICE_INIT("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: e\r\n\r\n");
static const struct scene_script PLAIN = {
    .answer = SLICE_INIT("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    .cut_after = SIZE_MAX};
static const struct scene_script CHUNKED = {
    .answer = SLICE_INIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"),
    .cut_after = SIZE_MAX};
static const struct scene_script SILENT = {.is_silent = true};
static const struct scene_script TUNNEL = {.answer = SLICE_INIT(SWITCHING), .cut_after = SIZE_MAX};

static void open_tunnel(struct scene *s, const char *route_text) {
    scene_init(s, route_text, &TUNNEL);
    scene_connect(s);
    scene_send(s, UPGRADE);
    assert_true(scene_await(s, "\r\n\r\nearly", 1000));
    s->script = SILENT;
}

static void a_client_may_leave_an_upload_after_any_byte(void **state) {
    (void)state;
    const char *const routes[] = {ROUTES, TLS_ROUTES};
    for (int r = 0; r < 2; r++) {
        struct scene s;
        scene_init(&s, routes[r], &SILENT);
        for (unsigned n = 1; n <= UPLOAD.len; n++) {
            scene_connect(&s);
            scene_send(&s, (struct slice){UPLOAD.at, n});
            scene_turns(&s, 3);
            if (n % 3 == 0) scene_end_client(&s);
            if (n % 3 == 1) wire_reset(&s.client);
            scene_close_client(&s);
            assert_true(scene_settle(&s, 1000));
            assert_int_equal(scene_log_lines(&s), n);
        }
        scene_turns(&s, 3);
        assert_int_equal(scene_open_backends(&s), 0);
        scene_fini(&s);
    }
}

static void a_backend_may_leave_a_tls_client_after_any_byte(void **state) {
    (void)state;
    for (size_t n = 0; n < CHUNKED.answer.len; n++) {
        struct scene s;
        struct scene_script script = CHUNKED;
        script.cut_after = n;
        script.resets = n % 2;
        scene_init(&s, TLS_ROUTES, &script);
        scene_connect(&s);
        scene_send(&s, GET);
        assert_true(scene_await_lines(&s, 1, 1000));
        scene_run(&s, SIZE_MAX, 20);
        assert_true(scene_got(&s, "HTTP/1.1 502 ") || s.client_ended);
        assert_false(scene_got(&s, "0\r\n\r\n"));
        scene_close_client(&s);
        assert_true(scene_settle(&s, 1000));
        assert_int_equal(scene_log_lines(&s), 1);
        scene_fini(&s);
    }
}

static void a_tunnel_delivers_what_was_sent_before_the_end(void **state) {
    (void)state;
    enum { BYTES = 4000000 };
    struct scene s;
    char *bytes = calloc(1, BYTES);
    open_tunnel(&s, "listen { http = '127.0.0.1:1' }\n"
                    "site '*' { to = '127.0.0.1:$PORT', limits = { body = '10b' } }");
    s.script.reads_a_turn = 1;
    wire_end(&s.backends[0].wire); // its direction is over
    scene_turns(&s, 5);
    s.script.reads_a_turn = 100000;
    size_t before = s.backends[0].total;
    scene_send(&s, (struct slice){bytes, BYTES});
    scene_end_client(&s);
    for (int i = 0; i < 2000 && s.backends[0].wire.fd >= 0; i++) scene_turn(&s);
    assert_int_equal(s.backends[0].total - before, BYTES);
    assert_true(scene_settle(&s, 1000));
    assert_int_equal(scene_log_lines(&s), 1);
    assert_true(scene_log_has(&s, "reason=- "));
    free(bytes);
    scene_fini(&s);
}

static void a_tunnel_ends_with_either_side(void **state) {
    (void)state;
    for (int how = 0; how < 4; how++) {
        struct scene s;
        unsigned before = scene_open_descriptors();
        open_tunnel(&s, ROUTES);
        scene_send(&s, SLICE("and on"));
        scene_turns(&s, 3);
        s.script.resets = how & 1;
        if (how & 2) {
            scene_close_backend(&s, 0);
            scene_run(&s, SIZE_MAX, 1000);
            assert_true(s.client_ended);
            scene_close_client(&s);
        } else if (how & 1) {
            wire_reset(&s.client);
        } else {
            scene_close_client(&s);
        }
        assert_true(scene_settle(&s, 1000));
        assert_int_equal(scene_log_lines(&s), 1);
        scene_fini(&s);
        assert_int_equal(scene_open_descriptors(), before);
    }
}

static void a_client_that_ended_its_side_gets_what_it_pipelined_but_for_the_last(void **state) {
    (void)state;
    struct scene s;
    scene_init(&s, ROUTES, &PLAIN);
    scene_connect(&s);
    for (int i = 0; i < 3; i++) scene_send(&s, GET);
    scene_end_client(&s); // from here on it counts as gone: it cannot be told from one that closed
    scene_run(&s, SIZE_MAX, 1000);
    assert_true(scene_settle(&s, 1000));
    assert_int_equal(s.requests, 2);
    assert_int_equal(scene_log_lines(&s), 3);
    scene_fini(&s);
}

static void a_client_that_pipelines_without_reading_costs_little(void **state) {
    (void)state;
    enum { REQUESTS = 10000 };
    struct scene s;
    scene_init(&s, "listen { http = '127.0.0.1:1' }\nsite '*' { respond = { 200, 'an answer' } }",
               &PLAIN);
    scene_connect(&s);
    s.takes = 0;
    char *all = malloc(REQUESTS * GET.len);
    for (int i = 0; i < REQUESTS; i++) memcpy(all + (size_t)i * GET.len, GET.at, GET.len);
    struct slice rest = {all, REQUESTS * GET.len};
    for (int i = 0; i < 1200; i++) { // each turn begins one
        ssize_t n = wire_write(&s.client, rest);
        if (n > 0) rest = slice_skip(rest, (size_t)n);
        scene_turn(&s);
    }
    assert_true(rest.len > 0);
    unsigned answered = scene_log_lines(&s);
    scene_turns(&s, 20);
    assert_int_equal(scene_log_lines(&s), answered); // no further
    assert_true(answered < REQUESTS / 2);
    s.takes = SIZE_MAX;
    scene_send(&s, rest);
    for (int i = 0; i < 2 * REQUESTS && s.counters.at[COUNT_REQUESTS] < REQUESTS; i++)
        scene_turn(&s);
    scene_turns(&s, 5);
    size_t answers = 0;
    const char *at = s.got.at, *end = s.got.at + s.got.len;
    while ((at = memmem(at, (size_t)(end - at), "an answer", 9))) at++, answers++;
    assert_int_equal(answers, REQUESTS);
    free(all);
    scene_fini(&s);
}

static void garbage_behind_a_request_waits_until_it_is_answered(void **state) {
    (void)state;
    struct scene s;
    static char garbage[200000];
    scene_init(&s, ROUTES, &SILENT);
    scene_connect(&s);
    scene_send(&s, GET);
    for (int i = 0; i < 20; i++) {
        (void)wire_write(&s.client, (struct slice){garbage, sizeof(garbage)});
        scene_turn(&s);
    }
    s.script = PLAIN;
    assert_true(scene_await(&s, "hello", 1000));
    assert_true(scene_await(&s, "HTTP/1.1 400 ", 1000));
    scene_close_client(&s);
    assert_true(scene_settle(&s, 1000));
    assert_int_equal(scene_log_lines(&s), 2);
    scene_fini(&s);
}

// --- the service ends ---

static unsigned drained;

static void on_drained(void *arg) {
    (void)arg;
    drained++;
}

static void a_service_drains_past_idle_connections(void **state) {
    (void)state;
    struct scene s;
    scene_init(&s, ROUTES, &PLAIN);
    scene_connect(&s);
    scene_send(&s, GET);
    assert_true(scene_await(&s, "hello", 1000));
    drained = 0;
    service_drain(s.service, 30000, on_drained, NULL);
    scene_turns(&s, 10);
    assert_true(s.client_ended);
    assert_int_equal(drained, 1);
    assert_int_equal(scene_open_backends(&s), 0);
    scene_fini(&s);
}

static void an_answer_that_runs_ends_before_the_service_is_drained(void **state) {
    (void)state;
    struct scene s;
    struct scene_script script = CHUNKED;
    script.piece = 1;
    scene_init(&s, ROUTES, &script);
    scene_connect(&s);
    scene_send(&s, GET);
    assert_true(
        scene_await(&s, "HTTP/1.1 200 OK\r\n", 1000)); // which promised to keep the connection
    drained = 0;
    service_drain(s.service, 30000, on_drained, NULL);
    scene_run(&s, SIZE_MAX, 3000);
    assert_true(s.client_ended);
    assert_true(scene_got(&s, "\r\n0\r\n\r\n"));
    scene_close_client(&s);
    scene_turns(&s, 10);
    assert_int_equal(drained, 1);
    assert_int_equal(scene_log_lines(&s), 1);
    scene_fini(&s);
}

static void what_is_left_after_the_time_to_drain_is_cut(void **state) {
    (void)state;
    for (int tunnel = 0; tunnel < 2; tunnel++) {
        struct scene s;
        if (tunnel) {
            open_tunnel(&s, ROUTES);
        } else {
            scene_init(&s, ROUTES, &SILENT);
            scene_connect(&s);
            scene_send(&s, GET);
            scene_turns(&s, 5);
        }
        drained = 0;
        service_drain(s.service, 30000, on_drained, NULL);
        scene_pass(&s, 29000);
        assert_int_equal(drained, 0);
        scene_pass(&s, 1500);
        scene_turns(&s, 10);
        assert_int_equal(drained, 1);
        assert_true(s.client_ended);
        assert_int_equal(scene_log_lines(&s), 1);
        assert_true(scene_log_has(&s, "reason=SHUTDOWN"));
        scene_fini(&s);
    }
}

static void a_service_may_go_at_any_moment(void **state) {
    (void)state;
    static const struct {
        const char *routes;
        struct slice request;
        const struct scene_script *script;
        unsigned lines;
    } rows[] = {
        {ROUTES, SLICE_INIT("GET / HT"), &SILENT, 1},
        {ROUTES, SLICE_INIT("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), &SILENT, 1},
        {ROUTES, SLICE_INIT("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc"), &SILENT,
         1},
        {ROUTES, SLICE_INIT("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), &PLAIN, 1},
        {ROUTES, SLICE_INIT("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), &PLAIN, 1},
        {TLS_ROUTES, SLICE_INIT("GET / HTTP/1.1\r\nHost: scene.example\r\n\r\n"), &SILENT, 1},
        {ROUTES,
         SLICE_INIT("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: e\r\n\r\n"),
         &TUNNEL, 1},
        {"listen { http = '127.0.0.1:1' }\nsite '*' { to = 'https://127.0.0.1:$PORT' }",
         SLICE_INIT("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), &SILENT, 1},
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (unsigned turns = 0; turns < 8; turns++) {
            struct scene s;
            unsigned before = scene_open_descriptors();
            scene_init(&s, rows[i].routes, rows[i].script);
            scene_connect(&s);
            scene_send(&s, rows[i].request);
            scene_turns(&s, turns);
            scene_fini(&s);
            assert_int_equal(scene_open_descriptors(), before);
        }
    }
}

static void a_cut_answer_never_looks_whole(void **state) {
    (void)state;
    struct scene s;
    struct scene_script script = CHUNKED;
    script.piece = 55;
    scene_init(&s, ROUTES, &script);
    s.has_tcp = true;
    scene_connect(&s);
    scene_send(&s, SLICE("GET / HTTP/1.0\r\n\r\n"));
    assert_true(scene_await(&s, "he", 1000));
    s.script.is_silent = true;
    drained = 0;
    service_drain(s.service, 1, on_drained, NULL);
    scene_pass(&s, 10);
    scene_run(&s, SIZE_MAX, 1000);
    assert_true(s.client_ended && s.was_reset);
    assert_int_equal(scene_log_lines(&s), 1);
    scene_fini(&s);
}

// --- answers of the process ---

struct asked {
    struct local_reply *reply;
    size_t body_bytes;
    unsigned cancelled;
    struct slice answer; // at == NULL: later
};

static void on_cancel(void *arg) {
    struct asked *asked = arg;
    asked->cancelled++;
    asked->reply = NULL;
}

static void answer_locally(void *arg, const struct local_request *request, struct local_reply *r,
                           void (**cancel)(void *reply_arg), void **cancel_arg) {
    struct asked *asked = arg;
    asked->body_bytes = request->body.len;
    *cancel = on_cancel;
    *cancel_arg = asked;
    asked->reply = r;
    if (asked->answer.at) local_answer(r, 200, "text/plain", asked->answer);
}

static void the_process_may_answer_at_once_or_later(void **state) {
    (void)state;
    struct scene s;
    struct asked asked = {.answer = SLICE("at once")};
    scene_init_local(&s, answer_locally, &asked);
    scene_connect(&s);
    scene_send(&s, UPLOAD);
    assert_true(scene_await(&s, "\r\n\r\nat once", 1000));
    assert_int_equal(asked.body_bytes, 11);
    asked.answer = (struct slice){NULL, 0};
    scene_send(&s, GET);
    scene_turns(&s, 5);
    assert_non_null(asked.reply);
    local_answer(asked.reply, 200, "text/plain", SLICE("later"));
    assert_true(scene_await(&s, "\r\n\r\nlater", 1000));
    assert_int_equal(scene_log_lines(&s), 2);
    assert_int_equal(asked.cancelled, 0);
    scene_fini(&s);
}

static void an_answer_of_the_process_may_be_long(void **state) {
    (void)state;
    enum { BYTES = 15 << 20 };
    struct scene s;
    struct asked asked = {.answer = {calloc(1, BYTES), BYTES}};
    scene_init_local(&s, answer_locally, &asked);
    scene_connect(&s);
    scene_send(&s, GET);
    scene_run(&s, BYTES, 60000); // a busy machine is no failure
    assert_true(s.got.len > BYTES);
    free((char *)asked.answer.at);
    scene_fini(&s);
}

static void a_question_is_taken_back_when_its_client_leaves(void **state) {
    (void)state;
    struct scene s;
    struct asked asked = {.answer = {NULL, 0}};
    scene_init_local(&s, answer_locally, &asked);
    for (unsigned n = 1; n <= UPLOAD.len; n++) {
        scene_connect(&s);
        scene_send(&s, (struct slice){UPLOAD.at, n});
        scene_turns(&s, 2);
        scene_close_client(&s);
        assert_true(scene_settle(&s, 1000));
        assert_int_equal(scene_log_lines(&s), n);
    }
    assert_int_equal(asked.cancelled, 1);
    scene_connect(&s);
    scene_send(&s, GET);
    scene_turns(&s, 3);
    scene_fini(&s);
    assert_int_equal(asked.cancelled, 2);
}

static void a_question_that_is_too_long_or_late_is_refused(void **state) {
    (void)state;
    static char body[(2 << 20) + 1];
    struct scene s;
    struct asked asked = {.answer = {NULL, 0}};
    scene_init_local(&s, answer_locally, &asked);
    scene_connect(&s);
    scene_send(&s, SLICE("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999\r\n\r\n"));
    scene_send(&s, (struct slice){body, sizeof(body)});
    assert_true(scene_await(&s, "HTTP/1.1 413 ", 1000));
    scene_connect(&s);
    scene_send(&s, SLICE("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9999\r\n\r\nabc"));
    scene_turns(&s, 3);
    scene_pass(&s, 61000);
    assert_true(scene_got(&s, "HTTP/1.1 408 "));
    scene_connect(&s);
    scene_send(&s, GET);
    scene_turns(&s, 3);
    scene_pass(&s, 61000);
    assert_true(scene_got(&s, "HTTP/1.1 500 "));
    assert_int_equal(asked.cancelled, 1);
    assert_int_equal(scene_log_lines(&s), 3);
    scene_fini(&s);
}

static void a_refused_head_has_an_id_in_the_log_and_on_its_page(void **state) {
    (void)state;
    struct scene s;
    scene_init(&s, ROUTES, &PLAIN);
    scene_connect(&s);
    scene_send(&s, SLICE("GET / HTTP/1.1\r\nX-Request-Id: theirs\r\n\r\n"));
    assert_true(scene_await(&s, "Request id: ", 1000));
    assert_true(scene_await_lines(&s, 1, 1000));
    const char *id = memmem(s.got.at, s.got.len, "Request id: ", 12);
    char pair[64];
    snprintf(pair, sizeof(pair), " id=%.24s\n", id + 12);
    assert_true(scene_log_has(&s, pair));
    assert_false(scene_log_has(&s, "theirs"));
    scene_fini(&s);
}

static void a_pool_without_its_authorities_is_down_with_a_reason(void **state) {
    (void)state;
    struct scene s;
    scene_init(
        &s,
        "listen { http = '127.0.0.1:1' }\n"
        "site '*' { to = pool 'p' { 'https://127.0.0.1:$PORT', tls = { ca = '/none.pem' } } }",
        &PLAIN);
    scene_connect(&s);
    scene_send(&s, GET);
    assert_true(scene_await(&s, "HTTP/1.1 502 ", 1000));
    assert_true(scene_log_has(&s, "reason=BACKEND_TLS "));
    scene_fini(&s);
}

static void answers_that_are_refused_for_different_reasons_are_all_said(void **state) {
    (void)state;
    static char said[8192];
    const char *const answers[] = {"HTTP/1.1 200 OK\nX: y\r\n\r\n",
                                   "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"};
    struct scene s;
    int ends[2];
    assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    scene_init(&s, ROUTES, &PLAIN);
    log_set_fd(ends[1]);
    for (int i = 0; i < 6; i++) {
        s.script.answer = slice_of(answers[i % 2]);
        scene_connect(&s);
        scene_send(&s, GET);
        assert_true(scene_await(&s, "HTTP/1.1 502 ", 1000));
    }
    log_set_fd(-1);
    ssize_t n = read(ends[0], said, sizeof(said) - 1);
    said[n > 0 ? n : 0] = '\0';
    assert_non_null(strstr(said, refusal_text(REFUSE_BARE_LF)));
    assert_non_null(strstr(said, refusal_text(REFUSE_BAD_LENGTH)));
    unsigned lines = 0;
    for (ssize_t i = 0; i < n; i++) lines += said[i] == '\n';
    assert_int_equal(lines, 2);
    close(ends[0]);
    close(ends[1]);
    scene_fini(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_may_leave_an_upload_after_any_byte),
        cmocka_unit_test(a_backend_may_leave_a_tls_client_after_any_byte),
        cmocka_unit_test(a_tunnel_delivers_what_was_sent_before_the_end),
        cmocka_unit_test(a_tunnel_ends_with_either_side),
        cmocka_unit_test(a_client_that_ended_its_side_gets_what_it_pipelined_but_for_the_last),
        cmocka_unit_test(a_client_that_pipelines_without_reading_costs_little),
        cmocka_unit_test(garbage_behind_a_request_waits_until_it_is_answered),
        cmocka_unit_test(a_service_drains_past_idle_connections),
        cmocka_unit_test(an_answer_that_runs_ends_before_the_service_is_drained),
        cmocka_unit_test(what_is_left_after_the_time_to_drain_is_cut),
        cmocka_unit_test(a_service_may_go_at_any_moment),
        cmocka_unit_test(a_cut_answer_never_looks_whole),
        cmocka_unit_test(the_process_may_answer_at_once_or_later),
        cmocka_unit_test(an_answer_of_the_process_may_be_long),
        cmocka_unit_test(a_question_is_taken_back_when_its_client_leaves),
        cmocka_unit_test(a_question_that_is_too_long_or_late_is_refused),
        cmocka_unit_test(a_refused_head_has_an_id_in_the_log_and_on_its_page),
        cmocka_unit_test(a_pool_without_its_authorities_is_down_with_a_reason),
        cmocka_unit_test(answers_that_are_refused_for_different_reasons_are_all_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
