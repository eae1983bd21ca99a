// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// Framing by itself, without llhttp before it; whole messages stand in tests/cases.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/message/chunk_line.h"
#include "http/message/framing.h"

static struct arena *arena;

static int set_up(void **state) {
    (void)state;
    arena = arena_new(4096, 1 << 20);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    arena_free(arena);
    return 0;
}

static struct fields fields_of(const char *length, const char *coding, const char *second) {
    struct fields f = {.at = NULL};
    if (length)
        fields_add(&f, arena, FIELD_CONTENT_LENGTH, SLICE("Content-Length"), slice_of(length));
    if (coding)
        fields_add(&f, arena, FIELD_TRANSFER_ENCODING, SLICE("Transfer-Encoding"),
                   slice_of(coding));
    if (second) {
        enum field_id id = length ? FIELD_CONTENT_LENGTH : FIELD_TRANSFER_ENCODING;
        fields_add(&f, arena, id, field_name_of(id), slice_of(second));
    }
    return f;
}

static void requests_end_where_the_rules_say(void **state) {
    (void)state;
    static const struct {
        const char *length, *coding, *second;
        int minor_version;
        enum refusal why;
        struct framing framing;
    } rows[] = {
        {NULL, NULL, NULL, 1, REFUSE_NONE, {BODY_NONE, 0}},
        {"7", NULL, NULL, 1, REFUSE_NONE, {BODY_LENGTH, 7}},
        {"7", NULL, NULL, 0, REFUSE_NONE, {BODY_LENGTH, 7}},
        {"7", NULL, "7", 1, REFUSE_SEVERAL_LENGTHS, {BODY_NONE, 0}},
        {"7", NULL, "8", 0, REFUSE_SEVERAL_LENGTHS, {BODY_NONE, 0}},
        {"7,7", NULL, NULL, 1, REFUSE_BAD_LENGTH, {BODY_NONE, 0}},
        {"9223372036854775807", NULL, NULL, 1, REFUSE_NONE, {BODY_LENGTH, INT64_MAX}},
        {"9223372036854775808", NULL, NULL, 1, REFUSE_BAD_LENGTH, {BODY_NONE, 0}},
        {NULL, "chunked", NULL, 1, REFUSE_NONE, {BODY_CHUNKED, 0}},
        {NULL, "chunked", NULL, 0, REFUSE_CODING_ON_1_0, {BODY_NONE, 0}},
        {"7", "chunked", NULL, 1, REFUSE_LENGTH_AND_CODING, {BODY_NONE, 0}},
        {"7", "gzip", NULL, 0, REFUSE_LENGTH_AND_CODING, {BODY_NONE, 0}},
        {NULL, "chunked", "chunked", 1, REFUSE_BAD_CODING, {BODY_NONE, 0}},
        {NULL, "gzip", "chunked", 1, REFUSE_BAD_CODING, {BODY_NONE, 0}},
        {NULL, "chunked, gzip", NULL, 1, REFUSE_BAD_CODING, {BODY_NONE, 0}},
        {NULL, "gzip, chunked, chunked", NULL, 1, REFUSE_BAD_CODING, {BODY_NONE, 0}},
        {NULL, "gzip, chunked", NULL, 1, REFUSE_UNKNOWN_CODING, {BODY_NONE, 0}},
        {NULL, "gzip", NULL, 1, REFUSE_UNKNOWN_CODING, {BODY_NONE, 0}},
        {NULL, "", NULL, 1, REFUSE_BAD_CODING, {BODY_NONE, 0}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fields f = fields_of(rows[i].length, rows[i].coding, rows[i].second);
        struct framing framing;
        enum refusal why = framing_of_request(&f, rows[i].minor_version, &framing);
        assert_int_equal(why, rows[i].why);
        if (why == REFUSE_NONE) {
            assert_int_equal(framing.kind, rows[i].framing.kind);
            assert_true(framing.length == rows[i].framing.length);
        }
        // An answer is refused for the same reasons, whatever its status.
        assert_int_equal(framing_of_response(&f, rows[i].minor_version, 304, METHOD_GET, &framing),
                         why);
    }
}

// The whole table of RFC 9112 section 6.3 for answers: status, method, fields.
static void answers_end_where_rfc_9112_says(void **state) {
    (void)state;
    struct fields f = {.at = NULL};
    struct framing framing;
    fields_add(&f, arena, FIELD_CONTENT_LENGTH, SLICE("Content-Length"), SLICE("7"));
    for (int status = 100; status < 600; status++) {
        for (enum method m = METHOD_OTHER; m <= METHOD_PATCH; m++) {
            bool has_body = status >= 200 && status != 204 && status != 304 && m != METHOD_HEAD;
            assert_int_equal(framing_of_response(&f, 1, status, m, &framing), REFUSE_NONE);
            assert_int_equal(framing.kind, has_body ? BODY_LENGTH : BODY_NONE);
            assert_int_equal(framing.length, has_body ? 7 : 0);
        }
    }
}

static void chunk_sizes_are_read_up_to_the_last_one_below_2_to_the_63(void **state) {
    (void)state;
    struct chunk_line line;
    assert_true(chunk_line_read(SLICE("7fffffffffffffff"), &line));
    assert_true(line.size == INT64_MAX);
    assert_true(chunk_line_read(SLICE("7FFFFFFFFFFFFFFF;a"), &line));
    assert_int_equal(line.digits, 16);
    assert_false(chunk_line_read(SLICE("8000000000000000"), &line));
    assert_false(chunk_line_read(SLICE("07fffffffffffffff"), &line));
    assert_true(chunk_line_read(SLICE("000000000000000a"), &line));
    assert_int_equal(line.size, 10);
}

static void only_hexadecimal_digits_count(void **state) {
    (void)state;
    for (int c = 0; c < 256; c++) {
        char text[] = {'1', (char)c};
        struct chunk_line line;
        bool wanted = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        assert_int_equal(chunk_line_read((struct slice){text, 2}, &line), wanted);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_end_where_the_rules_say),
        cmocka_unit_test(answers_end_where_rfc_9112_says),
        cmocka_unit_test(chunk_sizes_are_read_up_to_the_last_one_below_2_to_the_63),
        cmocka_unit_test(only_hexadecimal_digits_count),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
