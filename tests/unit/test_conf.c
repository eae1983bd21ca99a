// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/conf.h"
#include "core/suggest.h"

// core/conf and core/suggest by themselves; what they say of route files stands in tests/cases/routes.md.

static void durations_have_units_and_never_overflow(void **state) {
    (void)state;
    uint64_t ms;
    assert_true(conf_parse_ms(SLICE("250ms"), &ms) && ms == 250);
    assert_true(conf_parse_ms(SLICE("5s"), &ms) && ms == 5000);
    assert_true(conf_parse_ms(SLICE("2m"), &ms) && ms == 120000);
    assert_true(conf_parse_ms(SLICE("1h"), &ms) && ms == 3600000);
    assert_true(conf_parse_ms(SLICE("0s"), &ms) && ms == 0);
    static const char *const wrong[] = {"",
                                        "5",
                                        "s",
                                        "-5s",
                                        "5 s",
                                        " 5s",
                                        "5s ",
                                        "5x",
                                        "1.5s",
                                        "99999999999999999999s",
                                        "999999999999999999h"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(conf_parse_ms(slice_of(wrong[i]), &ms));
}

static void sizes_count_in_1024(void **state) {
    (void)state;
    uint64_t bytes;
    assert_true(conf_parse_bytes(SLICE("512b"), &bytes) && bytes == 512);
    assert_true(conf_parse_bytes(SLICE("64k"), &bytes) && bytes == 65536);
    assert_true(conf_parse_bytes(SLICE("64K"), &bytes) && bytes == 65536);
    assert_true(conf_parse_bytes(SLICE("10m"), &bytes) && bytes == 10485760);
    assert_true(conf_parse_bytes(SLICE("1g"), &bytes) && bytes == 1073741824);
    static const char *const wrong[] = {"", "64", "k", "64kb", "0x10k", "17179869184g"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(conf_parse_bytes(slice_of(wrong[i]), &bytes));
}

static const char *suggested(const char *wrong) {
    static const char *const names[] = {"balance",        "key", "tls",  "health",
                                        "proxy_protocol", "to",  "route"};
    struct suggestion s = {.wrong = wrong};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) suggest_try(&s, names[i]);
    return s.best ? s.best : "";
}

static void the_nearest_name_is_suggested_and_a_far_one_is_not(void **state) {
    (void)state;
    assert_string_equal(suggested("ballance"), "balance");
    assert_string_equal(suggested("blaance"), "balance");
    assert_string_equal(suggested("BALANCE"), "balance");
    assert_string_equal(suggested("proxy-protocol"), "proxy_protocol");
    assert_string_equal(suggested("tsl"), "tls");
    assert_string_equal(suggested("ot"), "to");
    assert_string_equal(suggested("rotue"), "route");
    assert_string_equal(suggested("colour"), "");
    assert_string_equal(suggested("x"), "");
    assert_string_equal(suggested(""), "");
    assert_string_equal(suggested("a name that is much longer than any name of a setting could be"),
                        "");
}

static int line_of(const char *lua, struct conf_step first, struct conf_step second) {
    struct conf_step path[2] = {first, second};
    return conf_find_line(slice_of(lua), 1, "pool", "web", path, second.key || second.item ? 2 : 1);
}

static const struct conf_step nothing = {NULL, 0};
#define KEY(name) ((struct conf_step){name, 0})
#define ITEM(n)   ((struct conf_step){NULL, n})

static void the_line_of_a_key_is_found_in_the_text(void **state) {
    (void)state;
    const char *lua = "local x = pool \"other\" { key = 1 }\n"
                      "local p = pool \"web\" {\n"
                      "  \"a:1\", -- key = \n"
                      "  'b:1'; [[\nc:1]],\n"
                      "  f = function() if x then return { key = 2 } end end,\n"
                      "  [\"key\"] =\n"
                      "    {\n"
                      "      deep = 1, \"}\",\n"
                      "      [ [==[deeper]==] ] = 2,\n"
                      "    },\n"
                      "  key2 == 3, \"d:1\",\n"
                      "}\n";
    assert_int_equal(line_of(lua, KEY("key"), nothing), 7);
    assert_int_equal(line_of(lua, KEY("key"), KEY("deep")), 9);
    assert_int_equal(line_of(lua, KEY("key"), KEY("deeper")), 10);
    assert_int_equal(line_of(lua, KEY("key"), ITEM(1)), 9);
    assert_int_equal(line_of(lua, ITEM(1), nothing), 3);
    assert_int_equal(line_of(lua, ITEM(2), nothing), 4);
    assert_int_equal(line_of(lua, ITEM(5), nothing), 12);
    assert_int_equal(line_of(lua, KEY("none"), nothing), 0);
    assert_int_equal(line_of("pool(\"web\", {", KEY("x"), nothing), 0);
    assert_int_equal(line_of("pool \"web\" { x = [[", KEY("y"), nothing), 0);
    assert_int_equal(line_of("pool \"web\" { x = { ((( {{{", KEY("x"), KEY("y")), 1);
}

static void lines_are_counted_as_lua_counts_them(void **state) {
    (void)state;
    assert_int_equal(line_of("pool \"web\" {\r\n a = 1,\r b = 2,\n\r c = 3 }", KEY("c"), nothing),
                     4);
    assert_int_equal(line_of("pool \"web\" {\n\n a = \"x\\\ny\", -- c\r b = [[\r\n\r\n]], c = 3 }",
                             KEY("c"), nothing),
                     7);
    assert_int_equal(conf_find_line((struct slice){NULL, 0}, 1, "pool", "web", &KEY("c"), 1), 0);
}

static void strings_are_printed_as_lua_reads_them(void **state) {
    (void)state;
    struct text out;
    text_init(&out, 256);
    conf_print_string(&out, (struct slice){"a\"b\\c\n\0\x7f\xc3", 9});
    assert_string_equal(text_string(&out), "\"a\\\"b\\\\c\\n\\000\\127\xc3\"");
    text_fini(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_have_units_and_never_overflow),
        cmocka_unit_test(sizes_count_in_1024),
        cmocka_unit_test(the_nearest_name_is_suggested_and_a_far_one_is_not),
        cmocka_unit_test(the_line_of_a_key_is_found_in_the_text),
        cmocka_unit_test(lines_are_counted_as_lua_counts_them),
        cmocka_unit_test(strings_are_printed_as_lua_reads_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
