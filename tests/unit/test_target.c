// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// Targets by themselves; whole messages stand in tests/cases.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/message/target.h"

static struct arena *arena;

static int set_up(void **state) {
    (void)state;
    arena = arena_new(4096, 1 << 16);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    arena_free(arena);
    return 0;
}

static void an_authority_is_copied_only_where_it_is_spelled_otherwise(void **state) {
    (void)state;
    struct slice host, plain = SLICE("a.example:1"), other = SLICE("A.example");
    int port;
    assert_int_equal(authority_read(plain, arena, &host, &port), REFUSE_NONE);
    assert_ptr_equal(host.at, plain.at);
    assert_int_equal(port, 1);
    assert_int_equal(authority_read(other, arena, &host, &port), REFUSE_NONE);
    assert_ptr_not_equal(host.at, other.at);
    assert_true(slice_equals(host, SLICE("a.example")));
}

static void a_host_with_percent_escapes_is_the_decoded_one(void **state) {
    (void)state;
    struct slice host;
    int port;
    assert_int_equal(authority_read(SLICE("%41.example"), arena, &host, &port), REFUSE_NONE);
    assert_true(slice_equals(host, SLICE("a.example")));
    assert_int_equal(authority_read(SLICE("a%2fb"), arena, &host, &port), REFUSE_BAD_HOST);
    assert_int_equal(authority_read(SLICE("a%00b"), arena, &host, &port), REFUSE_BAD_HOST);
}

static void every_byte_that_no_target_has_is_refused(void **state) {
    (void)state;
    for (int c = 0; c < 256; c++) {
        char text[] = {'/', 'a', (char)c, '4', '1'};
        struct target t;
        enum refusal wanted = c <= ' ' || c >= 0x7f ? REFUSE_BAD_TARGET : REFUSE_NONE;
        if (c == '#') wanted = REFUSE_FRAGMENT;
        assert_int_equal(target_read((struct slice){text, 5}, METHOD_GET, &t), wanted);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_authority_is_copied_only_where_it_is_spelled_otherwise),
        cmocka_unit_test(a_host_with_percent_escapes_is_the_decoded_one),
        cmocka_unit_test(every_byte_that_no_target_has_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
