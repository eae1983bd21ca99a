// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "core/clock.h"

static time_t wall = 784111777; // the example of RFC 9110 section 5.6.7
static uint64_t monotonic_us = 5000000;

int __wrap_clock_gettime(clockid_t id, struct timespec *t);
int __wrap_clock_gettime(clockid_t id, struct timespec *t) {
    if (id == CLOCK_REALTIME)
        *t = (struct timespec){.tv_sec = wall};
    else
        *t = (struct timespec){.tv_sec = (time_t)(monotonic_us / 1000000),
                               .tv_nsec = (long)(monotonic_us % 1000000) * 1000};
    return 0;
}

static void dates_are_written_as_the_rfc_says(void **state) {
    (void)state;
    clock_update();
    assert_string_equal(clock_http_date(), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_string_equal(clock_log_date(), "06/Nov/1994:08:49:37 +0000");
}

static void dates_follow_the_wall_clock(void **state) {
    (void)state;
    wall = 951782399; // the last second of 28 February 2000
    clock_update();
    assert_string_equal(clock_http_date(), "Mon, 28 Feb 2000 23:59:59 GMT");
    wall++;
    assert_string_equal(clock_http_date(), "Mon, 28 Feb 2000 23:59:59 GMT");
    clock_update();
    assert_string_equal(clock_http_date(), "Tue, 29 Feb 2000 00:00:00 GMT");
    assert_string_equal(clock_log_date(), "29/Feb/2000:00:00:00 +0000");
    assert_int_equal(clock_wall(), wall);
    assert_int_equal(strlen(clock_http_date()), 29);
}

static void the_time_stands_still_within_a_turn(void **state) {
    (void)state;
    monotonic_us = 7000500;
    clock_update();
    monotonic_us = 7002500;
    assert_int_equal(clock_us(), 7000500);
    assert_int_equal(clock_ms(), 7000);
    assert_int_equal(clock_read_us(), 7002500);
    clock_update();
    assert_int_equal(clock_ms(), 7002);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_are_written_as_the_rfc_says),
        cmocka_unit_test(dates_follow_the_wall_clock),
        cmocka_unit_test(the_time_stands_still_within_a_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
