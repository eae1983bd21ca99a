// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/tail_filter.h"

#define LINE                                                                                       \
    "192.0.2.7 - - [01/Jan/2026:00:00:00 +0000] \"GET /a HTTP/1.1\" 503 12 \"-\" \"x host=liar "   \
    "pool=liar\" host=www.example.com site=* pool=apps backend=10.0.0.1:80 total=0.1 "             \
    "reason=NO_MEMBER tls=- id=abc"

static int begin(void **state) {
    *state = arena_new(512, 8192);
    return 0;
}

static int end(void **state) {
    arena_free(*state);
    return 0;
}

static bool fits(struct arena *a, const char *query) {
    struct tail_filter f;
    assert_true(tail_filter_read(slice_of(query), a, &f));
    return tail_filter_fits(&f, SLICE(LINE));
}

static void a_line_fits_by_all_values_that_were_given(void **state) {
    static const char *const GOOD[] = {"",
                                       "&after=5",
                                       "status=503",
                                       "status=5xx",
                                       "status=50x",
                                       "host=WWW.example.com",
                                       "pool=apps&status=5xx",
                                       "backend=10.0.0.1%3A80",
                                       "site=%2a&reason=no_member",
                                       "id=abc"};
    static const char *const OTHERS[] = {
        "status=404",          "status=4xx",           "host=liar", "pool=liar",
        "host=www.example.co", "pool=apps&status=200", "site=x"};
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) assert_true(fits(*state, GOOD[i]));
    for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++)
        assert_false(fits(*state, OTHERS[i]));
}

static void a_query_of_other_words_is_refused(void **state) {
    static const char *const BAD[] = {
        "host",        "host=",    "hosts=a", "status=",    "status=x00", "status=50",
        "status=5000", "after=-1", "after=x", "host=a&b=c", "host=%",     "=a"};
    struct tail_filter f;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        assert_false(tail_filter_read(slice_of(BAD[i]), *state, &f));
}

static void what_is_no_line_fits_nothing(void **state) {
    static const char *const BAD[] = {"", "\"", "\"\"", "\"\" 50", "\"\" 503"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        struct tail_filter f;
        assert_true(tail_filter_read(SLICE("status=404"), *state, &f));
        assert_false(tail_filter_fits(&f, slice_of(BAD[i])));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_fits_by_all_values_that_were_given, begin, end),
        cmocka_unit_test_setup_teardown(a_query_of_other_words_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(what_is_no_line_fits_nothing, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
