// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// One backend is one member, however its address is written.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "routing/address_text.h"

static const struct {
    const char *written, *spelled; // NULL: is no address
} ROWS[] = {
    {"127.0.0.1:80", "127.0.0.1:80"},
    {"127.0.0.1:080", "127.0.0.1:80"},
    {"http://127.0.0.1", "127.0.0.1:80"},
    {"http://127.0.0.1:8080/", "127.0.0.1:8080"},
    {"[::1]:80", "[::1]:80"},
    {"[0:0:0:0:0:0:0:1]:80", "[::1]:80"},
    {"[2001:DB8::0:1]:80", "[2001:db8::1]:80"},
    {"[::FFFF:127.0.0.1]:80", "127.0.0.1:80"},
    {"App.Example:8080", "app.example:8080"},
    {"app.example.:8080", "app.example:8080"},
    {"https://app.example", "https://app.example:443"},
    {"https://APP.example:8443/", "https://app.example:8443"},
    {"https://[::1]", "https://[::1]:443"},
    {"unix:/run/App.sock", "unix:/run/App.sock"},
    {"https://unix:/run/app.sock", "https://unix:/run/app.sock"},
    {"127.0.0.1", NULL},
    {"127.0.0.1:0", NULL},
    {"127.0.0.1:65536", NULL},
    {"::1:80", NULL},
    {"[127.0.0.1]:80", NULL},
    {"app", NULL},
    {".:80", NULL},
    {"", NULL},
    {"unix:run", NULL},
};

static void each_way_to_write_an_address_has_one_spelling(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        char spelled[MEMBER_TEXT_MAX] = "";
        struct text why;
        text_init(&why, 1000);
        bool is_good = member_spell(slice_of(ROWS[i].written), spelled, &why);
        if (is_good != (ROWS[i].spelled != NULL)) fail_msg("'%s': %d", ROWS[i].written, is_good);
        if (is_good) assert_string_equal(spelled, ROWS[i].spelled);
        assert_int_equal(is_good, why.len == 0);
        text_fini(&why);
    }
}

static void a_spelling_is_its_own(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        struct text why;
        if (!ROWS[i].spelled) continue;
        text_init(&why, 1000);
        assert_true(member_is_spelled(slice_of(ROWS[i].spelled), &why));
        bool is_same = strcmp(ROWS[i].written, ROWS[i].spelled) == 0;
        assert_int_equal(member_is_spelled(slice_of(ROWS[i].written), &why), is_same);
        assert_int_equal(strstr(text_string(&why), "is written") == NULL, is_same);
        text_fini(&why);
    }
}

static void what_is_too_long_or_has_a_zero_byte_is_no_address(void **state) {
    (void)state;
    char spelled[MEMBER_TEXT_MAX], name[400];
    struct text why;
    text_init(&why, 1000);
    memset(name, 'a', sizeof name);
    memcpy(name + sizeof name - 4, ":80", 4);
    assert_false(member_spell(slice_of(name), spelled, &why));
    assert_false(member_spell((struct slice){"a:80\0b", 6}, spelled, &why));
    text_fini(&why);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_way_to_write_an_address_has_one_spelling),
        cmocka_unit_test(a_spelling_is_its_own),
        cmocka_unit_test(what_is_too_long_or_has_a_zero_byte_is_no_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
