// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/message/field.h"

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

static void add(struct fields *f, const char *name, const char *value) {
    struct slice n = slice_of(name);
    fields_add(f, arena, field_id_of(n), n, slice_of(value));
}

static void every_known_name_has_its_id_in_any_case(void **state) {
    (void)state;
    char text[64];
    for (enum field_id id = FIELD_OTHER + 1; id < FIELD_IDS; id++) {
        struct slice name = field_name_of(id);
        assert_int_equal(field_id_of(name), id);
        for (size_t i = 0; i < name.len; i++)
            text[i] = name.at[i] >= 'A' && name.at[i] <= 'Z' ? (char)(name.at[i] | 0x20)
                      : name.at[i] >= 'a' && name.at[i] <= 'z'
                          ? (char)(i % 2 ? name.at[i] & ~0x20 : name.at[i])
                          : name.at[i];
        assert_int_equal(field_id_of((struct slice){text, name.len}), id);
    }
}

static void names_that_are_only_near_have_none(void **state) {
    (void)state;
    static const char *const names[] = {"",
                                        "H",
                                        "Hos",
                                        "Hostt",
                                        "Host ",
                                        "Hozt",
                                        "Content-Lengt",
                                        "Content_Length",
                                        "\xc8ost",
                                        "te2",
                                        "X-Forwarded-Fo\x92"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(field_id_of(slice_of(names[i])), FIELD_OTHER);
}

static void fields_stay_in_order_and_are_found_one_after_the_other(void **state) {
    (void)state;
    struct fields f = {.at = NULL};
    for (int i = 0; i < 3; i++) {
        add(&f, "Host", "x");
        add(&f, "A", "1");
        add(&f, "B", "2");
        add(&f, "a", "3");
    }
    assert_int_equal(f.count, 12);
    const struct field *at = fields_find_name(&f, SLICE("A"));
    int found = 0;
    for (; at; at = fields_find_next(&f, at)) found++;
    assert_int_equal(found, 6); // A and a are one name, B is another though both are FIELD_OTHER
    assert_ptr_equal(fields_find(&f, FIELD_HOST), &f.at[0]);
    assert_ptr_equal(fields_find_next(&f, &f.at[0]), &f.at[4]);
    assert_null(fields_find(&f, FIELD_COOKIE));
    assert_null(fields_find_name(&f, SLICE("C")));
    assert_ptr_equal(fields_find_name(&f, SLICE("host")), &f.at[0]);
}

static void removed_fields_are_not_present_any_more(void **state) {
    (void)state;
    struct fields f = {.at = NULL};
    add(&f, "Cookie", "1");
    add(&f, "X", "2");
    add(&f, "cookie", "3");
    add(&f, "x", "4");
    add(&f, "TE", "5");
    fields_remove(&f, FIELD_COOKIE);
    assert_int_equal(f.count, 3);
    assert_null(fields_find(&f, FIELD_COOKIE));
    fields_remove_name(&f, SLICE("X"));
    assert_int_equal(f.count, 1);
    assert_int_equal(f.at[0].id, FIELD_TE);
    fields_remove_name(&f, SLICE("te"));
    assert_int_equal(f.count, 0);
    assert_int_equal(f.present, 0);
}

static void reserved_room_is_enough_and_keeps_what_was_there(void **state) {
    (void)state;
    struct fields f = {.at = NULL};
    add(&f, "A", "1");
    fields_reserve(&f, arena, 50);
    const struct field *at = f.at;
    for (int i = 0; i < 50; i++) add(&f, "B", "2");
    assert_ptr_equal(at, f.at);
    assert_true(slice_equals(f.at[0].value, SLICE("1")));
}

static void assert_list(const char *value, const char *want) {
    struct slice rest = slice_of(value), element;
    char got[128];
    size_t len = 0;
    while (list_next(&rest, &element)) {
        memcpy(got + len, element.at, element.len);
        len += element.len;
        got[len++] = '|';
    }
    got[len] = 0;
    assert_string_equal(got, want);
}

static void a_list_is_cut_at_commas_outside_of_quotes(void **state) {
    (void)state;
    assert_list("a", "a|");
    assert_list(" a ,\tb,,c , ", "a|b|c|");
    assert_list("", "");
    assert_list(" , ,", "");
    assert_list("a=\"b,c\", d", "a=\"b,c\"|d|");
    assert_list("a=\"b\\\",c\", d", "a=\"b\\\",c\"|d|");
    assert_list("a=\"b, c", "a=\"b, c|");
    assert_list("a=\"\\", "a=\"\\|");
}

static void a_token_in_a_list_is_found_in_any_case_and_field(void **state) {
    (void)state;
    struct fields f = {.at = NULL};
    add(&f, "Connection", "keep-alive");
    add(&f, "connection", "foo, CLOSE");
    assert_true(fields_list_has(&f, FIELD_CONNECTION, SLICE("close")));
    assert_false(fields_list_has(&f, FIELD_CONNECTION, SLICE("clos")));
    assert_false(fields_list_has(&f, FIELD_UPGRADE, SLICE("close")));
}

static void tokens_are_what_rfc_9110_says(void **state) {
    (void)state;
    const char *const others = "!#$%&'*+-.^_`|~";
    for (int c = 0; c < 256; c++) {
        bool wanted = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      (c != 0 && strchr(others, c));
        char text[2] = {(char)c, 'a'};
        assert_int_equal(is_token((struct slice){text, 2}), wanted);
    }
    assert_false(is_token(SLICE("")));
}

static void values_have_no_control_bytes_but_tab(void **state) {
    (void)state;
    for (int c = 0; c < 256; c++) {
        char byte = (char)c;
        bool wanted = (c >= 0x20 && c != 0x7f) || c == '\t';
        assert_int_equal(is_field_value((struct slice){&byte, 1}), wanted);
    }
    assert_true(is_field_value(SLICE("")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_known_name_has_its_id_in_any_case),
        cmocka_unit_test(names_that_are_only_near_have_none),
        cmocka_unit_test(fields_stay_in_order_and_are_found_one_after_the_other),
        cmocka_unit_test(removed_fields_are_not_present_any_more),
        cmocka_unit_test(reserved_room_is_enough_and_keeps_what_was_there),
        cmocka_unit_test(a_list_is_cut_at_commas_outside_of_quotes),
        cmocka_unit_test(a_token_in_a_list_is_found_in_any_case_and_field),
        cmocka_unit_test(tokens_are_what_rfc_9110_says),
        cmocka_unit_test(values_have_no_control_bytes_but_tab),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
