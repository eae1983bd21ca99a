// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "routing/decide.h"
#include "routing/sticky.h"
#include "tests/unit/scene.h"

// Clients that cling to a member by a cookie.

#define SECRET "secret = '0123456789abcdef'"
#define ROUTES(site)                                                                               \
    "local p = pool 'p' { '127.0.0.1:$PORT', 'localhost:$PORT', sticky = { cookie = 'stay', "      \
    "max_age = '1h', " SECRET " } }\n" site

static const struct scene_script HELLO = {
    .answer = SLICE_INIT("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    .cut_after = SIZE_MAX};

static void siphash_gives_what_its_authors_print(void **state) {
    (void)state;
    const struct siphash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    char text[15];
    for (unsigned i = 0; i < sizeof text; i++) text[i] = (char)i;
    assert_true(siphash(key, (struct slice){text, 15}) == 0xa129ca6149be45e5);
    assert_true(siphash(key, (struct slice){text, 0}) == 0x726fdb47dd0e0e31);
    assert_true(siphash(key, (struct slice){text, 8}) == 0x93f5f5799a932462);
}

static void a_value_is_sixteen_digits_or_none(void **state) {
    (void)state;
    char buf[STICKY_TEXT_MAX];
    assert_string_equal(sticky_format(0x12ab, buf), "00000000000012ab");
    assert_true(sticky_parse(slice_of(buf)) == 0x12ab);
    static const char *const bad[] = {"",
                                      "12ab",
                                      "00000000000012aB",
                                      "00000000000012ag",
                                      "00000000000012ab0",
                                      "0x000000000012ab"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_true(sticky_parse(slice_of(bad[i])) == 0);
}

static void a_value_depends_on_secret_pool_and_member(void **state) {
    (void)state;
    struct sticky_conf a = {.key = sticky_key(SLICE("0123456789abcdef"), SLICE("p"))};
    struct sticky_conf b = {.key = sticky_key(SLICE("0123456789abcdeg"), SLICE("p"))};
    struct sticky_conf c = {.key = sticky_key(SLICE("0123456789abcdef"), SLICE("q"))};
    uint64_t value = sticky_value(&a, SLICE("10.0.0.1:80"));
    assert_true(value == sticky_value(&a, SLICE("10.0.0.1:80")));
    assert_true(value != sticky_value(&a, SLICE("10.0.0.2:80")));
    assert_true(value != sticky_value(&b, SLICE("10.0.0.1:80")));
    assert_true(value != sticky_value(&c, SLICE("10.0.0.1:80")));
}

// The value that the answer sets; "" when it sets none.
static void read_cookie(struct scene *s, char value[17]) {
    value[0] = '\0';
    const char *found = strcasestr(text_string(&s->got), "set-cookie: stay=");
    if (found) snprintf(value, 17, "%s", found + strlen("set-cookie: stay="));
}

static void get(struct scene *s, const char *cookie, char value[17]) {
    char request[256];
    text_clear(&s->got);
    snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: h\r\n%s%s%s\r\n",
             cookie ? "Cookie: a=b; stay=" : "", cookie ? cookie : "", cookie ? "\r\n" : "");
    scene_send(s, slice_of(request));
    assert_true(scene_await(s, "hello", 2000));
    read_cookie(s, value);
}

static void a_client_stays_with_the_member_of_its_first_answer(void **state) {
    (void)state;
    struct scene s;
    char first[17], other[17], again[17];
    scene_init(&s, "listen { http = '127.0.0.1:1' }\n" ROUTES("site '*' { to = p }"), &HELLO);
    scene_connect(&s);
    get(&s, NULL, first);
    assert_int_equal(strlen(first), 16);
    assert_non_null(
        strcasestr(text_string(&s.got), "; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax\r\n"));
    get(&s, NULL, other); // round robin goes on to the other
    assert_string_not_equal(first, other);
    unsigned there = s.accepted;
    for (int i = 0; i < 4; i++) {
        get(&s, i % 2 ? first : other, again);
        assert_string_equal(again, "");
    }
    assert_int_equal(s.accepted, there);
    get(&s, "0000000000000001", again); // nobody's: as if there were none
    assert_int_equal(strlen(again), 16);
    assert_null(strstr(text_string(&s.got), "127.0.0.1"));
    scene_fini(&s);
}

static void over_tls_the_cookie_is_secure(void **state) {
    (void)state;
    struct scene s;
    char value[17];
    scene_init(&s,
               "listen { https = '127.0.0.1:1' }\n" ROUTES(
                   "site 'scene.example' { to = p, tls = { cert = '$CERT' } } site '*' { to = p }"),
               &HELLO);
    scene_connect(&s);
    get(&s, NULL, value);
    assert_non_null(strcasestr(text_string(&s.got), "; HttpOnly; Secure; SameSite=Lax\r\n"));
    scene_fini(&s);
}

static void a_member_that_a_function_names_sets_no_cookie(void **state) {
    (void)state;
    struct scene s;
    char value[17];
    scene_init(&s,
               "listen { http = '127.0.0.1:1' }\n" ROUTES(
                   "site '*' { route = function() return p:member('localhost:$PORT') end }"),
               &HELLO);
    scene_connect(&s);
    get(&s, NULL, value);
    assert_string_equal(value, "");
    scene_fini(&s);
}

static void a_member_that_is_dead_loses_its_clients_to_another(void **state) {
    (void)state;
    struct scene s;
    char value[17], cookie[17], again[17];
    scene_init(&s,
               "listen { http = '127.0.0.1:1' }\n"
               "site '*' { to = pool 'p' { '127.0.0.1:$DEAD', '127.0.0.1:$PORT', sticky = { "
               "cookie = 'stay', " SECRET " } } }",
               &HELLO);
    struct pool *p = service_generation(s.service)->config->pools[0];
    struct slice dead = slice_of(p->configured[0].text);
    sticky_format(sticky_value(&p->sticky, dead), cookie);
    scene_connect(&s);
    get(&s, cookie, value);
    assert_int_equal(strlen(value), 16);
    assert_string_not_equal(value, cookie);
    get(&s, value, again);
    assert_string_equal(again, "");
    scene_fini(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siphash_gives_what_its_authors_print),
        cmocka_unit_test(a_value_is_sixteen_digits_or_none),
        cmocka_unit_test(a_value_depends_on_secret_pool_and_member),
        cmocka_unit_test(a_client_stays_with_the_member_of_its_first_answer),
        cmocka_unit_test(over_tls_the_cookie_is_secure),
        cmocka_unit_test(a_member_that_a_function_names_sets_no_cookie),
        cmocka_unit_test(a_member_that_is_dead_loses_its_clients_to_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
