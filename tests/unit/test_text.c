// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/text.h"

static void text_grows_to_hold_what_is_added(void **state) {
    (void)state;
    struct text t;
    text_init(&t, 100000);
    assert_string_equal(text_string(&t), "");
    for (int i = 0; i < 5000; i++) text_add(&t, SLICE("0123456789"));
    assert_int_equal(t.len, 50000);
    assert_false(t.is_cut);
    assert_int_equal(strlen(text_string(&t)), 50000);
    text_fini(&t);
}

static void numbers_characters_and_formats_are_added(void **state) {
    (void)state;
    struct text t;
    text_init(&t, 1000);
    text_add_u64(&t, 0);
    text_add_char(&t, ' ');
    text_add_u64(&t, 18446744073709551615ull);
    text_printf(&t, " %s=%d", "a", -1);
    assert_string_equal(text_string(&t), "0 18446744073709551615 a=-1");
    text_clear(&t);
    assert_int_equal(text_slice(&t).len, 0);
    text_printf(&t, "%400d", 7);
    assert_int_equal(t.len, 400);
    assert_int_equal(text_string(&t)[399], '7');
    text_fini(&t);
}

static void what_is_over_the_maximum_is_cut_and_says_so(void **state) {
    (void)state;
    struct text t;
    text_init(&t, 5);
    text_add(&t, SLICE("abc"));
    assert_false(t.is_cut);
    text_add(&t, SLICE("defg"));
    assert_true(t.is_cut);
    assert_string_equal(text_string(&t), "abcde");
    text_add_char(&t, 'x');
    text_printf(&t, "%500d", 1);
    assert_string_equal(text_string(&t), "abcde");
    text_clear(&t);
    assert_false(t.is_cut);
    text_fini(&t);
}

static void a_long_format_is_cut_at_the_maximum(void **state) {
    (void)state;
    struct text t;
    text_init(&t, 300);
    text_printf(&t, "%0500d", 1);
    assert_true(t.is_cut);
    assert_int_equal(strlen(text_string(&t)), 300);
    text_fini(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_grows_to_hold_what_is_added),
        cmocka_unit_test(numbers_characters_and_formats_are_added),
        cmocka_unit_test(what_is_over_the_maximum_is_cut_and_says_so),
        cmocka_unit_test(a_long_format_is_cut_at_the_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
