// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/message/scanner.h"

// The scanner looks at eight bytes at a time: each byte value at each place of two words and of what is left behind them.
static void every_control_byte_is_found_wherever_it_stands(void **state) {
    (void)state;
    enum { LINE = 21 };
    char line[LINE + 2];
    for (int c = 0; c < 256; c++) {
        for (int place = 0; place < LINE; place++) {
            memset(line, 'a', LINE);
            memcpy(line + LINE, "\r\n", 2);
            line[place] = (char)c;
            struct scanner s = {0};
            size_t used;
            enum refusal why = REFUSE_NONE;
            enum scan verdict = scanner_next(&s, (struct slice){line, sizeof line}, &used, &why);
            bool is_blank_at_start = place == 0 && (c == ' ' || c == '\t');
            bool is_good = ((c >= 0x20 && c != 0x7f) || c == '\t') && !is_blank_at_start;
            assert_int_equal(verdict, is_good ? SCAN_LINE : SCAN_BAD);
            enum refusal wanted = REFUSE_NONE;
            if (!is_good) wanted = REFUSE_CONTROL_BYTE;
            if (c == '\n') wanted = REFUSE_BARE_LF;
            if (c == '\r') wanted = REFUSE_BARE_CR;
            if (is_blank_at_start) wanted = REFUSE_FOLDING;
            assert_int_equal(why, wanted);
            if (is_good) assert_int_equal(used, sizeof line);
        }
    }
}

// What the word-wise tricks may get wrong: bytes that are marked because of their neighbour.
static void neighbours_of_tabs_and_high_bytes_are_not_mistaken(void **state) {
    (void)state;
    struct slice line = SLICE("\x80\t \t\x81\xff\t\t\t ~\t \t!\t \xa0\t\x9f\r\n");
    struct scanner s = {0};
    size_t used;
    enum refusal why;
    assert_int_equal(scanner_next(&s, line, &used, &why), SCAN_LINE);
    assert_int_equal(used, line.len);
}

static void a_block_gives_up_its_memory_limit_and_no_more(void **state) {
    (void)state;
    struct block_limits limits = {
        .first_line_bytes = 1000, .bytes = 1000, .lines = 10, .too_large = REFUSE_HEAD_TOO_LARGE};
    struct arena *a = arena_new(64, 4096);
    struct block b = {.may_skip_empty = false};
    enum scan verdict = SCAN_MORE;
    enum refusal why = REFUSE_NONE;
    size_t fed = 0;
    for (; verdict == SCAN_MORE; fed++) {
        size_t used;
        verdict = block_feed(&b, SLICE("x"), &limits, a, &used, &why);
    }
    assert_int_equal(verdict, SCAN_BAD);
    assert_int_equal(why, REFUSE_HEAD_TOO_LARGE);
    assert_int_equal(fed, 1000);
    assert_true(arena_used(a) < 3 * 1000); // doubled each time, and then the limit
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_control_byte_is_found_wherever_it_stands),
        cmocka_unit_test(neighbours_of_tabs_and_high_bytes_are_not_mistaken),
        cmocka_unit_test(a_block_gives_up_its_memory_limit_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
