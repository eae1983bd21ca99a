// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/redis.h"
#include "tests/unit/turns.h"

// A real redis-server on a unix socket in a folder of its own.

static struct loop *loop;
static char folder[64];
static pid_t server;

struct seen {
    unsigned up, down, replies, lost, messages;
    char why[200], last[64];
};

static void on_up(void *arg) {
    ((struct seen *)arg)->up++;
}

static void on_down(void *arg, const char *why) {
    struct seen *s = arg;
    s->down++;
    snprintf(s->why, sizeof s->why, "%s", why);
}

static void keep(struct seen *s, struct slice text) {
    snprintf(s->last, sizeof s->last, "%.*s", SLICE_ARGS(text));
}

static void on_message(void *arg, struct slice message) {
    struct seen *s = arg;
    s->messages++;
    keep(s, message);
}

static void on_reply(void *arg, const struct redisReply *reply) {
    struct seen *s = arg;
    s->replies++;
    if (!reply) s->lost++;
    keep(s, redis_reply_text(reply));
}

static void start_server(void) {
    char path[100];
    snprintf(path, sizeof path, "%s/redis.sock", folder);
    server = fork();
    assert_true(server >= 0);
    if (server > 0) return;
    if (!freopen("/dev/null", "w", stdout)) _exit(126);
    execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", path, "--save", "",
           "--appendonly", "no", "--dir", folder, (char *)NULL);
    _exit(127);
}

static void stop_server(int signal_number) {
    kill(server, signal_number);
    waitpid(server, NULL, 0);
    server = 0;
}

static struct redis *connect_to_server(struct seen *s, struct slice channel, unsigned answer_ms) {
    char text[110];
    struct redis_conf conf = {.loop = loop,
                              .answer_ms = answer_ms,
                              .subscribes = channel,
                              .on_up = on_up,
                              .on_down = on_down,
                              .on_message = on_message,
                              .arg = s};
    snprintf(text, sizeof text, "unix:%s/redis.sock", folder);
    assert_true(address_parse(slice_of(text), &conf.address));
    return redis_new(&conf);
}

static bool ask(struct redis *r, struct seen *s, const char *command) {
    struct slice words[8], rest = slice_of(command);
    size_t count = 0;
    while (rest.len > 0 && count < 8) words[count++] = slice_cut(&rest, ' ');
    return redis_ask(r, words, count, on_reply, s);
}

static void commands_are_answered_in_order_and_messages_arrive(void **state) {
    (void)state;
    struct seen s = {0}, listener = {0};
    start_server();
    struct redis *r = connect_to_server(&s, (struct slice){NULL, 0}, 5000);
    struct redis *l = connect_to_server(&listener, SLICE("news"), 5000);
    assert_false(ask(r, &s, "PING"));
    TURN_UNTIL(s.up == 1 && listener.up == 1);
    assert_true(ask(r, &s, "SET a 1"));
    assert_true(ask(r, &s, "GET a"));
    TURN_UNTIL(s.replies == 2);
    assert_string_equal(s.last, "1");
    assert_true(ask(r, &s, "PUBLISH news hello"));
    TURN_UNTIL(listener.messages == 1);
    assert_string_equal(listener.last, "hello");
    assert_true(ask(r, &s, "NONSENSE"));
    TURN_UNTIL(s.replies == 4);
    assert_memory_equal(s.last, "ERR", 3);
    redis_free(r);
    redis_free(l);
    stop_server(SIGTERM);
}

static void a_server_that_comes_back_is_found_again(void **state) {
    (void)state;
    struct seen s = {0};
    struct redis *r = connect_to_server(&s, (struct slice){NULL, 0}, 5000);
    TURN_UNTIL(s.down >= 1);
    start_server();
    TURN_UNTIL(s.up == 1);
    unsigned down = s.down;
    assert_true(ask(r, &s, "GET a"));
    stop_server(SIGKILL);
    TURN_UNTIL(s.down > down && s.replies == 1);
    assert_false(redis_is_up(r));
    start_server();
    TURN_UNTIL(s.up == 2);
    redis_free(r);
    stop_server(SIGTERM);
}

static void a_server_that_stops_answering_counts_as_lost(void **state) {
    (void)state;
    struct seen s = {0};
    start_server();
    struct redis *r = connect_to_server(&s, (struct slice){NULL, 0}, 300);
    TURN_UNTIL(s.up == 1);
    unsigned down = s.down;
    kill(server, SIGSTOP);
    assert_true(ask(r, &s, "GET a"));
    TURN_UNTIL(s.down > down && s.lost == 1);
    assert_string_equal(s.why, "it does not answer in time");
    kill(server, SIGCONT);
    TURN_UNTIL(s.up == 2);
    redis_free(r);
    stop_server(SIGTERM);
}

static void one_that_is_freed_says_nothing_any_more(void **state) {
    (void)state;
    struct seen s = {0};
    start_server();
    struct redis *r = connect_to_server(&s, (struct slice){NULL, 0}, 5000);
    TURN_UNTIL(s.up == 1);
    assert_true(ask(r, &s, "GET a"));
    redis_free(r);
    for (int i = 0; i < 5; i++) loop_turn(loop, 10);
    assert_int_equal(s.replies, 0);
    stop_server(SIGTERM);
}

static int make_stage(void **state) {
    (void)state;
    signal(SIGPIPE, SIG_IGN); // as in every process of ours: hiredis writes with write()
    snprintf(folder, sizeof folder, "/tmp/rsp-redis-XXXXXX");
    loop = loop_new();
    return mkdtemp(folder) ? 0 : -1;
}

static int clear_stage(void **state) {
    char path[100];
    (void)state;
    if (server > 0) stop_server(SIGKILL);
    snprintf(path, sizeof path, "%s/redis.sock", folder);
    unlink(path);
    loop_free(loop);
    return rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_are_answered_in_order_and_messages_arrive),
        cmocka_unit_test(a_server_that_comes_back_is_found_again),
        cmocka_unit_test(a_server_that_stops_answering_counts_as_lost),
        cmocka_unit_test(one_that_is_freed_says_nothing_any_more),
    };
    return cmocka_run_group_tests(tests, make_stage, clear_stage);
}
