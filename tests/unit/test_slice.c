// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/slice.h"

static void assert_slice(struct slice got, const char *wanted) {
    assert_int_equal(got.len, strlen(wanted));
    if (got.len > 0) assert_memory_equal(got.at, wanted, got.len);
}

static void slices_compare_by_bytes(void **state) {
    (void)state;
    assert_true(slice_equals(SLICE("abc"), slice_of("abc")));
    assert_false(slice_equals(SLICE("abc"), SLICE("abd")));
    assert_false(slice_equals(SLICE("abc"), SLICE("abcd")));
    assert_true(slice_equals((struct slice){NULL, 0}, SLICE("")));
    assert_true(slice_equals_nocase(SLICE("Keep-Alive"), SLICE("kEEP-aLIVE")));
    assert_false(slice_equals_nocase(SLICE("a"), SLICE("b")));
    assert_true(slice_starts_with(SLICE("abc"), SLICE("ab")));
    assert_false(slice_starts_with(SLICE("a"), SLICE("ab")));
}

static void trimming_takes_spaces_and_tabs_only(void **state) {
    (void)state;
    assert_slice(slice_trim(SLICE(" \t a b\t ")), "a b");
    assert_slice(slice_trim(SLICE(" \t ")), "");
    assert_slice(slice_trim((struct slice){NULL, 0}), "");
    assert_slice(slice_trim(SLICE("\r\na\r")), "\r\na\r");
}

static void cutting_gives_every_part_once(void **state) {
    (void)state;
    struct slice rest = SLICE("a,,b,");
    assert_slice(slice_cut(&rest, ','), "a");
    assert_slice(slice_cut(&rest, ','), "");
    assert_slice(slice_cut(&rest, ','), "b");
    assert_non_null(rest.at);
    assert_slice(slice_cut(&rest, ','), "");
    assert_null(rest.at);
}

static void numbers_are_whole_and_decimal(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "-1",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "0x1",
                                      "1.0",
                                      "1a",
                                      "/",
                                      ":",
                                      "18446744073709551616",
                                      "99999999999999999999"};
    uint64_t n = 7;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(slice_to_u64(slice_of(bad[i]), &n));
    assert_int_equal(n, 7);
    assert_true(slice_to_u64(SLICE("18446744073709551615"), &n));
    assert_true(n == UINT64_MAX);
    assert_true(slice_to_u64(SLICE("007"), &n));
    assert_int_equal(n, 7);
}

static void two_hexadecimal_digits_are_a_byte(void **state) {
    (void)state;
    assert_int_equal(slice_hex_byte(SLICE("00")), 0);
    assert_int_equal(slice_hex_byte(SLICE("aF9")), 0xaf);
    assert_int_equal(slice_hex_byte(SLICE("Fa")), 0xfa);
    static const char *const bad[] = {"", "4", "g0", "0g", "0/", ":0", "@0", "`0", "+1", " 1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(slice_hex_byte(slice_of(bad[i])), -1);
}

static void finding_gives_the_first_position(void **state) {
    (void)state;
    assert_int_equal(slice_find(SLICE("a:b:c"), ':'), 1);
    assert_int_equal(slice_find(SLICE("abc"), ':'), -1);
    assert_int_equal(slice_find((struct slice){NULL, 0}, ':'), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_compare_by_bytes),
        cmocka_unit_test(trimming_takes_spaces_and_tabs_only),
        cmocka_unit_test(cutting_gives_every_part_once),
        cmocka_unit_test(numbers_are_whole_and_decimal),
        cmocka_unit_test(two_hexadecimal_digits_are_a_byte),
        cmocka_unit_test(finding_gives_the_first_position),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
