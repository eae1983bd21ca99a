// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/hostname.h"

struct spelling {
    const char *written;
    const char *name; // NULL: refused
};

static void assert_reads_as(const char *written, const char *name) {
    char out[HOSTNAME_MAX + 1];
    size_t len = hostname_normalise(slice_of(written), out);
    if (len == 0 && name) fail_msg("'%s' was refused", written);
    if (len > 0 && !name) fail_msg("'%s' was taken as '%s'", written, out);
    assert_string_equal(out, name ? name : "");
    assert_int_equal(len, strlen(out));
}

static void assert_all(const struct spelling *rows, size_t count) {
    for (size_t i = 0; i < count; i++) assert_reads_as(rows[i].written, rows[i].name);
}
#define ASSERT_ALL(rows) assert_all(rows, sizeof(rows) / sizeof *(rows))

static void every_spelling_of_a_name_is_one_name(void **state) {
    (void)state;
    static const struct spelling rows[] = {
        {"ironhand.example", "ironhand.example"},
        {"IronHand.example", "ironhand.example"},
        {"IRONHAND.EXAMPLE", "ironhand.example"},
        {"ironhand.example.", "ironhand.example"},
        {"ironhand.example:443", "ironhand.example"},
        {"ironhand.example:", "ironhand.example"},
        {"ironhand.example.:8080", "ironhand.example"},
        {"%69ronhand.example", "ironhand.example"},
        {"%49ron%48and%2Eexample%2e", "ironhand.example"},
        {"ironhand.example%3A443", "ironhand.example"},
        {"ironhand\xe3\x80\x82"
         "example",
         "ironhand.example"},                                // ideographic full stop
        {"\xef\xbd\x89ronhand.example", "ironhand.example"}, // full-width i
        {"iron\xc2\xadhand.example", "ironhand.example"},    // soft hyphen
        {"localhost", "localhost"},
        {"a", "a"},
        {"_dmarc.example.com", "_dmarc.example.com"},
        {"xn--bcher-kva.example", "xn--bcher-kva.example"},
        {"3com.example", "3com.example"},
        {"1.2.3.4.example", "1.2.3.4.example"},
        {"0xg.0", NULL},
    };
    ASSERT_ALL(rows);
}

static void international_names_become_ascii(void **state) {
    (void)state;
    static const struct spelling rows[] = {
        {"b\xc3\xbc"
         "cher.example",
         "xn--bcher-kva.example"},
        {"B\xc3\x9c"
         "CHER.Example.:443",
         "xn--bcher-kva.example"},
        {"bu\xcc\x88"
         "cher.example",
         "xn--bcher-kva.example"}, // u and a combining diaeresis
        {"b%C3%BCcher.example", "xn--bcher-kva.example"},
        {"XN--BCHER-KVA.example", "xn--bcher-kva.example"},
        {"fa\xc3\x9f.example", "xn--fa-hia.example"}, // sharp s stays, as in browsers
        {"\xe4\xbe\x8b\xe3\x81\x88.\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88", "xn--r8jz45g.xn--zckzah"},
        {"\xef\xbc\x91.2.3.4", "1.2.3.4"}, // full-width 1
    };
    ASSERT_ALL(rows);
}

static void what_is_no_name_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        ".",
        "..",
        "a..b",
        ".a",
        "a..",
        ":80",
        ".:80",
        "a b",
        " a",
        "a ",
        "a/b",
        "a\\b",
        "a@b",
        "user@example.com",
        "a?b",
        "a#b",
        "a,b",
        "a*b",
        "*.example.com",
        "(a)",
        "a\tb",
        "a\r\nb",
        "a\x7f"
        "b",
        "a:b",
        "a:1:2",
        "a:65536",
        "a:123456",
        "a:-1",
        "a:+1",
        "a: 80",
        "a:0x50",
        "\xff.example",
        "a\xc0\xaf.example",
        "b\xc3.example",
        "a\xef\xbc\x8f"
        "b.example", // full-width slash
        "a\xef\xbc\x9a"
        "80", // full-width colon
        "a\xef\xbc\x85"
        "41.example",            // full-width percent sign
        "a\xe2\x84\x80.example", // "a/c" in one character
        "\xc3\xbc"
        "..example",
        "\xe3\x80\x82",
        "\xc2\xad",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_reads_as(bad[i], NULL);
}

static void percent_signs_are_decoded_once_only(void **state) {
    (void)state;
    static const struct spelling rows[] = {
        {"%61.example", "a.example"},
        {"%2561.example", NULL},
        {"%25", NULL},
        {"%", NULL},
        {"a%", NULL},
        {"a%4", NULL},
        {"a%4g.example", NULL},
        {"a%g4.example", NULL},
        {"a%00.example", NULL},
        {"a%20b", NULL},
        {"a%2fb", NULL},
        {"a%0a", NULL},
        {"%E2%80%ae.example", NULL},
        {"a%FFb.example", NULL},
    };
    ASSERT_ALL(rows);
}

static void addresses_have_one_spelling(void **state) {
    (void)state;
    static const struct spelling rows[] = {
        {"127.0.0.1", "127.0.0.1"},
        {"127.0.0.1:80", "127.0.0.1"},
        {"127.0.0.1.", "127.0.0.1"},
        {"127.1", NULL},
        {"127.0.0.01", NULL},
        {"127.0.0.256", NULL},
        {"2130706433", NULL},
        {"0x7f.0.0.0x1", NULL},
        {"0x7F000001", NULL},
        {"0x", NULL},
        {"1.2.3.4.5", NULL},
        {"[::1]", "[::1]"},
        {"[::1]:443", "[::1]"},
        {"[::1]:", "[::1]"},
        {"[0:0:0:0:0:0:0:1]", "[::1]"},
        {"[2001:DB8:0:0:1:0:0:1]", "[2001:db8::1:0:0:1]"},
        {"[::FFFF:1.2.3.4]", "[::ffff:1.2.3.4]"},
        {"%5B::1%5D:80", "[::1]"},
        {"::1", NULL},
        {"[::1", NULL},
        {"[::1].", NULL},
        {"[::1]a", NULL},
        {"[::1]:65536", NULL},
        {"[]", NULL},
        {"[", NULL},
        {"[1.2.3.4]", NULL},
        {"[fe80::1%25eth0]", NULL},
        {"[v1.a]", NULL},
        {"[0000:0000:0000:0000:0000:0000:0000:0000:0000:0001]", NULL},
    };
    ASSERT_ALL(rows);
}

static void labels_and_names_have_a_maximum(void **state) {
    (void)state;
    char name[400], label[65];
    memset(label, 'a', 64);
    label[64] = '\0';
    assert_reads_as(label, NULL);
    snprintf(name, sizeof name, "%s.example", label);
    assert_reads_as(name, NULL);
    snprintf(name, sizeof name, "%s.example", label + 1);
    assert_reads_as(name, name);
    const char *l = label + 1; // 63
    snprintf(name, sizeof name, "%s.%s.%s.%.61s", l, l, l, l);
    assert_int_equal(strlen(name), HOSTNAME_MAX);
    assert_reads_as(name, name);
    char dotted[410];
    snprintf(dotted, sizeof dotted, "%s.:443", name);
    assert_reads_as(dotted, name);
    snprintf(name, sizeof name, "%s.%s.%s.%.62s", l, l, l, l);
    assert_reads_as(name, NULL);
}

static void an_endless_spelling_is_refused(void **state) {
    (void)state;
    static char name[100001];
    char out[HOSTNAME_MAX + 1];
    for (size_t i = 0; i < 100000; i += 2) memcpy(name + i, "\xc3\xbc", 2);
    for (size_t len = 400; len <= 100000; len = len * 3 / 2)
        assert_int_equal(hostname_normalise((struct slice){name, len}, out), 0);
}

// Made of pieces that mean something to the function.
static struct slice make_spelling(char *at, size_t max) {
    static const char *const pieces[] = {"a",
                                         "B",
                                         "z9",
                                         "-",
                                         "_",
                                         ".",
                                         ".",
                                         "xn--",
                                         "%2e",
                                         "%41",
                                         "%25",
                                         ":80",
                                         "[",
                                         "]",
                                         "::1",
                                         "\xc3\xbc",
                                         "\xe3\x80\x82",
                                         "\xc2\xad",
                                         "0x1",
                                         "127.0.0.1",
                                         "%C3%9F",
                                         "1",
                                         "\xef\xbc\x8e",
                                         "\xff",
                                         "example",
                                         "\xcc\x88",
                                         "com"};
    size_t len = 0;
    for (int n = rand() % 8 + 1; n > 0; n--) {
        const char *piece = pieces[(size_t)rand() % (sizeof pieces / sizeof *pieces)];
        if (len + strlen(piece) > max) break;
        memcpy(at + len, piece, strlen(piece));
        len += strlen(piece);
    }
    return (struct slice){at, len};
}

static void a_normal_name_is_its_own_normal_form(void **state) {
    (void)state;
    srand(1);
    int taken = 0;
    for (int i = 0; i < 20000; i++) {
        char spelling[100], once[HOSTNAME_MAX + 1], twice[HOSTNAME_MAX + 1];
        struct slice s = make_spelling(spelling, sizeof spelling);
        size_t len = hostname_normalise(s, once);
        if (len == 0) continue;
        taken++;
        assert_int_equal(strspn(once, "abcdefghijklmnopqrstuvwxyz0123456789-_.[]:"), len);
        assert_int_equal(hostname_normalise((struct slice){once, len}, twice), len);
        assert_string_equal(once, twice);
    }
    assert_true(taken > 2000);
}

static void encoding_every_byte_changes_nothing(void **state) {
    (void)state;
    srand(2);
    for (int i = 0; i < 20000; i++) {
        char spelling[100], encoded[300], plain[HOSTNAME_MAX + 1], decoded[HOSTNAME_MAX + 1];
        struct slice s = make_spelling(spelling, sizeof spelling);
        if (slice_find(s, '%') >= 0) continue;
        for (size_t k = 0; k < s.len; k++)
            snprintf(encoded + 3 * k, 4, "%%%02x", (unsigned char)s.at[k]);
        size_t len = hostname_normalise(s, plain);
        assert_int_equal(hostname_normalise((struct slice){encoded, 3 * s.len}, decoded), len);
        assert_string_equal(plain, decoded);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spelling_of_a_name_is_one_name),
        cmocka_unit_test(international_names_become_ascii),
        cmocka_unit_test(what_is_no_name_is_refused),
        cmocka_unit_test(percent_signs_are_decoded_once_only),
        cmocka_unit_test(addresses_have_one_spelling),
        cmocka_unit_test(labels_and_names_have_a_maximum),
        cmocka_unit_test(an_endless_spelling_is_refused),
        cmocka_unit_test(a_normal_name_is_its_own_normal_form),
        cmocka_unit_test(encoding_every_byte_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
