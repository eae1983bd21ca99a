// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>

#include "core/address.h"

static void assert_reads_as(const char *text, const char *wanted) {
    struct address a;
    char buf[ADDRESS_TEXT_MAX];
    if (!address_parse(slice_of(text), &a)) fail_msg("%s was refused", text);
    assert_string_equal(address_format(&a, buf), wanted);
    assert_true(address_parse(slice_of(buf), &a));
}

static void addresses_are_read_and_written(void **state) {
    (void)state;
    assert_reads_as("127.0.0.1:80", "127.0.0.1:80");
    assert_reads_as("0.0.0.0:0", "0.0.0.0:0");
    assert_reads_as("[::1]:65535", "[::1]:65535");
    assert_reads_as("[2001:DB8:0::1]:443", "[2001:db8::1]:443");
    assert_reads_as("[::ffff:1.2.3.4]:5", "1.2.3.4:5");
    assert_reads_as("unix:/run/app.sock", "unix:/run/app.sock");
}

static void what_is_no_address_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      ":",
                                      ":80",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      "127.0.0.1:65536",
                                      "127.1:80",
                                      "::1:80",
                                      "[::1]",
                                      "[::1:80",
                                      "::1]:80",
                                      "[]:80",
                                      "[1.2.3.4]:80",
                                      "app:80",
                                      "1.2.3.4:8 0",
                                      "1.2.3.4:-1",
                                      "unix:",
                                      "unix:relative",
                                      "1.2.3.4:+1",
                                      " 1.2.3.4:1",
                                      "01.2.3.4.5:80",
                                      "[::1%lo]:80",
                                      "1.2.3.4:000080",
                                      "[:80"};
    struct address a;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (address_parse(slice_of(bad[i]), &a)) fail_msg("'%s' was taken", bad[i]);
    assert_false(address_parse((struct slice){"1.2.3.4\0:80", 11}, &a));
    char path[200] = "unix:/";
    memset(path + 6, 'a', 120);
    assert_false(address_parse(slice_of(path), &a));
    path[5 + 107] = '\0';
    assert_true(address_parse(slice_of(path), &a));
}

static void bare_addresses_take_a_port(void **state) {
    (void)state;
    struct address a;
    char buf[ADDRESS_TEXT_MAX];
    assert_true(address_parse_ip(SLICE("10.0.0.1"), 8080, &a));
    assert_string_equal(address_format(&a, buf), "10.0.0.1:8080");
    assert_int_equal(address_port(&a), 8080);
    assert_true(address_parse_ip(SLICE("::1"), 443, &a));
    assert_string_equal(address_format_ip(&a, buf), "::1");
    assert_int_equal(address_port(&a), 443);
    assert_false(address_parse_ip(SLICE("[::1]"), 443, &a));
    assert_false(address_parse_ip(SLICE("localhost"), 443, &a));
}

static void the_client_of_a_unix_socket_has_no_name(void **state) {
    (void)state;
    struct address a = {.len = sizeof(sa_family_t), .local = {.sun_family = AF_UNIX}};
    char buf[ADDRESS_TEXT_MAX];
    memset(a.local.sun_path, 'x', sizeof a.local.sun_path); // accept() writes no path
    assert_string_equal(address_format(&a, buf), "unix:");
    assert_string_equal(address_format_ip(&a, buf), "unix:");
    assert_int_equal(address_port(&a), 0);
}

static bool are_equal(const char *one, const char *other) {
    struct address a, b;
    assert_true(address_parse(slice_of(one), &a));
    assert_true(address_parse(slice_of(other), &b));
    return address_equals(&a, &b);
}

static void equality_is_of_family_address_and_port(void **state) {
    (void)state;
    assert_true(are_equal("1.2.3.4:5", "1.2.3.4:5"));
    assert_false(are_equal("1.2.3.4:5", "1.2.3.4:6"));
    assert_false(are_equal("1.2.3.4:5", "1.2.3.5:5"));
    assert_true(are_equal("[::1]:5", "[0:0::1]:5"));
    assert_false(are_equal("[::1]:5", "[::2]:5"));
    assert_false(are_equal("[::1]:5", "127.0.0.1:5"));
    assert_true(are_equal("unix:/a", "unix:/a"));
    assert_false(are_equal("unix:/a", "unix:/ab"));
}

static bool has(const char *network, const char *ip) {
    struct network n;
    struct address a = {.len = sizeof(sa_family_t), .local = {.sun_family = AF_UNIX}};
    if (!network_parse(slice_of(network), &n)) fail_msg("'%s' was refused", network);
    if (strcmp(ip, "unix:") != 0) assert_true(address_parse_ip(slice_of(ip), 1, &a));
    return network_has(&n, &a);
}

static void a_network_has_its_addresses_only(void **state) {
    (void)state;
    assert_true(has("10.0.0.0/8", "10.255.255.255"));
    assert_false(has("10.0.0.0/8", "11.0.0.0"));
    assert_true(has("10.128.0.0/9", "10.200.0.1"));
    assert_false(has("10.128.0.0/9", "10.127.255.255"));
    assert_true(has("192.168.1.7", "192.168.1.7"));
    assert_false(has("192.168.1.7", "192.168.1.6"));
    assert_true(has("0.0.0.0/0", "8.8.8.8"));
    assert_false(has("0.0.0.0/0", "::1"));
    assert_false(has("::/0", "8.8.8.8"));
    assert_true(has("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(has("2001:db8::/33", "2001:db8:8000::1"));
    assert_true(has("::1", "::1"));
}

static void mapped_addresses_count_as_v4(void **state) {
    (void)state;
    assert_true(has("10.0.0.0/8", "::ffff:10.1.2.3"));
    assert_true(has("::ffff:10.0.0.0/104", "10.1.2.3"));
    assert_false(has("::/0", "::ffff:10.1.2.3"));
}

static void unix_is_a_network_of_its_own(void **state) {
    (void)state;
    assert_true(has("unix:", "unix:"));
    assert_false(has("unix:", "127.0.0.1"));
    assert_false(has("0.0.0.0/0", "unix:"));
}

static void networks_with_host_bits_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/",   "10.0.0.0/-1",
                                      "10.0.0/8",   "::1/127",     "::/129",      "unix:/a",
                                      "",           "/8",          "10.0.0.0/8/8"};
    struct network n;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (network_parse(slice_of(bad[i]), &n)) fail_msg("'%s' was taken", bad[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_and_written),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(bare_addresses_take_a_port),
        cmocka_unit_test(the_client_of_a_unix_socket_has_no_name),
        cmocka_unit_test(equality_is_of_family_address_and_port),
        cmocka_unit_test(a_network_has_its_addresses_only),
        cmocka_unit_test(mapped_addresses_count_as_v4),
        cmocka_unit_test(unix_is_a_network_of_its_own),
        cmocka_unit_test(networks_with_host_bits_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
