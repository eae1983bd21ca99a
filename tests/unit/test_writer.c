// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/message/writer.h"

static void assert_bytes(const char *at, const char *end, const char *want) {
    assert_int_equal(end - at, strlen(want));
    assert_memory_equal(at, want, strlen(want));
}

static struct field two[] = {
    {FIELD_HOST, {"Host", 4}, {"x", 1}},
    {FIELD_OTHER, {"A", 1}, {"", 0}},
};
static const struct fields FIELDS = {.at = two, .count = 2, .cap = 2};

static void a_request_head_takes_exactly_the_room_it_asked_for(void **state) {
    (void)state;
    char room[256];
    struct request_head h = {
        .method_text = SLICE("GET"), .path = SLICE("/a"), .has_query = true, .fields = FIELDS};
    char *end = request_head_write(room, &h);
    assert_bytes(room, end, "GET /a? HTTP/1.1\r\nHost: x\r\nA: \r\n\r\n");
    assert_int_equal(request_head_size(&h), end - room);
    h.query = SLICE("b=c");
    end = request_head_write(room, &h);
    assert_bytes(room, end, "GET /a?b=c HTTP/1.1\r\nHost: x\r\nA: \r\n\r\n");
    assert_int_equal(request_head_size(&h), end - room);
    h.has_query = false;
    h.fields.count = 0;
    end = request_head_write(room, &h);
    assert_bytes(room, end, "GET /a HTTP/1.1\r\n\r\n");
    assert_int_equal(request_head_size(&h), end - room);
}

static void an_answer_head_takes_exactly_the_room_it_asked_for(void **state) {
    (void)state;
    char room[256];
    struct response_head h = {.status = 404, .reason = SLICE("Not Found"), .fields = FIELDS};
    char *end = response_head_write(room, &h);
    assert_bytes(room, end, "HTTP/1.1 404 Not Found\r\nHost: x\r\nA: \r\n\r\n");
    assert_int_equal(response_head_size(&h), end - room);
    h.reason.len = 0;
    h.status = 799;
    end = response_head_write(room, &h);
    assert_bytes(room, end, "HTTP/1.1 799 \r\nHost: x\r\nA: \r\n\r\n");
    assert_int_equal(response_head_size(&h), end - room);
}

static void chunk_lines_are_short_hexadecimal(void **state) {
    (void)state;
    char line[CHUNK_LINE_MAX];
    assert_bytes(line, line + chunk_line_write(line, 0), "0\r\n");
    assert_bytes(line, line + chunk_line_write(line, 15), "f\r\n");
    assert_bytes(line, line + chunk_line_write(line, 16384), "4000\r\n");
    assert_bytes(line, line + chunk_line_write(line, UINT64_MAX), "ffffffffffffffff\r\n");
}

static void the_last_chunk_may_carry_trailers(void **state) {
    (void)state;
    char room[64];
    assert_bytes(room, last_chunk_write(room, NULL), "0\r\n\r\n");
    assert_int_equal(last_chunk_size(NULL), 5);
    assert_bytes(room, last_chunk_write(room, &FIELDS), "0\r\nHost: x\r\nA: \r\n\r\n");
    assert_int_equal(last_chunk_size(&FIELDS), 5 + 9 + 5);
}

static void statuses_have_their_reasons(void **state) {
    (void)state;
    assert_string_equal(status_reason(200), "OK");
    assert_string_equal(status_reason(431), "Request Header Fields Too Large");
    assert_string_equal(status_reason(799), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_head_takes_exactly_the_room_it_asked_for),
        cmocka_unit_test(an_answer_head_takes_exactly_the_room_it_asked_for),
        cmocka_unit_test(chunk_lines_are_short_hexadecimal),
        cmocka_unit_test(the_last_chunk_may_carry_trailers),
        cmocka_unit_test(statuses_have_their_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
