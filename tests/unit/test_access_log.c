// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"
#include "http/access_log.h"

static const struct access_entry PAGE = {
    .client_ip = "192.0.2.7",
    .method = {"GET", 3},
    .target = {"/a?b=1", 6},
    .minor_version = 1,
    .status = 200,
    .body_bytes = 1234,
    .referer = {"https://example.com/", 20},
    .user_agent = {"Mozilla/5.0 (X11)", 17},
    .host = {"example.com", 11},
    .site = {"*.com", 5},
    .pool = {"web", 3},
    .backend = {"10.0.0.1:80", 11},
    .read_us = 12,
    .queue_us = 0,
    .connect_us = UINT64_MAX,
    .first_byte_us = 1500000,
    .total_us = 61000001,
    .tries = 2,
    .bytes_in = 300,
    .bytes_out = 1500,
    .reason = "-",
    .tls = "TLSv1.3",
    .request_id = {"00ff", 4},
};

// A loop, a file, and what stands in it after a turn.
struct fixture {
    struct loop *loop;
    FILE *file;
    struct access_log *log;
    char content[1 << 16];
};

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    f->loop = loop_new();
    f->file = tmpfile();
    f->log = access_log_new(f->loop, fileno(f->file));
    clock_update();
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    access_log_free(f->log);
    loop_free(f->loop);
    fclose(f->file);
    free(f);
    return 0;
}

static const char *content_after_turn(struct fixture *f) {
    loop_turn(f->loop, 0);
    ssize_t n = pread(fileno(f->file), f->content, sizeof f->content - 1, 0);
    f->content[n > 0 ? n : 0] = '\0';
    return f->content;
}

static void a_line_is_the_combined_format_then_pairs(void **state) {
    struct fixture *f = *state;
    access_log_write(f->log, &PAGE);
    char expected[1024];
    snprintf(expected, sizeof expected,
             "192.0.2.7 - - [%s] \"GET /a?b=1 HTTP/1.1\" 200 1234 \"https://example.com/\" "
             "\"Mozilla/5.0 (X11)\" host=example.com site=*.com pool=web backend=10.0.0.1:80 "
             "read=0.000012 queue=0.000000 connect=- first_byte=1.500000 total=61.000001 tries=2 "
             "in=300 out=1500 reason=- tls=TLSv1.3 id=00ff\n",
             clock_log_date());
    assert_string_equal(content_after_turn(f), expected);
}

static void what_is_not_known_is_a_dash(void **state) {
    struct fixture *f = *state;
    struct access_entry e = {.client_ip = "::1",
                             .read_us = UINT64_MAX,
                             .queue_us = UINT64_MAX,
                             .connect_us = UINT64_MAX,
                             .first_byte_us = UINT64_MAX,
                             .reason = "BAD_REQUEST",
                             .tls = "-"};
    access_log_write(f->log, &e);
    const char *line = content_after_turn(f);
    assert_non_null(
        strstr(line, "] \"-\" 000 0 \"-\" \"-\" host=- site=- pool=- backend=- read=- "));
    assert_non_null(
        strstr(line, " total=0.000000 tries=0 in=0 out=0 reason=BAD_REQUEST tls=- id=-\n"));
}

static void hostile_bytes_cannot_forge_a_line(void **state) {
    struct fixture *f = *state;
    struct access_entry e = PAGE;
    e.target = SLICE("/\"\n\\\x7f\xff ");
    e.user_agent = SLICE("a\r\nb\" x=\"");
    e.host = SLICE("h st\"=");
    access_log_write(f->log, &e);
    const char *line = content_after_turn(f);
    assert_non_null(strstr(line, "\"GET /\\x22\\x0a\\x5c\\x7f\\xff  HTTP/1.1\""));
    assert_non_null(strstr(line, "\"a\\x0d\\x0ab\\x22 x=\\x22\""));
    assert_non_null(strstr(line, " host=h\\x20st\\x22= "));
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void the_longest_line_fits_into_a_pipe_in_one_piece(void **state) {
    struct fixture *f = *state;
    static char hostile[8000];
    memset(hostile, '\n', sizeof hostile);
    struct slice s = {hostile, sizeof hostile};
    struct access_entry e = {.client_ip = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
                             .method = s,
                             .target = s,
                             .body_bytes = UINT64_MAX - 1,
                             .referer = s,
                             .user_agent = s,
                             .host = s,
                             .site = s,
                             .pool = s,
                             .backend = s,
                             .read_us = UINT64_MAX - 1,
                             .queue_us = UINT64_MAX - 1,
                             .connect_us = UINT64_MAX - 1,
                             .first_byte_us = UINT64_MAX - 1,
                             .total_us = UINT64_MAX - 1,
                             .tries = UINT_MAX,
                             .bytes_in = UINT64_MAX - 1,
                             .bytes_out = UINT64_MAX - 1,
                             .reason = "a_reason_that_is_much_longer_than_any_that_there_is_in_rsp",
                             .tls = "TLSv1.3",
                             .request_id = s};
    access_log_write(f->log, &e);
    const char *line = content_after_turn(f);
    assert_in_range(strlen(line), 2000, PIPE_BUF);
    assert_non_null(strstr(line, "\\x0a..."));
}

static void lines_of_a_turn_are_written_at_its_end(void **state) {
    struct fixture *f = *state;
    access_log_write(f->log, &PAGE);
    access_log_write(f->log, &PAGE);
    char byte;
    assert_int_equal(pread(fileno(f->file), &byte, 1, 0), 0);
    const char *lines = content_after_turn(f);
    assert_ptr_not_equal(strchr(lines, '\n'), strrchr(lines, '\n'));
}

static void with_a_buffer_lines_wait_until_it_is_full(void **state) {
    struct fixture *f = *state;
    access_log_write(f->log, &PAGE);
    size_t line = strlen(content_after_turn(f));
    access_log_set_buffer(f->log, 3 * line);
    access_log_write(f->log, &PAGE);
    access_log_write(f->log, &PAGE);
    assert_int_equal(strlen(content_after_turn(f)), line);
    access_log_write(f->log, &PAGE);
    assert_int_equal(strlen(content_after_turn(f)), 4 * line);
}

static void with_a_buffer_no_line_waits_for_ever(void **state) {
    struct fixture *f = *state;
    access_log_set_buffer(f->log, 1 << 16);
    access_log_write(f->log, &PAGE);
    assert_string_equal(content_after_turn(f), "");
    loop_turn(f->loop, 10000); // until the first thing happens: the time of the line is over
    assert_string_not_equal(content_after_turn(f), "");
}

static void lines_in_a_buffer_are_written_when_it_is_no_longer_wanted(void **state) {
    struct fixture *f = *state;
    access_log_set_buffer(f->log, 1 << 16);
    access_log_write(f->log, &PAGE);
    access_log_set_buffer(f->log, 0);
    assert_string_not_equal(content_after_turn(f), "");
}

static void a_full_pipe_costs_lines_but_no_time(void **state) {
    struct fixture *f = *state;
    int ends[2];
    assert_int_equal(pipe(ends), 0); // blocking, as a pipe from a shell is
    access_log_set_fd(f->log, ends[1]);
    for (int i = 0; i < 1000; i++) {
        access_log_write(f->log, &PAGE);
        loop_turn(f->loop, 0);
    }
    static char got[1 << 20];
    ssize_t n = read(ends[0], got, sizeof got);
    assert_in_range(n, 30000, 1 << 16);
    assert_int_equal(got[n - 1], '\n'); // whole lines
    access_log_write(f->log, &PAGE);
    loop_turn(f->loop, 0);
    assert_true(read(ends[0], got, sizeof got) > 0); // it goes on
    access_log_set_fd(f->log, -1);
    close(ends[0]);
    close(ends[1]);
}

static void what_was_gathered_goes_to_the_old_file(void **state) {
    struct fixture *f = *state;
    FILE *other = tmpfile();
    access_log_write(f->log, &PAGE);
    access_log_set_fd(f->log, fileno(other));
    access_log_write(f->log, &PAGE);
    const char *lines = content_after_turn(f);
    assert_ptr_equal(strchr(lines, '\n'), strrchr(lines, '\n'));
    assert_int_equal(lseek(fileno(other), 0, SEEK_END), strlen(lines));
    access_log_set_fd(f->log, -1);
    fclose(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_is_the_combined_format_then_pairs, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_known_is_a_dash, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hostile_bytes_cannot_forge_a_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_longest_line_fits_into_a_pipe_in_one_piece, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(lines_of_a_turn_are_written_at_its_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(with_a_buffer_lines_wait_until_it_is_full, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(with_a_buffer_no_line_waits_for_ever, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lines_in_a_buffer_are_written_when_it_is_no_longer_wanted,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_pipe_costs_lines_but_no_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_gathered_goes_to_the_old_file, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
