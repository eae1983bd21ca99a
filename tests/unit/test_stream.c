// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/loop.h"
#include "core/stream.h"
#include "tests/unit/turns.h"

static struct loop *loop;

static int set_up(void **state) {
    (void)state;
    loop = loop_new();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    loop_free(loop);
    return 0;
}

static void turn_for_ms(unsigned ms) {
    uint64_t began = clock_read_us();
    while (clock_read_us() - began < ms * 1000ull) loop_turn(loop, 5);
}

// A stream over one end of a socketpair, and the other end bare.
static struct stream *stream_and_fd(int *fd) {
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    *fd = fds[1];
    return stream_new(loop, fds[0]);
}

static void count_wake(void *arg) {
    ++*(int *)arg;
}

static void assert_input(struct stream *s, const char *text) {
    assert_int_equal(stream_input_len(s), strlen(text));
    assert_memory_equal(stream_peek(s).at, text, strlen(text));
}

// --- waking ---

static void the_owner_is_woken_once_a_turn_and_never_from_inside_a_call(void **state) {
    (void)state;
    int fd;
    int wakes = 0;
    struct stream *s = stream_and_fd(&fd);
    stream_set_owner(s, count_wake, &wakes);
    stream_wake_later(s);
    stream_wake_later(s);
    assert_int_equal(wakes, 0);
    loop_turn(loop, 0);
    assert_int_equal(wakes, 1);
    assert_int_equal(write(fd, "abc", 3), 3);
    assert_int_equal(stream_input_len(s), 0);
    loop_turn(loop, 100);
    assert_int_equal(wakes, 2);
    assert_input(s, "abc");
    loop_turn(loop, 5);
    assert_int_equal(wakes, 2);
    stream_free(s);
    close(fd);
}

static void what_is_written_in_a_turn_goes_out_at_its_end(void **state) {
    (void)state;
    int fd;
    char got[32];
    struct stream *s = stream_and_fd(&fd);
    loop_turn(loop, 0);
    stream_write(s, SLICE("one "));
    memcpy(stream_reserve(s, 100), "two ", 4);
    stream_commit(s, 4);
    stream_write(s, SLICE("three"));
    assert_int_equal(stream_backlog(s), 13);
    assert_int_equal(read(fd, got, sizeof(got)), -1);
    loop_turn(loop, 0);
    assert_int_equal(read(fd, got, sizeof(got)), 13);
    assert_memory_equal(got, "one two three", 13);
    assert_int_equal(stream_backlog(s), 0);
    stream_write(s, SLICE("now"));
    stream_flush(s);
    assert_int_equal(read(fd, got, sizeof(got)), 3);
    stream_free(s);
    close(fd);
}

static void only_who_has_looked_at_the_backlog_is_woken_when_it_is_gone(void **state) {
    (void)state;
    int fd;
    int wakes = 0;
    struct stream *s = stream_and_fd(&fd);
    stream_set_owner(s, count_wake, &wakes);
    stream_write(s, SLICE("x"));
    loop_turn(loop, 0);
    assert_int_equal(wakes, 0);
    stream_write(s, SLICE("x"));
    assert_int_equal(stream_backlog(s), 1);
    loop_turn(loop, 0);
    assert_int_equal(wakes, 1);
    stream_free(s);
    close(fd);
}

static size_t drain_fd(int fd, size_t most) {
    char piece[65536];
    size_t sum = 0;
    while (sum < most) {
        ssize_t n = read(fd, piece, most - sum < sizeof(piece) ? most - sum : sizeof(piece));
        if (n <= 0) break;
        sum += (size_t)n;
    }
    return sum;
}

static void the_owner_is_woken_at_the_low_mark_and_at_nothing(void **state) {
    (void)state;
    int fd;
    int wakes = 0;
    struct stream *s = stream_and_fd(&fd);
    static char much[1 << 20];
    stream_set_owner(s, count_wake, &wakes);
    stream_set_low_mark(s, 300000);
    stream_write(s, (struct slice){much, sizeof(much)});
    stream_flush(s);
    size_t left = stream_backlog(s);
    assert_true(left > 300000);
    turn_for_ms(20);
    assert_int_equal(wakes, 0);
    while (stream_backlog(s) > 300000) {
        assert_int_equal(wakes, 0);
        drain_fd(fd, 50000);
        loop_turn(loop, 5);
    }
    assert_int_equal(wakes, 1);
    while (stream_backlog(s) > 0) {
        assert_int_equal(wakes, 1);
        drain_fd(fd, 50000);
        loop_turn(loop, 5);
    }
    assert_int_equal(wakes, 2);
    assert_true(stream_bytes_out(s) == sizeof(much));
    stream_free(s);
    close(fd);
}

static struct stream *victim;

static void free_victim(void *arg) {
    ++*(int *)arg;
    stream_free(victim);
}

static void a_stream_may_be_freed_when_it_wakes_and_never_wakes_again(void **state) {
    (void)state;
    int fd;
    int wakes = 0;
    victim = stream_and_fd(&fd);
    stream_set_owner(victim, free_victim, &wakes);
    assert_int_equal(write(fd, "abc", 3), 3);
    TURN_UNTIL(wakes);
    turn_for_ms(10);
    assert_int_equal(wakes, 1);
    char byte;
    assert_int_equal(read(fd, &byte, 1), 0); // closed
    close(fd);
}

static void a_wake_that_waits_dies_with_its_stream(void **state) {
    (void)state;
    int fd;
    int wakes = 0;
    struct stream *s = stream_and_fd(&fd);
    stream_set_owner(s, count_wake, &wakes);
    stream_wake_later(s);
    stream_free(s);
    turn_for_ms(5);
    assert_int_equal(wakes, 0);
    close(fd);
}

static void a_descriptor_number_used_again_in_the_same_turn_is_watched(void **state) {
    (void)state;
    for (int i = 0; i < 20; i++) {
        int old_other, other;
        struct stream *old = stream_and_fd(&old_other);
        loop_turn(loop, 5); // waits in epoll now
        int fd = stream_fd(old);
        stream_free(old);
        struct stream *s = stream_and_fd(&other);
        assert_int_equal(stream_fd(s), fd);
        loop_turn(loop, 0);
        assert_int_equal(write(other, "x", 1), 1);
        TURN_UNTIL(stream_input_len(s) == 1);
        stream_free(s);
        close(other);
        close(old_other);
    }
}

// --- reading ---

static void a_source_that_nobody_takes_from_costs_no_more_than_input_max(void **state) {
    (void)state;
    int fd;
    static char much[1 << 20];
    struct stream *s = stream_and_fd(&fd);
    stream_set_input_max(s, 30000);
    ssize_t given = write(fd, much, sizeof(much));
    assert_true(given > 60000);
    TURN_UNTIL(stream_input_len(s) >= 30000);
    turn_for_ms(10);
    assert_in_range(stream_input_len(s), 30000, 30000 + 30000 / 8);
    stream_consume(s, 10000);
    TURN_UNTIL(stream_input_len(s) >= 30000);
    turn_for_ms(10);
    assert_in_range(stream_input_len(s), 30000, 30000 + 30000 / 8);
    stream_free(s);
    close(fd);
}

static void a_held_stream_does_not_read_until_every_reason_is_gone(void **state) {
    (void)state;
    int fd;
    struct stream *s = stream_and_fd(&fd);
    stream_hold(s, HOLD_NOT_WANTED);
    stream_hold(s, HOLD_SINK_FULL);
    assert_int_equal(write(fd, "abc", 3), 3);
    turn_for_ms(10);
    stream_release(s, HOLD_SINK_FULL);
    stream_release(s, HOLD_SINK_FULL);
    turn_for_ms(10);
    assert_int_equal(stream_input_len(s), 0);
    stream_release(s, HOLD_NOT_WANTED);
    TURN_UNTIL(stream_input_len(s) == 3);
    stream_free(s);
    close(fd);
}

static void the_end_is_said_while_input_is_left_and_writing_goes_on(void **state) {
    (void)state;
    int fd;
    char got[8];
    int wakes = 0;
    struct stream *s = stream_and_fd(&fd);
    stream_set_owner(s, count_wake, &wakes);
    assert_int_equal(write(fd, "last", 4), 4);
    shutdown(fd, SHUT_WR);
    TURN_UNTIL(stream_end(s) == STREAM_ENDED);
    assert_true(wakes > 0);
    assert_input(s, "last");
    wakes = 0;
    turn_for_ms(20); // the end of file does not keep the loop busy
    assert_int_equal(wakes, 0);
    stream_write(s, SLICE("reply"));
    loop_turn(loop, 5);
    assert_int_equal(read(fd, got, sizeof(got)), 5);
    stream_free(s);
    close(fd);
}

static int connected(int *other) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listening, (struct sockaddr *)&a, len), 0);
    assert_int_equal(listen(listening, 1), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&a, &len), 0);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, len), 0);
    *other = accept(listening, NULL, NULL);
    close(listening);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void reset_by_closing(int fd) {
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
    close(fd);
}

static void a_reset_is_a_failure_with_a_reason_and_keeps_what_came_before(void **state) {
    (void)state;
    int other;
    struct stream *s = stream_new(loop, connected(&other));
    assert_int_equal(write(other, "early", 5), 5);
    TURN_UNTIL(stream_input_len(s) == 5);
    reset_by_closing(other);
    TURN_UNTIL(stream_end(s) == STREAM_FAILED);
    assert_input(s, "early");
    assert_non_null(strstr(stream_failure(s), "reset"));
    stream_write(s, SLICE("ignored"));
    assert_int_equal(stream_backlog(s), 0);
    stream_shut(s);
    turn_for_ms(5);
    assert_false(stream_is_shut(s));
    stream_free(s);
}

// A backend that answers early and closes: the answer is still with the kernel when our next write fails.
static void an_answer_sent_before_the_peer_went_is_read_when_a_write_fails(void **state) {
    (void)state;
    int other;
    struct stream *s = stream_new(loop, connected(&other));
    stream_hold(s, HOLD_NOT_WANTED);
    stream_write(s, SLICE("unread"));
    loop_turn(loop, 5);
    assert_int_equal(write(other, "413", 3), 3);
    shutdown(other, SHUT_WR);
    usleep(20000);
    close(other); // with unread input: a reset
    usleep(20000);
    stream_write(s, SLICE("more"));
    TURN_UNTIL(stream_end(s) == STREAM_FAILED);
    assert_input(s, "413");
    stream_free(s);
}

static void writing_to_a_closed_peer_fails_without_a_signal(void **state) {
    (void)state;
    int fd;
    int wakes = 0;
    struct stream *s = stream_and_fd(&fd);
    stream_set_owner(s, count_wake, &wakes);
    stream_hold(s, HOLD_NOT_WANTED);
    loop_turn(loop, 0);
    close(fd);
    stream_write(s, SLICE("x"));
    TURN_UNTIL(stream_end(s) == STREAM_FAILED);
    assert_true(wakes > 0);
    assert_int_equal(stream_backlog(s), 0);
    stream_free(s);
}

// --- the end of writing ---

static void shut_sends_the_backlog_first_and_then_the_end(void **state) {
    (void)state;
    int fd;
    int wakes = 0;
    static char much[1 << 20];
    struct stream *s = stream_and_fd(&fd);
    stream_set_owner(s, count_wake, &wakes);
    stream_write(s, (struct slice){much, sizeof(much)});
    stream_shut(s);
    stream_shut(s);
    turn_for_ms(10);
    assert_false(stream_is_shut(s));
    size_t got = 0;
    while (!stream_is_shut(s)) {
        got += drain_fd(fd, 100000);
        loop_turn(loop, 5);
    }
    got += drain_fd(fd, sizeof(much));
    assert_int_equal(got, sizeof(much));
    assert_int_equal(wakes, 1);
    char byte;
    assert_int_equal(read(fd, &byte, 1), 0);
    assert_int_equal(write(fd, "still", 5), 5);
    TURN_UNTIL(stream_input_len(s) == 5);
    stream_free(s);
    close(fd);
}

static void say_bye_when_empty(void *arg) {
    struct stream *s = arg;
    if (stream_backlog(s) > 0 || stream_is_shut(s)) return;
    stream_write(s, SLICE("bye"));
    stream_shut(s);
}

static void what_the_owner_does_when_a_refused_backlog_is_gone_is_done_in_that_turn(void **state) {
    (void)state;
    int fd;
    static char much[1 << 20];
    struct stream *s = stream_and_fd(&fd);
    stream_write(s, (struct slice){much, sizeof(much)});
    stream_set_owner(s, say_bye_when_empty, s);
    stream_wake_later(s);
    size_t got = 0;
    for (int turns = 0; stream_bytes_out(s) < sizeof(much); turns++) {
        assert_true(turns < 1000);
        got += drain_fd(fd, sizeof(much));
        loop_turn(loop, 5);
    }
    assert_true(stream_is_shut(s)); // all in the turn in which the last byte went
    assert_int_equal(stream_bytes_out(s), sizeof(much) + 3);
    got += drain_fd(fd, sizeof(much));
    assert_int_equal(got, sizeof(much) + 3);
    stream_free(s);
    close(fd);
}

static void only_shut_when_a_refused_backlog_is_gone(void *arg) {
    struct stream *s = arg;
    if (stream_backlog(s) == 0) stream_shut(s);
}

static void a_shut_in_the_wake_of_a_refused_backlog_is_sent(void **state) {
    (void)state;
    int fd;
    static char much[1 << 20];
    struct stream *s = stream_and_fd(&fd);
    stream_write(s, (struct slice){much, sizeof(much)});
    stream_set_owner(s, only_shut_when_a_refused_backlog_is_gone, s);
    stream_wake_later(s);
    for (int turns = 0; !stream_is_shut(s); turns++) {
        assert_true(turns < 1000);
        drain_fd(fd, sizeof(much));
        loop_turn(loop, 5);
    }
    stream_free(s);
    close(fd);
}

static void times_and_counts_of_the_wire_are_kept(void **state) {
    (void)state;
    int fd;
    struct stream *s = stream_and_fd(&fd);
    uint64_t began_ms = stream_last_input_ms(s);
    turn_for_ms(15);
    assert_int_equal(write(fd, "four", 4), 4);
    TURN_UNTIL(stream_input_len(s) == 4);
    assert_true(stream_last_input_ms(s) >= began_ms + 10);
    assert_true(stream_last_output_ms(s) == began_ms);
    assert_int_equal(stream_bytes_in(s), 4);
    assert_string_equal(stream_failure(s), "no failure");
    assert_int_equal(stream_handshake(s), READY);
    assert_null(stream_layer(s));
    stream_free(s);
    close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_owner_is_woken_once_a_turn_and_never_from_inside_a_call),
        TEST(what_is_written_in_a_turn_goes_out_at_its_end),
        TEST(only_who_has_looked_at_the_backlog_is_woken_when_it_is_gone),
        TEST(the_owner_is_woken_at_the_low_mark_and_at_nothing),
        TEST(a_stream_may_be_freed_when_it_wakes_and_never_wakes_again),
        TEST(a_wake_that_waits_dies_with_its_stream),
        TEST(a_descriptor_number_used_again_in_the_same_turn_is_watched),
        TEST(a_source_that_nobody_takes_from_costs_no_more_than_input_max),
        TEST(a_held_stream_does_not_read_until_every_reason_is_gone),
        TEST(the_end_is_said_while_input_is_left_and_writing_goes_on),
        TEST(a_reset_is_a_failure_with_a_reason_and_keeps_what_came_before),
        TEST(an_answer_sent_before_the_peer_went_is_read_when_a_write_fails),
        TEST(writing_to_a_closed_peer_fails_without_a_signal),
        TEST(shut_sends_the_backlog_first_and_then_the_end),
        TEST(what_the_owner_does_when_a_refused_backlog_is_gone_is_done_in_that_turn),
        TEST(a_shut_in_the_wake_of_a_refused_backlog_is_sent),
        TEST(times_and_counts_of_the_wire_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
