// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/check.h"
#include "core/clock.h"
#include "core/log.h"

// The linker gives us clock_read_us() (see CMakeLists.txt), so that ten seconds pass at once.
uint64_t __wrap_clock_read_us(void);
static uint64_t now_us = 1000000;
uint64_t __wrap_clock_read_us(void) {
    return now_us;
}

static int pipe_out;
static char said[16384];

static int open_log(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    pipe_out = ends[0];
    log_set_fd(ends[1]);
    log_set_role("test");
    return 0;
}

// All that was logged since the last call.
static const char *take_log(void) {
    ssize_t n = read(pipe_out, said, sizeof said - 1);
    said[n > 0 ? n : 0] = '\0';
    return said;
}

static int count_lines(const char *text) {
    int n = 0;
    for (; *text; text++) n += *text == '\n';
    return n;
}

static void a_line_has_time_level_role_and_pid(void **state) {
    (void)state;
    int year, ms;
    long pid;
    char level[16], role[16], word[16];
    log_warn("hello %d", 5);
    int n = sscanf(take_log(), "%4d-%*2d-%*2dT%*2d:%*2d:%*2d.%3dZ %15s %15[^[][%ld] %15[^\n]",
                   &year, &ms, level, role, &pid, word);
    assert_int_equal(n, 6);
    assert_true(year >= 2024);
    assert_string_equal(level, "warn");
    assert_string_equal(role, "test");
    assert_int_equal(pid, getpid());
    assert_string_equal(word, "hello 5");
}

static void levels_below_the_least_are_silent(void **state) {
    (void)state;
    log_debug("no");
    assert_string_equal(take_log(), "");
    log_set_level(LOG_LEVEL_ERROR);
    log_warn("no");
    log_repeated(LOG_LEVEL_WARN, "silent", "no");
    assert_string_equal(take_log(), "");
    log_set_level(LOG_LEVEL_INFO);
    log_info("yes");
    assert_int_equal(count_lines(take_log()), 1);
}

static void control_bytes_cannot_forge_a_line(void **state) {
    (void)state;
    log_info("a\nb\x1b[1m\x7f\xc3\xa9");
    const char *line = take_log();
    assert_int_equal(count_lines(line), 1);
    assert_non_null(strstr(line, "a\\x0ab\\x1b[1m\\x7f\xc3\xa9\n"));
}

static void a_long_line_is_cut_and_ends(void **state) {
    (void)state;
    log_info("%05000d", 1);
    const char *line = take_log();
    assert_int_equal(count_lines(line), 1);
    assert_non_null(strstr(line, " [cut]\n"));
    char controls[3001];
    memset(controls, '\n', 3000);
    controls[3000] = '\0';
    log_info("%s", controls);
    line = take_log();
    assert_int_equal(count_lines(line), 1);
    assert_true(strlen(line) < 4096);
}

static void errno_survives_and_can_be_said(void **state) {
    (void)state;
    errno = ENOENT;
    log_info("open: %m");
    assert_int_equal(errno, ENOENT);
    assert_non_null(strstr(take_log(), "open: No such file or directory"));
}

static void repeats_are_counted_and_left_out(void **state) {
    (void)state;
    for (int i = 0; i < 5; i++) log_repeated(LOG_LEVEL_WARN, "flood", "from %d", i);
    log_repeated(LOG_LEVEL_WARN, "other", "else");
    const char *lines = take_log();
    assert_int_equal(count_lines(lines), 2);
    assert_non_null(strstr(lines, "from 0\n"));
    assert_non_null(strstr(lines, "else\n"));
    now_us += 9999999;
    log_repeated(LOG_LEVEL_WARN, "flood", "again");
    assert_string_equal(take_log(), "");
    now_us += 1;
    log_repeated(LOG_LEVEL_WARN, "flood", "again");
    assert_non_null(strstr(take_log(), "again [5 like this left out before]\n"));
    log_repeated(LOG_LEVEL_WARN, "flood", "again");
    assert_string_equal(take_log(), "");
}

static void a_key_may_be_gone_after_the_call(void **state) {
    (void)state;
    char key[200];
    snprintf(key, sizeof key, "%0150d", 1);
    log_repeated(LOG_LEVEL_WARN, key, "first");
    memset(key, 'x', 100);
    log_repeated(LOG_LEVEL_WARN, key, "another");
    snprintf(key, sizeof key, "%0150d", 2); // the same as far as it counts
    log_repeated(LOG_LEVEL_WARN, key, "left out");
    const char *lines = take_log();
    assert_int_equal(count_lines(lines), 2);
    assert_non_null(strstr(lines, "another\n"));
}

static void more_keys_than_rows_push_out_the_oldest(void **state) {
    (void)state;
    static char keys[300][8];
    for (int i = 0; i < 300; i++) {
        now_us += 1;
        snprintf(keys[i], sizeof keys[i], "key%d", i);
        log_repeated(LOG_LEVEL_WARN, keys[i], "first");
        assert_int_equal(count_lines(take_log()), 1);
    }
    log_repeated(LOG_LEVEL_WARN, keys[299], "no");
    assert_string_equal(take_log(), "");
    log_repeated(LOG_LEVEL_WARN, keys[0], "forgotten");
    assert_int_equal(count_lines(take_log()), 1);
}

static void a_failed_check_says_where_and_aborts(void **state) {
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        int sum = 4;
        CHECK(sum == 4);
        CHECK(sum == 5);
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    const char *lines = take_log();
    assert_non_null(strstr(lines, "check failed: sum == 5, at "));
    assert_non_null(strstr(lines, "in a_failed_check_says_where_and_aborts\n"));
    assert_non_null(strstr(lines, "called from test_log+0x"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_time_level_role_and_pid),
        cmocka_unit_test(levels_below_the_least_are_silent),
        cmocka_unit_test(control_bytes_cannot_forge_a_line),
        cmocka_unit_test(a_long_line_is_cut_and_ends),
        cmocka_unit_test(errno_survives_and_can_be_said),
        cmocka_unit_test(repeats_are_counted_and_left_out),
        cmocka_unit_test(a_key_may_be_gone_after_the_call),
        cmocka_unit_test(more_keys_than_rows_push_out_the_oldest),
        cmocka_unit_test(a_failed_check_says_where_and_aborts),
    };
    return cmocka_run_group_tests(tests, open_log, NULL);
}
