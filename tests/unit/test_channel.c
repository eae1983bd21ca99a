// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/channel.h"
#include "core/log.h"

// What one end heard.
struct end {
    struct channel *channel;
    size_t count;
    unsigned last_type;
    char last[CHANNEL_BODY_MAX];
    size_t last_len;
    int fds[CHANNEL_FDS_MAX]; // kept ones
    size_t fd_count;
    size_t closed;
    size_t free_at; // free the channel at this message; 0: never
    bool keeps_fds;
    bool answers;
    bool is_numbered; // types count up from 0
};

static struct loop *loop;
static struct end a, b;

static void on_message(void *arg, unsigned type, struct slice body, int *fds, size_t fd_count) {
    struct end *e = arg;
    if (e->is_numbered) {
        assert_int_equal(type, e->count);
        assert_int_equal(body.len, type % 2 ? CHANNEL_BODY_MAX : 10);
        assert_int_equal(fd_count, type % 3 == 0);
    }
    e->count++;
    e->last_type = type;
    memcpy(e->last, body.at, body.len);
    e->last_len = body.len;
    e->fd_count = fd_count;
    for (size_t i = 0; i < fd_count; i++) {
        e->fds[i] = fds[i];
        if (e->keeps_fds) fds[i] = -1;
    }
    if (e->answers) assert_true(channel_send(e->channel, type + 1, body, fds, 0));
    if (e->count == e->free_at) {
        channel_free(e->channel);
        e->channel = NULL;
    }
}

static void on_closed(void *arg) {
    struct end *e = arg;
    e->closed++;
    channel_free(e->channel);
    e->channel = NULL;
}

static void open_end(struct end *e, int fd) {
    *e = (struct end){0};
    const struct channel_conf conf = {on_message, on_closed, e};
    e->channel = channel_new(loop, fd, &conf);
}

static int open_pair(void **state) {
    (void)state;
    int ends[2];
    loop = loop_new();
    if (!channel_pair(ends)) return -1;
    open_end(&a, ends[0]);
    open_end(&b, ends[1]);
    return 0;
}

static int close_pair(void **state) {
    (void)state;
    channel_free(a.channel);
    channel_free(b.channel);
    loop_free(loop);
    return 0;
}

static void turn_until(const size_t *count, size_t wanted) {
    for (int i = 0; i < 2000 && *count < wanted; i++) loop_turn(loop, 10);
    assert_int_equal(*count, wanted);
}

static size_t count_descriptors(void) {
    size_t n = 0;
    for (int fd = 0; fd < 1000; fd++) n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void messages_arrive_whole_in_both_directions(void **state) {
    (void)state;
    static char large[CHANNEL_BODY_MAX];
    for (size_t i = 0; i < sizeof large; i++) large[i] = (char)(i * 31);
    b.answers = true;
    assert_true(channel_send(a.channel, 7, (struct slice){large, sizeof large}, NULL, 0));
    turn_until(&a.count, 1);
    assert_int_equal(b.last_type, 7);
    assert_int_equal(a.last_type, 8);
    assert_int_equal(a.last_len, sizeof large);
    assert_memory_equal(a.last, large, sizeof large);
    assert_true(channel_send(a.channel, 9, (struct slice){NULL, 0}, NULL, 0));
    turn_until(&a.count, 2);
    assert_int_equal(a.last_type, 10);
    assert_int_equal(a.last_len, 0);
}

static void descriptors_travel_and_are_close_on_exec(void **state) {
    (void)state;
    int pipes[8][2], sent[16];
    for (int i = 0; i < 8; i++) {
        assert_int_equal(pipe2(pipes[i], O_CLOEXEC), 0);
        memcpy(sent + 2 * i, pipes[i], sizeof pipes[i]);
    }
    size_t before = count_descriptors();
    b.keeps_fds = true;
    assert_true(channel_send(a.channel, 1, SLICE("pipes"), sent, 16));
    turn_until(&b.count, 1);
    assert_int_equal(b.fd_count, 16);
    assert_int_equal(count_descriptors(), before + 16);
    char c = 0;
    assert_int_equal(write(b.fds[15], "x", 1), 1);
    assert_int_equal(read(pipes[7][0], &c, 1), 1);
    assert_int_equal(c, 'x');
    for (int i = 0; i < 16; i++) {
        assert_int_equal(fcntl(b.fds[i], F_GETFD), FD_CLOEXEC);
        close(b.fds[i]);
        close(sent[i]);
    }
}

static void descriptors_that_nobody_keeps_are_closed(void **state) {
    (void)state;
    size_t before = count_descriptors();
    assert_true(channel_send(a.channel, 1, SLICE(""), (int[]){0, 1, 2}, 3));
    turn_until(&b.count, 1);
    assert_int_equal(b.fd_count, 3);
    assert_int_equal(count_descriptors(), before);
}

static void what_the_kernel_refuses_waits_in_order(void **state) {
    (void)state;
    static char body[CHANNEL_BODY_MAX];
    size_t before = count_descriptors();
    unsigned sent = 0;
    b.is_numbered = true;
    for (; channel_waiting(a.channel) < 50; sent++) {
        struct slice s = {body, sent % 2 ? sizeof body : 10};
        assert_true(channel_send(a.channel, sent, s, (int[]){0}, sent % 3 == 0));
    }
    turn_until(&b.count, sent);
    assert_int_equal(channel_waiting(a.channel), 0);
    assert_int_equal(count_descriptors(), before);
}

static void a_full_queue_refuses_more(void **state) {
    (void)state;
    static char body[CHANNEL_BODY_MAX];
    struct slice s = {body, sizeof body};
    size_t sent = 0;
    while (channel_send(a.channel, 1, s, NULL, 0)) assert_true(++sent < 1000);
    assert_int_equal(channel_waiting(a.channel), CHANNEL_WAITING_MAX);
    turn_until(&b.count, sent);
    assert_true(channel_send(a.channel, 1, s, NULL, 0));
}

static void the_end_of_the_other_side_is_said_once(void **state) {
    (void)state;
    assert_true(channel_send(b.channel, 5, SLICE("last words"), NULL, 0));
    assert_true(channel_send(a.channel, 6, SLICE("never read"), NULL, 0));
    channel_free(b.channel);
    b.channel = NULL;
    turn_until(&a.closed, 1);
    assert_int_equal(a.count, 1);
    assert_int_equal(a.last_type, 5);
}

static void sending_to_nobody_fails_without_a_signal(void **state) {
    (void)state;
    channel_free(b.channel);
    b.channel = NULL;
    assert_false(channel_send(a.channel, 1, SLICE("x"), NULL, 0));
    turn_until(&a.closed, 1);
}

// It is what happens when a process ends on a signal of its own before it is told to.
static void nothing_is_said_of_a_message_to_who_has_left(void **state) {
    (void)state;
    char said[100];
    int ends[2];
    assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    log_set_fd(ends[1]);
    log_set_level(LOG_LEVEL_INFO);
    channel_free(b.channel);
    b.channel = NULL;
    assert_false(channel_send(a.channel, 1, SLICE("x"), NULL, 0));
    turn_until(&a.closed, 1);
    log_set_level(LOG_LEVEL_ERROR);
    log_set_fd(-1);
    assert_int_equal(read(ends[0], said, sizeof said), -1);
    close(ends[0]);
    close(ends[1]);
}

static void a_queue_for_a_dead_end_is_dropped(void **state) {
    (void)state;
    static char body[CHANNEL_BODY_MAX];
    size_t before = count_descriptors();
    while (channel_waiting(a.channel) < 10)
        channel_send(a.channel, 1, (struct slice){body, sizeof body}, (int[]){0}, 1);
    channel_free(b.channel);
    b.channel = NULL;
    turn_until(&a.closed, 1);
    assert_int_equal(count_descriptors(), before - 2);
}

static void a_channel_may_be_freed_by_its_message(void **state) {
    (void)state;
    b.free_at = 2;
    for (int i = 0; i < 4; i++) channel_send(a.channel, 1, SLICE("x"), (int[]){0}, 1);
    turn_until(&b.count, 2);
    turn_until(&a.closed, 1);
    assert_int_equal(b.count, 2);
}

static void missing_descriptors_lose_no_message(void **state) {
    (void)state;
    struct rlimit old, low;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    int highest = open("/dev/null", O_RDONLY | O_CLOEXEC);
    low = (struct rlimit){(rlim_t)highest + 1, old.rlim_max};
    assert_true(channel_send(a.channel, 3, SLICE("body"), (int[]){0, 1}, 2));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    turn_until(&b.count, 1);
    setrlimit(RLIMIT_NOFILE, &old);
    close(highest);
    assert_int_equal(b.fd_count, 0);
    assert_int_equal(b.last_len, 4);
}

int main(void) {
#define ON_A_PAIR(test) cmocka_unit_test_setup_teardown(test, open_pair, close_pair)
    const struct CMUnitTest tests[] = {
        ON_A_PAIR(messages_arrive_whole_in_both_directions),
        ON_A_PAIR(descriptors_travel_and_are_close_on_exec),
        ON_A_PAIR(descriptors_that_nobody_keeps_are_closed),
        ON_A_PAIR(what_the_kernel_refuses_waits_in_order),
        ON_A_PAIR(a_full_queue_refuses_more),
        ON_A_PAIR(the_end_of_the_other_side_is_said_once),
        ON_A_PAIR(sending_to_nobody_fails_without_a_signal),
        ON_A_PAIR(nothing_is_said_of_a_message_to_who_has_left),
        ON_A_PAIR(a_queue_for_a_dead_end_is_dropped),
        ON_A_PAIR(a_channel_may_be_freed_by_its_message),
        ON_A_PAIR(missing_descriptors_lose_no_message),
    };
    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
