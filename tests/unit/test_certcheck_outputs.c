// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// What every form does with a certificate whose names are made to break it. (Real readers of each: tests/system.)

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "certcheck/out.h"
#include "tests/unit/report_fixture.h"

#define HOSTILE "\"<&|'=\\\n\033[31m\xff\xc0\x80\xe2\x80\xae end"

static void only_clean_utf8_gets_out(void **state) {
    static const struct {
        const char *in, *out;
    } rows[] = {{"plain", "plain"},
                {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
                {"\xe2\x82\xac \xf0\x9f\x98\x80", "\xe2\x82\xac \xf0\x9f\x98\x80"},
                {"a\nb\033c\x7f", "a?b?c?"},
                {"\xff\xfe", "??"},
                {"\xc0\x80", "??"},      // longer than needed
                {"\xed\xa0\x80", "???"}, // a surrogate
                {"\xe2\x82", "??"},      // cut
                {"\xc2\x9b"
                 "1m",
                 "??1m"}, // a control character of 8 bits
                {"\xe2\x80\xae"
                 "x",
                 "???x"}}; // from right to left
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct text out;
        text_init(&out, 100);
        out_add_clean(&out, slice_of(rows[i].in));
        assert_string_equal(text_string(&out), rows[i].out);
        text_fini(&out);
    }
}

static void hostile_names_break_no_form(void **state) {
    static out_fn *const forms[] = {out_json, out_sarif, out_junit, out_prometheus, out_dot};
    struct report_fixture f;
    struct made_cert bad =
        make_cert(&(struct cert_recipe){.subject = "\"<&|'=\\\n\033[31m\xe2\x80\xae end",
                                        .names = "DNS:a.example",
                                        .digest = "SHA1"});
    (void)state;
    fixture_begin(&f);
    f.target.name = (char *)HOSTILE;
    text_add(&f.target.problems, SLICE(HOSTILE));
    f.rules.models = (1u << MODELS) - 1;
    fixture_judge(&f, SENT(&bad));
    struct run run = {.reports = &f.report,
                      .count = 1,
                      .at = f.rules.trial.at,
                      .version = "0",
                      .warning_days = 21,
                      .critical_days = 7};
    struct text out;
    text_init(&out, 1u << 20);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        text_clear(&out);
        forms[i](&run, &out);
        assert_true(out.len > 0);
        assert_null(memchr(out.at, '\033', out.len));
        assert_null(memchr(out.at, 0xff, out.len));
        if (forms[i] != out_json && forms[i] != out_sarif) continue;
        json_t *root = json_loadb(out.at, out.len, 0, NULL);
        assert_non_null(root);
        json_decref(root);
    }
    text_clear(&out);
    assert_int_equal(out_nagios(&run, &out), 3);
    assert_ptr_equal(memchr(out.at, '|', out.len), memrchr(out.at, '|', out.len));
    text_clear(&out);
    out_text(f.report, false, &out);
    assert_null(memchr(out.at, '\033', out.len));
    text_fini(&out);
    drop_cert(&bad);
    fixture_end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_clean_utf8_gets_out),
        cmocka_unit_test(hostile_names_break_no_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
