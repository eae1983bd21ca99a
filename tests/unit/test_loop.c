// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/loop.h"

static struct loop *loop;
static char said[256];

static int set_up(void **state) {
    (void)state;
    loop = loop_new();
    said[0] = 0;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    loop_free(loop);
    return 0;
}

static void say(const char *word) {
    strncat(said, word, sizeof(said) - strlen(said) - 1);
}

static void say_word(void *arg) {
    say(arg);
}

static void tasks_run_at_the_end_of_the_turn_in_order_and_last_tasks_after_them(void **state) {
    (void)state;
    struct task a, b, last;
    task_init(&a, say_word, "a");
    task_init(&b, say_word, "b");
    task_init(&last, say_word, "z");
    loop_add_last_task(loop, &last);
    loop_add_task(loop, &b);
    loop_add_task(loop, &a);
    loop_add_task(loop, &b); // waits already
    assert_true(task_is_waiting(&a));
    loop_turn(loop, 0);
    assert_string_equal(said, "baz");
    loop_turn(loop, 0);
    assert_string_equal(said, "baz");
}

static struct task first, second, third;

static void add_second_and_third(void *arg) {
    (void)arg;
    say("1");
    loop_add_last_task(loop, &third);
    loop_add_task(loop, &second);
}

static void tasks_of_tasks_run_in_the_same_turn(void **state) {
    (void)state;
    task_init(&first, add_second_and_third, NULL);
    task_init(&second, say_word, "2");
    task_init(&third, say_word, "3");
    loop_add_task(loop, &first);
    loop_turn(loop, 0);
    assert_string_equal(said, "123");
}

static void add_first_again(void *arg) {
    say(arg);
    loop_add_task(loop, &first);
}

static void a_task_that_adds_itself_runs_again_in_the_next_turn_without_sleeping(void **state) {
    (void)state;
    task_init(&first, add_first_again, "x");
    loop_add_task(loop, &first);
    loop_turn(loop, 0);
    assert_string_equal(said, "x");
    uint64_t before_us = clock_read_us();
    loop_turn(loop, 5000);
    assert_string_equal(said, "xx");
    assert_true(clock_read_us() - before_us < 2000000);
    loop_remove_task(loop, &first);
}

static unsigned long ping_count;

static void ping(void *arg) {
    (void)arg;
    ping_count++;
    loop_add_task(loop, &second);
}

static void pong(void *arg) {
    (void)arg;
    loop_add_task(loop, &first);
}

static void tasks_that_add_each_other_forever_let_the_turn_end(void **state) {
    (void)state;
    ping_count = 0;
    task_init(&first, ping, NULL);
    task_init(&second, pong, NULL);
    loop_add_task(loop, &first);
    loop_turn(loop, 0);
    unsigned long of_one_turn = ping_count;
    assert_true(of_one_turn > 1 && of_one_turn < 1000);
    loop_turn(loop, 0);
    assert_true(ping_count > of_one_turn);
    loop_remove_task(loop, &first);
    loop_remove_task(loop, &second);
}

static void remove_second(void *arg) {
    say(arg);
    loop_remove_task(loop, &second);
}

static void a_removed_task_does_not_run_even_from_a_task_before_it(void **state) {
    (void)state;
    task_init(&first, remove_second, "1");
    task_init(&second, say_word, "2");
    task_init(&third, say_word, "3");
    loop_add_task(loop, &first);
    loop_add_task(loop, &second);
    loop_add_task(loop, &third);
    loop_turn(loop, 0);
    assert_string_equal(said, "13");
    assert_false(task_is_waiting(&second));
    loop_remove_task(loop, &second); // not waiting: nothing
}

static void free_own_memory(void *arg) {
    say("f");
    free(arg);
}

static void a_task_may_free_its_own_memory(void **state) {
    (void)state;
    struct task *t = malloc(sizeof(*t));
    task_init(t, free_own_memory, t);
    loop_add_task(loop, t);
    loop_turn(loop, 0);
    assert_string_equal(said, "f");
}

static void timers_fire_in_order_once_and_not_early(void **state) {
    (void)state;
    struct timer a, b, c;
    timer_init(&a, loop, say_word, "a");
    timer_init(&b, loop, say_word, "b");
    timer_init(&c, loop, say_word, "c");
    clock_update();
    uint64_t began_ms = clock_ms();
    timer_set(&c, 60);
    timer_set(&a, 20);
    timer_set(&b, 40);
    while (strlen(said) < 3) {
        size_t had = strlen(said);
        loop_turn(loop, 1000);
        uint64_t passed_ms = clock_ms() - began_ms;
        if (strlen(said) > had) assert_true(passed_ms >= 20 * strlen(said));
        assert_true(passed_ms < 5000);
    }
    assert_string_equal(said, "abc");
    assert_false(timer_is_set(&a));
    loop_turn(loop, 10);
    assert_string_equal(said, "abc");
    timer_fini(&a);
    timer_fini(&b);
    timer_fini(&c);
}

static void a_timer_moved_later_or_cleared_does_not_fire_at_its_first_time(void **state) {
    (void)state;
    struct timer later, cleared, sooner;
    timer_init(&later, loop, say_word, "l");
    timer_init(&cleared, loop, say_word, "c");
    timer_init(&sooner, loop, say_word, "s");
    clock_update();
    uint64_t began_ms = clock_ms();
    timer_set(&later, 10);
    timer_set(&cleared, 10);
    timer_set(&sooner, 10000);
    timer_set(&later, 80);
    timer_clear(&cleared);
    timer_set(&sooner, 30);
    while (!strchr(said, 'l')) loop_turn(loop, 1000);
    assert_true(clock_ms() - began_ms >= 80);
    assert_string_equal(said, "sl");
    timer_fini(&later);
    timer_fini(&cleared);
    timer_fini(&sooner);
}

static struct timer again;

static void set_again(void *arg) {
    say(arg);
    timer_set(&again, 0);
}

static void a_timer_that_sets_itself_to_at_once_lets_the_turn_end(void **state) {
    (void)state;
    timer_init(&again, loop, set_again, "t");
    timer_set(&again, 0);
    for (int turns = 0; strlen(said) < 3; turns++) {
        assert_true(turns < 100);
        size_t had = strlen(said);
        loop_turn(loop, 100);
        assert_true(strlen(said) <= had + 1);
    }
    timer_fini(&again);
}

static void free_timer(void *arg) {
    timer_fini(arg);
    free(arg);
    say("f");
}

static void a_timer_may_be_freed_when_it_fires(void **state) {
    (void)state;
    struct timer *t = malloc(sizeof(*t));
    timer_init(t, loop, free_timer, t);
    timer_set(t, 1);
    while (!said[0]) loop_turn(loop, 100);
}

#define CROWD 500

static struct timer crowd[CROWD];
static uint64_t due_ms[CROWD];
static uint64_t last_due_ms;
static unsigned fired_count;

// Those that fire in one turn may have been due at different times, but in this order.
static void note_order(void *arg) {
    size_t i = (size_t)((struct timer *)arg - crowd);
    assert_true(clock_ms() >= due_ms[i]);
    assert_true(due_ms[i] >= last_due_ms);
    last_due_ms = due_ms[i];
    fired_count++;
}

static void many_timers_keep_their_order_while_some_are_taken_away(void **state) {
    (void)state;
    clock_update();
    fired_count = 0;
    for (size_t i = 0; i < CROWD; i++) {
        uint64_t in_ms = 1 + (i * 7919) % 97;
        due_ms[i] = clock_ms() + in_ms;
        timer_init(&crowd[i], loop, note_order, &crowd[i]);
        timer_set(&crowd[i], in_ms);
    }
    for (size_t i = 0; i < CROWD; i += 5) timer_fini(&crowd[i]);
    uint64_t began_ms = clock_ms();
    while (fired_count < CROWD - CROWD / 5 && clock_ms() - began_ms < 5000) loop_turn(loop, 100);
    assert_int_equal(fired_count, CROWD - CROWD / 5);
    for (size_t i = 0; i < CROWD; i++) timer_fini(&crowd[i]);
}

static void an_idle_turn_sleeps_as_long_as_it_was_told(void **state) {
    (void)state;
    uint64_t before_us = clock_read_us();
    loop_turn(loop, 30);
    uint64_t passed_us = clock_read_us() - before_us;
    assert_true(passed_us >= 25000 && passed_us < 3000000);
}

static int pipe_fds[2];

static void read_byte(void *arg) {
    char c;
    assert_int_equal(read(pipe_fds[0], &c, 1), 1);
    say(arg);
}

static void a_watch_calls_while_its_descriptor_is_readable_and_not_after_unwatch(void **state) {
    (void)state;
    assert_int_equal(pipe(pipe_fds), 0);
    struct watch *w = loop_watch_fd(loop, pipe_fds[0], read_byte, "r");
    assert_int_equal(write(pipe_fds[1], "ab", 2), 2);
    loop_turn(loop, 1000);
    loop_turn(loop, 1000);
    assert_string_equal(said, "rr");
    assert_int_equal(write(pipe_fds[1], "c", 1), 1);
    loop_unwatch(w);
    loop_turn(loop, 10);
    assert_string_equal(said, "rr");
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static void stop(void *arg) {
    say(arg);
    loop_stop(loop);
}

static void a_signal_is_watched_and_loop_run_ends_with_loop_stop(void **state) {
    (void)state;
    struct watch *w = loop_watch_signal(loop, SIGUSR2, stop, "u");
    kill(getpid(), SIGUSR2);
    loop_run(loop);
    assert_string_equal(said, "u");
    loop_unwatch(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            tasks_run_at_the_end_of_the_turn_in_order_and_last_tasks_after_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tasks_of_tasks_run_in_the_same_turn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_task_that_adds_itself_runs_again_in_the_next_turn_without_sleeping, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(tasks_that_add_each_other_forever_let_the_turn_end, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_removed_task_does_not_run_even_from_a_task_before_it,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_task_may_free_its_own_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(timers_fire_in_order_once_and_not_early, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_timer_moved_later_or_cleared_does_not_fire_at_its_first_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_timer_that_sets_itself_to_at_once_lets_the_turn_end,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_timer_may_be_freed_when_it_fires, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_timers_keep_their_order_while_some_are_taken_away,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_idle_turn_sleeps_as_long_as_it_was_told, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            a_watch_calls_while_its_descriptor_is_readable_and_not_after_unwatch, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(a_signal_is_watched_and_loop_run_ends_with_loop_stop,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
