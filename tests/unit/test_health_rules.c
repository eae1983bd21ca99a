// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/health_rules.h"

// What results of checks, and faults of requests, make of a member: by numbers, without a clock.

static const struct check_conf CHECKS = {.fall = 3, .rise = 2, .every_ms = 1000};
static const struct passive_conf PASSIVE = {
    .is_on = true, .fails = 3, .within_ms = 10000, .ejects_ms = 30000};

// Feeds "+" (good) and "-" (failed) and says what the verdict was after each: u, d.
static const char *verdicts(struct check_record *r, const char *results) {
    static char said[64];
    size_t n = 0;
    for (; results[n]; n++) {
        enum verdict before = r->verdict;
        bool has_changed = check_record_count(r, &CHECKS, results[n] == '+');
        assert_int_equal(has_changed, r->verdict != before);
        said[n] = r->verdict == VERDICT_UP ? 'u' : 'd';
    }
    said[n] = '\0';
    return said;
}

static void the_first_result_decides_at_once(void **state) {
    (void)state;
    struct check_record good = {0}, bad = {0};
    assert_string_equal(verdicts(&good, "+"), "u");
    assert_string_equal(verdicts(&bad, "-"), "d");
}

static void it_falls_after_fall_and_rises_after_rise_in_a_row(void **state) {
    (void)state;
    struct check_record r = {0};
    assert_string_equal(verdicts(&r, "+--+--+---"), "uuuuuuuuud");
    assert_string_equal(verdicts(&r, "+-+-+-++"), "dddddddu");
    assert_string_equal(verdicts(&r, "--"), "uu");
    assert_int_equal(r.against, 2);
}

static void after_a_change_of_the_check_the_next_result_decides(void **state) {
    (void)state;
    struct check_record r = {.verdict = VERDICT_DOWN, .is_old = true};
    assert_string_equal(verdicts(&r, "+"), "u");
    r = (struct check_record){.verdict = VERDICT_UP, .is_old = true};
    assert_string_equal(verdicts(&r, "+--"), "uuu"); // it agreed: from now on as usual
    assert_string_equal(verdicts(&r, "-"), "d");
}

static void checks_spread(void **state) {
    (void)state;
    for (uint32_t dice = 0; dice < 5000; dice += 7) {
        assert_in_range(check_wait_ms(&CHECKS, false, dice), 900, 1100);
        assert_in_range(check_wait_ms(&CHECKS, true, dice), 500, 1000);
    }
    assert_int_not_equal(check_wait_ms(&CHECKS, true, 1), check_wait_ms(&CHECKS, true, 301));
}

static void only_faults_within_the_time_count(void **state) {
    (void)state;
    struct fault_record r = {0};
    assert_false(fault_record_count(&r, &PASSIVE, 1, 1000));
    assert_false(fault_record_count(&r, &PASSIVE, 1, 9000));
    assert_false(fault_record_count(&r, &PASSIVE, 1, 11000)); // the first one is too old
    assert_int_equal(fault_record_recent(&r, &PASSIVE, 11000), 2);
    assert_true(fault_record_count(&r, &PASSIVE, 1, 18999));
    assert_int_equal(fault_record_recent(&r, &PASSIVE, 40000), 0);
    assert_true(fault_record_count(&r, &PASSIVE, 4000000000u, 50000)); // more than are remembered
}

static void each_ejection_is_longer_up_to_ten_times(void **state) {
    (void)state;
    struct fault_record r = {0};
    uint64_t now_ms = 1000;
    for (unsigned n = 1; n <= 12; n++) {
        fault_record_count(&r, &PASSIVE, 3, now_ms);
        fault_record_eject(&r, &PASSIVE, now_ms);
        assert_int_equal(r.until_ms - now_ms, 30000 * (n < 10 ? n : 10));
        now_ms = r.until_ms;
        fault_record_readmit(&r, now_ms);
        assert_int_equal(r.until_ms, 0);
        assert_int_equal(fault_record_recent(&r, &PASSIVE, now_ms), 0);
        now_ms += 5000;
    }
}

static void ejections_are_forgotten_one_by_one(void **state) {
    (void)state;
    struct fault_record r = {.ejections = 4, .forgotten_ms = 1000};
    fault_record_eject(&r, &PASSIVE, 1000 + 2 * 30000 + 5);
    assert_int_equal(r.ejections, 3); // two forgotten, one more
    fault_record_readmit(&r, 200000);
    fault_record_eject(&r, &PASSIVE, 200000 + 100 * 30000);
    assert_int_equal(r.ejections, 1);
}

static void at_most_half_of_a_pool_is_ejected(void **state) {
    (void)state;
    assert_false(may_eject(0, 0));
    assert_false(may_eject(1, 0));
    assert_true(may_eject(2, 0));
    assert_false(may_eject(2, 1));
    assert_true(may_eject(3, 0));
    assert_false(may_eject(3, 1));
    assert_true(may_eject(10, 4));
    assert_false(may_eject(10, 5));
}

static void a_slow_start_goes_in_ten_steps(void **state) {
    (void)state;
    assert_int_equal(cold_after(0, 30000), 90);
    assert_int_equal(cold_after(2999, 30000), 90);
    assert_int_equal(cold_after(3000, 30000), 81);
    assert_int_equal(cold_after(29999, 30000), 9);
    assert_int_equal(cold_after(30000, 30000), 0);
    assert_int_equal(cold_after(0, 0), 0);
    for (unsigned slow_ms = 1; slow_ms < 3000; slow_ms = slow_ms * 3 + 1) {
        uint64_t warm_ms = 0, wait_ms;
        unsigned steps = 0, last = 91;
        while ((wait_ms = cold_wait_ms(warm_ms, slow_ms)) > 0) {
            assert_true(cold_after(warm_ms, slow_ms) < last);
            last = cold_after(warm_ms, slow_ms);
            warm_ms += wait_ms;
            steps++;
        }
        assert_true(steps <= 10);
        assert_int_equal(cold_after(warm_ms, slow_ms), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_result_decides_at_once),
        cmocka_unit_test(it_falls_after_fall_and_rises_after_rise_in_a_row),
        cmocka_unit_test(after_a_change_of_the_check_the_next_result_decides),
        cmocka_unit_test(checks_spread),
        cmocka_unit_test(only_faults_within_the_time_count),
        cmocka_unit_test(each_ejection_is_longer_up_to_ten_times),
        cmocka_unit_test(ejections_are_forgotten_one_by_one),
        cmocka_unit_test(at_most_half_of_a_pool_is_ejected),
        cmocka_unit_test(a_slow_start_goes_in_ten_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
