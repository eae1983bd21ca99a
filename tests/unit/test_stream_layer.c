// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// The seam for TLS, with a toy in its place.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/buffer.h"
#include "core/clock.h"
#include "core/loop.h"
#include "core/stream.h"
#include "tests/unit/toy_layer.h"
#include "tests/unit/turns.h"

static struct loop *loop;

static int set_up(void **state) {
    (void)state;
    loop = loop_new();
    toys_freed = 0;
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

static void count_wake(void *arg) {
    ++*(int *)arg;
}

static void toy_pair(struct stream *pair[2]) {
    stream_pair(loop, pair);
    add_toy(pair[0]);
    add_toy(pair[1]);
    TURN_UNTIL(stream_handshake(pair[0]) == READY && stream_handshake(pair[1]) == READY);
}

// A stream with a layer, and the other end bare.
static struct stream *toy_and_fd(int *fd) {
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    *fd = fds[1];
    struct stream *s = stream_new(loop, fds[0]);
    add_toy(s);
    return s;
}

static void free_pair(struct stream *pair[2]) {
    stream_free(pair[0]);
    stream_free(pair[1]);
}

static void a_handshake_is_pending_then_ready_and_wakes_its_owner(void **state) {
    (void)state;
    int wakes = 0;
    struct stream *pair[2];
    stream_pair(loop, pair);
    add_toy(pair[0]);
    stream_set_owner(pair[0], count_wake, &wakes);
    turn_for_ms(5);
    assert_int_equal(stream_handshake(pair[0]), PENDING);
    assert_int_equal(wakes, 0);
    add_toy(pair[1]); // what has come is its wire input
    TURN_UNTIL(wakes == 1);
    assert_int_equal(stream_handshake(pair[0]), READY);
    free_pair(pair);
    loop_turn(loop, 0);
    assert_int_equal(toys_freed, 2);
}

static void a_held_stream_ends_its_handshake_and_then_stops_reading(void **state) {
    (void)state;
    int fd;
    char got[64];
    struct stream *s = toy_and_fd(&fd);
    stream_hold(s, HOLD_NOT_WANTED);
    stream_write(s, SLICE("a"));
    turn_for_ms(5);
    assert_int_equal(write(fd, "H\0\0", 3), 3);
    TURN_UNTIL(stream_handshake(s) == READY);
    turn_for_ms(5);
    assert_int_equal(read(fd, got, sizeof(got)), 3 + 4);
    assert_int_equal(write(fd, "D\0\1\x3b", 4), 4);
    turn_for_ms(10);
    assert_int_equal(stream_input_len(s), 0);
    stream_release(s, HOLD_NOT_WANTED);
    TURN_UNTIL(stream_input_len(s) == 1);
    stream_free(s);
    close(fd);
}

static void what_is_written_before_the_handshake_ends_is_sent_after_it(void **state) {
    (void)state;
    struct stream *pair[2];
    stream_pair(loop, pair);
    add_toy(pair[0]);
    stream_write(pair[0], SLICE("eager"));
    stream_shut(pair[0]);
    turn_for_ms(5);
    assert_int_equal(stream_backlog(pair[0]), 5);
    assert_int_equal(stream_input_len(pair[1]), 3); // only hello
    add_toy(pair[1]);
    TURN_UNTIL(stream_end(pair[1]) == STREAM_ENDED);
    assert_memory_equal(stream_peek(pair[1]).at, "eager", 5);
    assert_true(stream_is_shut(pair[0]));
    free_pair(pair);
}

// PROXY protocol before TLS.
static void what_was_written_before_the_layer_came_goes_first_and_plain(void **state) {
    (void)state;
    int fd;
    int fds[2];
    char got[64];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    fd = fds[1];
    struct stream *s = stream_new(loop, fds[0]);
    stream_write(s, SLICE("PROXY\n"));
    add_toy(s);
    turn_for_ms(5);
    assert_int_equal(read(fd, got, sizeof(got)), 9);
    assert_memory_equal(got, "PROXY\nH\0\0", 9);
    stream_free(s);
    close(fd);
}

struct copy {
    struct stream *from, *to;
    size_t left, got, bite, most_input;
    uint32_t noise, expected;
};

static void feed(void *arg) {
    struct copy *c = arg;
    while (c->left > 0 && stream_backlog(c->from) < 100000) {
        char piece[3001];
        size_t n = c->left < sizeof(piece) ? c->left : sizeof(piece);
        for (size_t i = 0; i < n; i++) piece[i] = (char)((c->noise = c->noise * 69069 + 1) >> 24);
        stream_write(c->from, (struct slice){piece, n});
        c->left -= n;
    }
    if (c->left == 0) stream_shut(c->from);
}

static void eat(void *arg) {
    struct copy *c = arg;
    struct slice run = stream_peek(c->to);
    if (stream_input_len(c->to) > c->most_input) c->most_input = stream_input_len(c->to);
    if (run.len > c->bite) run.len = c->bite;
    for (size_t i = 0; i < run.len; i++)
        assert_true(run.at[i] == (char)((c->expected = c->expected * 69069 + 1) >> 24));
    c->got += run.len;
    stream_consume(c->to, run.len);
    if (stream_input_len(c->to) > 0) stream_wake_later(c->to);
}

static void transfer(size_t bytes, size_t bite) {
    struct stream *pair[2];
    toy_pair(pair);
    struct copy c = {.from = pair[0], .to = pair[1], .left = bytes, .bite = bite};
    stream_set_owner(pair[0], feed, &c);
    stream_set_owner(pair[1], eat, &c);
    stream_wake_later(pair[0]);
    TURN_UNTIL(stream_end(pair[1]) == STREAM_ENDED && stream_input_len(pair[1]) == 0);
    assert_int_equal(c.got, bytes);
    assert_true(c.most_input < 64 * 1024 + TOY_FRAME_MAX);
    assert_true(stream_is_shut(pair[0]));
    assert_true(stream_bytes_in(pair[1]) > bytes);
    free_pair(pair);
}

static void a_large_transfer_through_layers_arrives_byte_for_byte(void **state) {
    (void)state;
    transfer(5u << 20, 1u << 20);
}

static void a_slow_reader_behind_a_layer_gets_every_byte(void **state) {
    (void)state;
    transfer(1u << 20, 701);
}

static void the_end_of_the_socket_without_a_close_is_a_truncation(void **state) {
    (void)state;
    int fd;
    int wakes = 0;
    struct stream *s = toy_and_fd(&fd);
    stream_set_owner(s, count_wake, &wakes);
    assert_int_equal(write(fd,
                           "H\0\0D\0\1\x3b"
                           "D\0\2",
                           10),
                     10);
    TURN_UNTIL(stream_input_len(s) == 1);
    assert_int_equal(stream_peek(s).at[0], 'a');
    assert_int_equal(stream_end(s), STREAM_OPEN);
    wakes = 0;
    shutdown(fd, SHUT_WR);
    TURN_UNTIL(stream_end(s) == STREAM_TRUNCATED);
    assert_int_equal(wakes, 1);
    assert_non_null(strstr(stream_failure(s), "close_notify"));
    assert_int_equal(stream_input_len(s), 1);
    stream_free(s);
    close(fd);
}

static void a_socket_that_ends_in_the_handshake_breaks_it(void **state) {
    (void)state;
    int fd;
    int wakes = 0;
    struct stream *s = toy_and_fd(&fd);
    stream_set_owner(s, count_wake, &wakes);
    shutdown(fd, SHUT_WR);
    TURN_UNTIL(wakes);
    assert_int_equal(stream_handshake(s), BROKEN);
    assert_non_null(strstr(stream_failure(s), "handshake"));
    stream_free(s);
    close(fd);
}

// All has come, but plain_in was full: what the wire still holds is not lost, and the end waits for it.
static void the_end_is_not_said_before_all_input_has_passed_the_layer(void **state) {
    (void)state;
    int fd;
    struct stream *s = toy_and_fd(&fd);
    stream_set_input_max(s, 2);
    assert_int_equal(write(fd,
                           "H\0\0D\0\2\x3b\x38"
                           "D\0\2\x39\x3e"
                           "C\0\0",
                           16),
                     16);
    shutdown(fd, SHUT_WR);
    turn_for_ms(10);
    assert_int_equal(stream_input_len(s), 2);
    assert_memory_equal(stream_peek(s).at, "ab", 2);
    assert_int_equal(stream_end(s), STREAM_OPEN);
    stream_consume(s, 2);
    TURN_UNTIL(stream_input_len(s) == 2);
    assert_memory_equal(stream_peek(s).at, "cd", 2);
    stream_consume(s, 2);
    TURN_UNTIL(stream_end(s) == STREAM_ENDED);
    stream_free(s);
    close(fd);
}

static void a_failed_layer_sends_its_alert_even_when_its_owner_frees_at_once(void **state) {
    (void)state;
    int fd;
    char got[64];
    int wakes = 0;
    struct stream *s = toy_and_fd(&fd);
    stream_set_owner(s, count_wake, &wakes);
    assert_int_equal(write(fd, "H\0\0?\0\0", 6), 6);
    TURN_UNTIL(wakes);
    assert_int_equal(stream_end(s), STREAM_FAILED);
    assert_string_equal(stream_failure(s), "a frame of an unknown kind");
    stream_free(s);
    assert_int_equal(read(fd, got, sizeof(got)), 3 + 3 + 5);
    assert_memory_equal(got, "H\0\0A\0\5", 6);
    close(fd);
}

static void a_stream_whose_layer_never_began_can_go_on_plain(void **state) {
    (void)state;
    int fd;
    char got[64];
    struct stream *s = toy_and_fd(&fd);
    unsigned freed = toys_freed;
    assert_int_equal(write(fd, "?\0\0rest", 7), 7);
    TURN_UNTIL(stream_handshake(s) == BROKEN);
    stream_drop_layer(s);
    assert_int_equal(toys_freed, freed + 1);
    assert_null(stream_layer(s));
    assert_int_equal(stream_input_len(s), 0);
    stream_write(s, SLICE("in clear"));
    stream_shut(s);
    TURN_UNTIL(stream_is_shut(s));
    assert_int_equal(read(fd, got, sizeof(got)), 3 + 3 + 5 + 8);
    assert_memory_equal(got + 11, "in clear", 8);
    assert_int_equal(write(fd, "ok", 2), 2);
    TURN_UNTIL(stream_input_len(s) == 2);
    assert_memory_equal(stream_peek(s).at, "ok", 2);
    stream_free(s);
    close(fd);
}

static void a_closed_layer_still_writes(void **state) {
    (void)state;
    struct stream *pair[2];
    toy_pair(pair);
    stream_write(pair[0], SLICE("question"));
    stream_shut(pair[0]);
    TURN_UNTIL(stream_end(pair[1]) == STREAM_ENDED);
    stream_write(pair[1], SLICE("answer"));
    stream_shut(pair[1]);
    TURN_UNTIL(stream_end(pair[0]) == STREAM_ENDED);
    assert_memory_equal(stream_peek(pair[0]).at, "answer", 6);
    free_pair(pair);
}

static void an_idle_layer_is_left_alone(void **state) {
    (void)state;
    struct stream *pair[2];
    stream_pair(loop, pair);
    struct toy *t = add_toy(pair[0]);
    add_toy(pair[1]);
    TURN_UNTIL(stream_handshake(pair[0]) == READY && stream_handshake(pair[1]) == READY);
    turn_for_ms(5);
    unsigned before = t->advances;
    stream_hold(pair[0], HOLD_NOT_WANTED);
    stream_release(pair[0], HOLD_NOT_WANTED);
    turn_for_ms(5);
    assert_int_equal(t->advances, before);
    stream_write(pair[0], SLICE("x"));
    turn_for_ms(5);
    assert_int_equal(t->advances, before + 1);
    free_pair(pair);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_handshake_is_pending_then_ready_and_wakes_its_owner),
        TEST(a_held_stream_ends_its_handshake_and_then_stops_reading),
        TEST(what_is_written_before_the_handshake_ends_is_sent_after_it),
        TEST(what_was_written_before_the_layer_came_goes_first_and_plain),
        TEST(a_large_transfer_through_layers_arrives_byte_for_byte),
        TEST(a_slow_reader_behind_a_layer_gets_every_byte),
        TEST(the_end_of_the_socket_without_a_close_is_a_truncation),
        TEST(a_socket_that_ends_in_the_handshake_breaks_it),
        TEST(the_end_is_not_said_before_all_input_has_passed_the_layer),
        TEST(a_failed_layer_sends_its_alert_even_when_its_owner_frees_at_once),
        TEST(a_stream_whose_layer_never_began_can_go_on_plain),
        TEST(a_closed_layer_still_writes),
        TEST(an_idle_layer_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
