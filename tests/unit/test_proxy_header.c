// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "http/message/proxy_header.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4_ENDS   "\xc0\x00\x02\x01\xc0\x00\x02\x09\xdc\x04\x01\xbb"
#define V6_ENDS                                                                                    \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"                                                   \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\xdc\x04\x01\xbb"
#define V4_TEXT "192.0.2.1:56324"
#define V6_TEXT "[2001:db8::1]:56324"

// What the header names; "local" when that is nobody.
struct row {
    struct slice header;
    const char *client;
};

static const struct row good[] = {
    {SLICE_INIT("PROXY TCP4 192.0.2.1 192.0.2.9 56324 443\r\n"), V4_TEXT},
    {SLICE_INIT("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"),
     "255.255.255.255:65535"},
    {SLICE_INIT("PROXY TCP4 0.0.0.0 10.20.30.40 0 0\r\n"), "0.0.0.0:0"},
    {SLICE_INIT("PROXY TCP6 2001:db8::1 2001:DB8::2 56324 443\r\n"), V6_TEXT},
    {SLICE_INIT("PROXY TCP6 :: ::1 1 2\r\n"), "[::]:1"},
    {SLICE_INIT("PROXY TCP6 1:2:3:4:5:6:7:: 1::3:4:5:6:7:8 1 2\r\n"), "[1:2:3:4:5:6:7:0]:1"},
    {SLICE_INIT("PROXY TCP6 ::ffff:192.0.2.1 1:2:3:4:5:6:1.2.3.4 56324 443\r\n"), V4_TEXT},
    {SLICE_INIT("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
     "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
    {SLICE_INIT("PROXY UNKNOWN\r\n"), "local"},
    {SLICE_INIT("PROXY UNKNOWN whatever \x01\xff stands here\r\n"), "local"},
    {SLICE_INIT("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
     "local"},
    {SLICE_INIT(SIGNATURE "\x20\x00\x00\x00"), "local"},
    {SLICE_INIT(SIGNATURE "\x20\xff\x00\x03xyz"), "local"},
    {SLICE_INIT(SIGNATURE "\x21\x00\x00\x00"), "local"},
    {SLICE_INIT(SIGNATURE "\x21\x10\x00\x02xy"), "local"},
    {SLICE_INIT(SIGNATURE "\x21\x11\x00\x0c" V4_ENDS), V4_TEXT},
    {SLICE_INIT(SIGNATURE "\x21\x12\x00\x0c" V4_ENDS), V4_TEXT},
    {SLICE_INIT(SIGNATURE "\x21\x21\x00\x24" V6_ENDS), V6_TEXT},
    // an empty NOOP and an unknown extension
    {SLICE_INIT(SIGNATURE "\x21\x11\x00\x15" V4_ENDS "\x04\x00\x00\xea\x00\x03vpc"), V4_TEXT},
    // with a checksum
    {SLICE_INIT(SIGNATURE "\x21\x11\x00\x13" V4_ENDS "\x03\x00\x04\x0b\x38\x6c\x7e"), V4_TEXT},
};

static const struct slice bad[] = {
    SLICE_INIT("GET / HTTP/1.1\r\n"),
    SLICE_INIT("\x16\x03\x01\x02\x00"),
    SLICE_INIT("proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n"),
    SLICE_INIT("PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n"),
    SLICE_INIT("PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n"),
    SLICE_INIT("PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n"),
    SLICE_INIT("PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n"),
    SLICE_INIT("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n"),
    SLICE_INIT("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\r\n"),
    SLICE_INIT("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n"),
    SLICE_INIT("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n"),
    SLICE_INIT("PROXY TCP4 1.2.3.4 1.2.3.4 1 \r\n"),
    SLICE_INIT("PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n"),
    SLICE_INIT("PROXY TCP4 1.2.3.4 1.2.3.4 1 00\r\n"),
    SLICE_INIT("PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n"),
    SLICE_INIT("PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n"),
    SLICE_INIT("PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n"),
    SLICE_INIT("PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n"),
    SLICE_INIT("PROXY TCP4 01.2.3.4 1.2.3.4 1 2\r\n"),
    SLICE_INIT("PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\n"),
    SLICE_INIT("PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n"),
    SLICE_INIT("PROXY TCP4 1.2.3. 1.2.3.4 1 2\r\n"),
    SLICE_INIT("PROXY TCP4 1..3.4 1.2.3.4 1 2\r\n"),
    SLICE_INIT("PROXY TCP4 1.2.3.4.5 1.2.3.4 1 2\r\n"),
    SLICE_INIT("PROXY TCP4 1.2.3.4 1.2.3.04 1 2\r\n"),
    SLICE_INIT("PROXY TCP4 ::1 ::1 1 2\r\n"),
    SLICE_INIT("PROXY TCP6 1.2.3.4 ::1 1 2\r\n"),
    SLICE_INIT("PROXY TCP6 ::1 1.2.3.4 1 2\r\n"),
    SLICE_INIT("PROXY TCP6 1::2::3 ::1 1 2\r\n"),
    SLICE_INIT("PROXY TCP6 ::: ::1 1 2\r\n"),
    SLICE_INIT("PROXY TCP6 :1 ::1 1 2\r\n"),
    SLICE_INIT("PROXY TCP6 1: ::1 1 2\r\n"),
    SLICE_INIT("PROXY TCP6 1:2:3:4:5:6:7 ::1 1 2\r\n"),
    SLICE_INIT("PROXY TCP6 1:2:3:4:5:6:7: ::1 1 2\r\n"),
    SLICE_INIT("PROXY TCP6 1:2:3:4:5:6:7:8: ::1 1 2\r\n"),
    SLICE_INIT("PROXY TCP6 1:2:3:4:5:6:7:8:9 ::1 1 2\r\n"),
    SLICE_INIT("PROXY TCP6 1:2:3:4::5:6:7:8 ::1 1 2\r\n"),
    SLICE_INIT("PROXY TCP6 12345:: ::1 1 2\r\n"),
    SLICE_INIT("PROXY TCP6 ::g ::1 1 2\r\n"),
    SLICE_INIT("PROXY TCP6 fe80::1%lo ::1 1 2\r\n"),
    SLICE_INIT("PROXY TCP6 ::ffff:1.2.3 ::1 1 2\r\n"),
    SLICE_INIT("PROXY TCP6 ::ffff:01.2.3.4 ::1 1 2\r\n"),
    SLICE_INIT("PROXY TCP6 1:2:3:1.2.3.4 ::1 1 2\r\n"),
    SLICE_INIT("PROXY UNKNOWNS\r\n"),
    SLICE_INIT("PROXY UNKNOWN\n"),
    SLICE_INIT("PROXY UNKNOWN a\rb\r\n"),
    SLICE_INIT("PROXY UNKNOWN a\nb\r\n"),
    SLICE_INIT("\r\n\r\n\r\n"),
    SLICE_INIT(SIGNATURE "\x11\x11\x00\x0c" V4_ENDS),
    SLICE_INIT(SIGNATURE "\x22\x11\x00\x0c" V4_ENDS),
    SLICE_INIT(SIGNATURE "\x21\x13\x00\x0c" V4_ENDS),
    SLICE_INIT(SIGNATURE "\x21\x41\x00\x0c" V4_ENDS),
    SLICE_INIT(SIGNATURE "\x21\x11\x00\x0b" V4_ENDS),
    SLICE_INIT(SIGNATURE "\x21\x21\x00\x23" V6_ENDS),
    SLICE_INIT(SIGNATURE "\x21\x31\x00\xd7"),
    SLICE_INIT(SIGNATURE "\x21\x11\x02\x09" V4_ENDS),
    SLICE_INIT(SIGNATURE "\x20\x00\x03"),
    // extensions: half a head, a length that leads beyond the end, a checksum of 3 bytes, two, a wrong one
    SLICE_INIT(SIGNATURE "\x21\x11\x00\x0e" V4_ENDS "\x04\x00"),
    SLICE_INIT(SIGNATURE "\x21\x11\x00\x10" V4_ENDS "\x04\x00\x02x"),
    SLICE_INIT(SIGNATURE "\x21\x11\x00\x12" V4_ENDS "\x03\x00\x03xyz"),
    SLICE_INIT(SIGNATURE "\x21\x11\x00\x1a" V4_ENDS "\x03\x00\x04"
                         "0000\x03\x00\x04"
                         "0000"),
    SLICE_INIT(SIGNATURE "\x21\x11\x00\x13" V4_ENDS "\x03\x00\x04\x0b\x38\x6c\x7f"),
};

static enum proxy_event parse(struct slice in, size_t *used, char client[ADDRESS_TEXT_MAX]) {
    struct address a;
    bool is_local;
    // a block of exactly this size: the sanitizer sees a read behind its end
    char *exact = malloc(in.len > 0 ? in.len : 1);
    if (in.len > 0) memcpy(exact, in.at, in.len);
    enum proxy_event event = proxy_header_parse((struct slice){exact, in.len}, used, &a, &is_local);
    free(exact);
    if (event != PROXY_DONE) return event;
    if (is_local)
        strcpy(client, "local");
    else
        address_format(&a, client);
    return event;
}

static void a_header_names_its_client(void **state) {
    (void)state;
    char client[ADDRESS_TEXT_MAX];
    size_t used;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (parse(good[i].header, &used, client) != PROXY_DONE) fail_msg("row %zu is refused", i);
        assert_string_equal(client, good[i].client);
        assert_int_equal(used, good[i].header.len);
    }
}

static void every_prefix_of_a_header_wants_more(void **state) {
    (void)state;
    char client[ADDRESS_TEXT_MAX];
    size_t used;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        for (size_t len = 0; len < good[i].header.len; len++)
            if (parse((struct slice){good[i].header.at, len}, &used, client) != PROXY_MORE)
                fail_msg("row %zu after %zu bytes", i, len);
}

static void what_follows_the_header_stays(void **state) {
    (void)state;
    char client[ADDRESS_TEXT_MAX], bytes[1024];
    size_t used;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        size_t len = good[i].header.len;
        memcpy(bytes, good[i].header.at, len);
        memcpy(bytes + len, "\r\nPROXY \r\n", 10);
        assert_int_equal(parse((struct slice){bytes, len + 10}, &used, client), PROXY_DONE);
        assert_string_equal(client, good[i].client);
        assert_int_equal(used, len);
    }
}

static void what_is_no_header_is_refused(void **state) {
    (void)state;
    char client[ADDRESS_TEXT_MAX];
    size_t used;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (parse(bad[i], &used, client) != PROXY_REFUSED) fail_msg("row %zu", i);
}

// Once refused, no byte more changes that; and the refusal comes with the byte that is wrong.
static void the_first_wrong_byte_is_refused(void **state) {
    (void)state;
    static const struct {
        struct slice bytes;
        size_t wrong;
    } rows[] = {
        {SLICE_INIT("GET"), 0},
        {SLICE_INIT("PROXYX"), 5},
        {SLICE_INIT("PROXY X"), 6},
        {SLICE_INIT("PROXY TCP7"), 9},
        {SLICE_INIT("PROXY TCP4 1.2.3.x"), 17},
        {SLICE_INIT("PROXY TCP4 1.2.3.00"), 18},
        {SLICE_INIT("PROXY TCP4 1.2.300"), 17},
        {SLICE_INIT("PROXY TCP4 1.2.3.4.5"), 18},
        {SLICE_INIT("PROXY TCP4 1.2.3 "), 16},
        {SLICE_INIT("PROXY TCP4 1.2.3.4 1.2.3.4 1\r"), 28},
        {SLICE_INIT("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n"), 30},
        {SLICE_INIT("PROXY TCP4 1.2.3.4 1.2.3.4 70000"), 31},
        {SLICE_INIT("PROXY TCP6 :1"), 12},
        {SLICE_INIT("PROXY TCP6 12345"), 15},
        {SLICE_INIT("PROXY TCP6 1:2:3:4:5:6:7:8:"), 26},
        {SLICE_INIT("PROXY TCP6 1::3:4:5:6:7:8:"), 25},
        {SLICE_INIT("PROXY UNKNOWN \n"), 14},
        {SLICE_INIT("\r\nx"), 2},
        {SLICE_INIT(SIGNATURE "\x22"), 12},
        {SLICE_INIT(SIGNATURE "\x21\x51"), 13},
        {SLICE_INIT(SIGNATURE "\x21\x11\x05"), 14},
        {SLICE_INIT(SIGNATURE "\x21\x11\x00\x01"), 15},
    };
    char client[ADDRESS_TEXT_MAX];
    size_t used;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (size_t len = 0; len <= rows[i].bytes.len; len++) {
            enum proxy_event wanted = len > rows[i].wrong ? PROXY_REFUSED : PROXY_MORE;
            if (parse((struct slice){rows[i].bytes.at, len}, &used, client) != wanted)
                fail_msg("row %zu after %zu bytes", i, len);
        }
}

static void a_line_that_does_not_end_is_refused(void **state) {
    (void)state;
    char client[ADDRESS_TEXT_MAX], line[200] = "PROXY UNKNOWN ";
    size_t used;
    memset(line + 14, 'x', sizeof line - 14);
    assert_int_equal(parse((struct slice){line, 105}, &used, client), PROXY_MORE);
    assert_int_equal(parse((struct slice){line, 106}, &used, client), PROXY_REFUSED);
    memcpy(line + 106, "\r\n", 2);
    assert_int_equal(parse((struct slice){line, 108}, &used, client), PROXY_REFUSED);
    memcpy(line + 105, "\r\n", 2);
    assert_int_equal(parse((struct slice){line, 106}, &used, client), PROXY_MORE);
    assert_int_equal(parse((struct slice){line, 107}, &used, client), PROXY_DONE);
    assert_int_equal(used, 107);
}

static void the_longest_header_has_536_bytes(void **state) {
    (void)state;
    char client[ADDRESS_TEXT_MAX], header[PROXY_HEADER_READ_MAX] = SIGNATURE "\x20\x00\x02\x08";
    size_t used;
    struct slice in = {header, sizeof header};
    assert_int_equal(parse((struct slice){header, sizeof header - 1}, &used, client), PROXY_MORE);
    assert_int_equal(parse(in, &used, client), PROXY_DONE);
    assert_int_equal(used, sizeof header);
    header[15]++;
    assert_int_equal(parse(in, &used, client), PROXY_REFUSED);
}

static void a_flipped_bit_never_leads_out_of_the_input(void **state) {
    (void)state;
    char client[ADDRESS_TEXT_MAX], bytes[1024];
    size_t used;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct slice h = good[i].header;
        for (size_t bit = 0; bit < h.len * 8; bit++) {
            memcpy(bytes, h.at, h.len);
            bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
            if (parse((struct slice){bytes, h.len}, &used, client) == PROXY_DONE)
                assert_in_range(used, 15, h.len);
        }
    }
}

static void the_checksum_protects_every_byte_before_it(void **state) {
    (void)state;
    char client[ADDRESS_TEXT_MAX], bytes[64];
    size_t used;
    struct slice h = good[sizeof good / sizeof good[0] - 1].header;
    for (size_t i = 16; i < 28; i++) {
        memcpy(bytes, h.at, h.len);
        bytes[i] = (char)(bytes[i] ^ 0x10);
        assert_int_equal(parse((struct slice){bytes, h.len}, &used, client), PROXY_REFUSED);
    }
}

// --- what is written ---

static struct address address_of(const char *text) {
    struct address a = {0};
    if (strcmp(text, "-") != 0) assert_true(address_parse(slice_of(text), &a));
    return a;
}

static void assert_written(int version, const char *client, const char *local, struct slice want) {
    char to[PROXY_HEADER_MAX];
    struct address c = address_of(client), l = address_of(local);
    struct slice got = {to, proxy_header_write(to, version, &c, &l)};
    if (!slice_equals(got, want))
        fail_msg("version %d: %s, %s: %.*s", version, client, local, SLICE_ARGS(got));
}

static void headers_are_written_as_the_specification_has_them(void **state) {
    (void)state;
    assert_written(1, V4_TEXT, "192.0.2.9:443", good[0].header);
    assert_written(1, V6_TEXT, "[2001:db8::2]:443",
                   SLICE("PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n"));
    assert_written(2, V4_TEXT, "192.0.2.9:443", SLICE(SIGNATURE "\x21\x11\x00\x0c" V4_ENDS));
    assert_written(2, V6_TEXT, "[2001:db8::2]:443", SLICE(SIGNATURE "\x21\x21\x00\x24" V6_ENDS));
    assert_written(1, "-", "-", SLICE("PROXY UNKNOWN\r\n"));
    assert_written(1, "unix:/client", "unix:/rsp", SLICE("PROXY UNKNOWN\r\n"));
    assert_written(2, "-", "-", SLICE(SIGNATURE "\x20\x00\x00\x00"));
}

static void mapped_addresses_are_written_as_ipv4(void **state) {
    (void)state;
    assert_written(1, "[::ffff:192.0.2.1]:56324", "[::ffff:192.0.2.9]:443", good[0].header);
    assert_written(2, "[::ffff:192.0.2.1]:56324", "192.0.2.9:443",
                   SLICE(SIGNATURE "\x21\x11\x00\x0c" V4_ENDS));
}

static void ends_of_two_families_are_written_as_ipv6(void **state) {
    (void)state;
    assert_written(1, "192.0.2.1:5", "[2001:db8::2]:443",
                   SLICE("PROXY TCP6 0:0:0:0:0:ffff:c000:201 2001:db8::2 5 443\r\n"));
}

static void a_client_is_named_even_where_the_local_end_is_not_known(void **state) {
    (void)state;
    assert_written(1, V4_TEXT, "-", SLICE("PROXY TCP4 192.0.2.1 0.0.0.0 56324 0\r\n"));
    assert_written(1, V6_TEXT, "unix:/rsp", SLICE("PROXY TCP6 2001:db8::1 :: 56324 0\r\n"));
}

static void what_is_written_is_read_again(void **state) {
    (void)state;
    static const char *const ends[] = {
        "192.0.2.1:0",
        "255.255.255.255:65535",
        "[::1]:1",
        "[::]:0",
        "[::1.2.3.4]:5",
        "[::ffff:1.2.3.4]:5",
        "[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535",
        "[1:0:0:2::]:80",
        "unix:/run/client",
        ("unix:/01234567890123456789012345678901234567890123456789012345678901234567890123"
         "45678901234567890123456789012345"),
        "-",
    };
    size_t count = sizeof ends / sizeof ends[0];
    for (size_t i = 0; i < count * count * 2; i++) {
        struct address client = address_of(ends[i % count]),
                       local = address_of(ends[i / 2 / count]);
        char to[PROXY_HEADER_MAX], got[ADDRESS_TEXT_MAX], want[ADDRESS_TEXT_MAX] = "local";
        int version = (int)(i / count % 2) + 1;
        size_t used, len = proxy_header_write(to, version, &client, &local);
        assert_int_equal(parse((struct slice){to, len}, &used, got), PROXY_DONE);
        assert_int_equal(used, len);
        bool is_named = client.any.sa_family == AF_UNIX ? version == 2 : client.len > 0;
        if (is_named) address_format(&client, want);
        assert_string_equal(got, want);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_names_its_client),
        cmocka_unit_test(every_prefix_of_a_header_wants_more),
        cmocka_unit_test(what_follows_the_header_stays),
        cmocka_unit_test(what_is_no_header_is_refused),
        cmocka_unit_test(the_first_wrong_byte_is_refused),
        cmocka_unit_test(a_line_that_does_not_end_is_refused),
        cmocka_unit_test(the_longest_header_has_536_bytes),
        cmocka_unit_test(a_flipped_bit_never_leads_out_of_the_input),
        cmocka_unit_test(the_checksum_protects_every_byte_before_it),
        cmocka_unit_test(headers_are_written_as_the_specification_has_them),
        cmocka_unit_test(mapped_addresses_are_written_as_ipv4),
        cmocka_unit_test(ends_of_two_families_are_written_as_ipv6),
        cmocka_unit_test(a_client_is_named_even_where_the_local_end_is_not_known),
        cmocka_unit_test(what_is_written_is_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
