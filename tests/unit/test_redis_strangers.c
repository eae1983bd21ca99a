// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/redis.h"
#include "tests/unit/turns.h"

// A server that is no Redis server, or lies: whatever it says at whatever step, the connection is given up with a word, whoever asked is
// told, and it costs no more than it may.

#define PONG       "+PONG\r\n"
#define SUBSCRIBED "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n"
#define NONE       "it is no Redis server"

enum { MOST_KIB = 64 << 10 };

// What it says at a step, and what it is given up with. `count` of it: it says it so often.
struct lie {
    const char *says;
    const char *why;
    unsigned count;
};
// Said instead of +OK, +PONG, the subscription, a message; none of them is an answer there.
static const struct lie lies[] = {
    {"HTTP/1.1 400 Bad Request\r\n\r\n", NONE, 1},
    {"\r\n", NONE, 1},
    {"+HELLO\r\n", NONE, 1},
    {":1\r\n", NONE, 1},
    {"$-1\r\n", NONE, 1},
    {"*-1\r\n", NONE, 1},
    {"*0\r\n", NONE, 1},
    {"*1\r\n:1\r\n", NONE, 1},
    {"*2\r\n$7\r\nmessage\r\n:1\r\n", NONE, 1},
    {"*3\r\n:1\r\n:2\r\n:3\r\n", NONE, 1},
    {"*3\r\n$7\r\nmessage\r\n$5\r\nother\r\n$1\r\nx\r\n", NONE, 1},
    {"*3\r\n$11\r\nunsubscribe\r\n$4\r\nnews\r\n$1\r\n0\r\n", NONE, 1},
    {"*3\r\n$-1\r\n$-1\r\n$-1\r\n", NONE, 1},
    {"*1\r\n", NONE, 20},
    {"$-5\r\n", NONE, 1},
    {"$x\r\n", NONE, 1},
    {"*99999999999999999999\r\n", NONE, 1},
    {"-ERR go away\r\n", "ERR go away", 1},
    {"-\r\n", "", 1},
    {"*1000000000\r\n", "a reply is larger", 1},
    {"*2147483647\r\n", "a reply is larger", 1},
    {"*200000\r\n", "a reply is larger", 9},
    {"+aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "a reply is larger", 4096},
    {"$111111111111111111111111111111", "a reply is larger", 4096},
};
// Said where an answer of any kind will do.
static const struct lie endless[] = {
    {"*1000000000\r\n", "a reply is larger", 1},
    {"*200000\r\n", "a reply is larger", 9},
    {"*200000\r\n$90\r\n0123456789012345678901234567890123456789012345678901234567890123456789"
     "01234567890123456789\r\n",
     "a reply is larger", 9},
    {"$2000000000\r\n0123456789012345678901234567890123456789012345678901234567890123456789",
     "a reply is larger", 300000},
};
#define COUNT_OF(list) (sizeof(list) / sizeof *(list))

static struct loop *loop;
static char folder[64], path[100];

struct seen {
    unsigned up, down, replies, lost, messages;
    char why[200];
};

static void on_up(void *arg) {
    ((struct seen *)arg)->up++;
}

static void on_down(void *arg, const char *why) {
    struct seen *s = arg;
    s->down++;
    snprintf(s->why, sizeof s->why, "%s", why);
}

static void on_message(void *arg, struct slice message) {
    (void)message;
    ((struct seen *)arg)->messages++;
}

static void on_reply(void *arg, const struct redisReply *reply) {
    struct seen *s = arg;
    s->replies++;
    s->lost += reply == NULL;
}

static struct redis *connect_to(struct seen *s, const char *password, const char *channel) {
    struct redis_conf conf = {.loop = loop,
                              .password = slice_of(password),
                              .answer_ms = 4000,
                              .subscribes = slice_of(channel),
                              .on_up = on_up,
                              .on_down = on_down,
                              .on_message = on_message,
                              .arg = s};
    char text[110];
    snprintf(text, sizeof text, "unix:%s", path);
    assert_true(address_parse(slice_of(text), &conf.address));
    return redis_new(&conf);
}

static int listen_there(void) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(fd, 5), 0);
    return fd;
}

// The other side, once it has said something.
static int accept_one(int listener) {
    char heard[4096];
    int fd = -1;
    TURN_UNTIL(fd >= 0 || (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0);
    TURN_UNTIL(recv(fd, heard, sizeof heard, 0) > 0);
    return fd;
}

// Until it is all said or nobody listens any more.
static void say(int fd, const char *words, unsigned count, const struct seen *s) {
    size_t len = strlen(words), total = len * count;
    char *all = malloc(total + 1);
    assert_non_null(all);
    for (unsigned i = 0; i < count; i++) memcpy(all + i * len, words, len);
    for (size_t said = 0; said < total && !s->down;) {
        ssize_t n = send(fd, all + said, total - said, MSG_NOSIGNAL);
        if (n > 0) said += (size_t)n;
        loop_turn(loop, 0);
    }
    free(all);
}

// Of this process, since the last time.
static long peak_kib(void) {
    char line[200];
    long kib = -1;
    FILE *f = fopen("/proc/self/status", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) sscanf(line, "VmHWM: %ld", &kib);
    fclose(f);
    f = fopen("/proc/self/clear_refs", "w");
    if (f) fputs("5", f);
    if (f) fclose(f);
    return kib;
}

static void expect_given_up(struct seen *s, const struct lie *lie, long before_kib) {
    TURN_UNTIL(s->down == 1);
    long costs_kib = peak_kib() - before_kib;
    if (!strstr(s->why, lie->why)) fail_msg("\"%.40s\" ends with \"%s\"", lie->says, s->why);
    if (costs_kib > MOST_KIB) fail_msg("\"%.40s\" costs %ld KiB", lie->says, costs_kib);
}

// `before` is right; what comes then is the lie.
static void lie_to(const char *password, const char *channel, const char *before,
                   const struct lie *lie) {
    struct seen s = {0};
    int listener = listen_there();
    peak_kib();
    long kib = peak_kib();
    struct redis *r = connect_to(&s, password, channel);
    int fd = accept_one(listener);
    say(fd, before, 1, &s);
    say(fd, lie->says, lie->count, &s);
    expect_given_up(&s, lie, kib);
    assert_false(redis_is_up(r));
    assert_int_equal(s.messages, 0);
    redis_free(r);
    close(fd);
    close(listener);
    unlink(path);
}

static void a_lie_instead_of_letting_in_ends_the_connection(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lies); i++) lie_to("secret", "", "", &lies[i]);
}

static void a_lie_instead_of_a_greeting_ends_the_connection(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lies); i++) lie_to("", "", "", &lies[i]);
    for (size_t i = 0; i < COUNT_OF(lies); i++) lie_to("secret", "", "+OK\r\n", &lies[i]);
}

static void a_lie_instead_of_a_subscription_ends_the_connection(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lies); i++) lie_to("", "news", "", &lies[i]);
}

static void a_lie_instead_of_a_message_ends_the_connection(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lies); i++) lie_to("", "news", SUBSCRIBED, &lies[i]);
}

static void an_answer_that_nobody_asked_for_ends_the_connection(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lies); i++) lie_to("", "", PONG, &lies[i]);
}

static void an_answer_without_end_ends_the_connection_and_is_told_to_who_asked(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(endless); i++) {
        struct seen s = {0};
        int listener = listen_there();
        struct redis *r = connect_to(&s, "", "");
        int fd = accept_one(listener);
        say(fd, PONG, 1, &s);
        TURN_UNTIL(s.up == 1);
        peak_kib();
        long kib = peak_kib();
        assert_true(redis_ask(r, &SLICE("GET"), 1, on_reply, &s));
        assert_true(redis_ask(r, &SLICE("GET"), 1, on_reply, &s));
        say(fd, endless[i].says, endless[i].count, &s);
        expect_given_up(&s, &endless[i], kib);
        assert_int_equal(s.replies, 2);
        assert_true(s.lost >= 1);
        redis_free(r);
        close(fd);
        close(listener);
        unlink(path);
    }
}

static void distrust(void *arg, const struct redisReply *reply) {
    if (reply) redis_distrust(arg, "I do not believe it");
}

static void one_that_is_not_believed_is_let_go_and_not_asked_again_at_once(void **state) {
    (void)state;
    struct seen s = {0};
    int listener = listen_there();
    struct redis *r = connect_to(&s, "", "");
    int fd = accept_one(listener);
    say(fd, PONG, 1, &s);
    TURN_UNTIL(s.up == 1);
    assert_true(redis_ask(r, &SLICE("GET"), 1, distrust, r));
    assert_true(redis_ask(r, &SLICE("GET"), 1, on_reply, &s));
    say(fd, ":1\r\n:2\r\n", 1, &s);
    TURN_UNTIL(s.down == 1);
    assert_string_equal(s.why, "I do not believe it");
    assert_int_equal(s.lost, 1);
    for (int i = 0; i < 30; i++) loop_turn(loop, 20);
    assert_true(accept(listener, NULL, NULL) < 0);
    redis_free(r);
    close(fd);
    close(listener);
    unlink(path);
}

static void free_it(void *arg, const struct redisReply *reply) {
    (void)reply;
    redis_free(arg);
}

static void it_may_be_freed_by_who_is_told_that_it_was_lost(void **state) {
    (void)state;
    struct seen s = {0};
    int listener = listen_there();
    struct redis *r = connect_to(&s, "", "");
    int fd = accept_one(listener);
    say(fd, PONG, 1, &s);
    TURN_UNTIL(s.up == 1);
    assert_true(redis_ask(r, &SLICE("GET"), 1, on_reply, &s));
    assert_true(redis_ask(r, &SLICE("GET"), 1, free_it, r));
    assert_true(redis_ask(r, &SLICE("GET"), 1, on_reply, &s));
    close(fd);
    TURN_UNTIL(s.lost == 1);
    for (int i = 0; i < 5; i++) loop_turn(loop, 5);
    assert_int_equal(s.replies, 1);
    assert_int_equal(s.down, 0);
    close(listener);
    unlink(path);
}

static int make_stage(void **state) {
    (void)state;
    signal(SIGPIPE, SIG_IGN); // as in every process of ours: hiredis writes with write()
    snprintf(folder, sizeof folder, "/tmp/rsp-strangers-XXXXXX");
    loop = loop_new();
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/redis.sock", folder);
    return 0;
}

static int clear_stage(void **state) {
    (void)state;
    unlink(path);
    loop_free(loop);
    return rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lie_instead_of_letting_in_ends_the_connection),
        cmocka_unit_test(a_lie_instead_of_a_greeting_ends_the_connection),
        cmocka_unit_test(a_lie_instead_of_a_subscription_ends_the_connection),
        cmocka_unit_test(a_lie_instead_of_a_message_ends_the_connection),
        cmocka_unit_test(an_answer_that_nobody_asked_for_ends_the_connection),
        cmocka_unit_test(an_answer_without_end_ends_the_connection_and_is_told_to_who_asked),
        cmocka_unit_test(one_that_is_not_believed_is_let_go_and_not_asked_again_at_once),
        cmocka_unit_test(it_may_be_freed_by_who_is_told_that_it_was_lost),
    };
    return cmocka_run_group_tests(tests, make_stage, clear_stage);
}
