// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "routing/path.h"
#include "tests/unit/routing_fixture.h"

static void the_smallest_file_sends_everything_to_its_backend(void **state) {
    (void)state;
    struct fixture f =
        load_good("listen { http = 8080 }\nsite \"*\" { to = \"127.0.0.1:3000\" }\n");
    assert_int_equal(f.config->listen_count, 1);
    assert_int_equal(address_port(&f.config->listens[0].address), 8080);
    assert_string_equal(member_for(&f, "any.example", "/x"), "127.0.0.1:3000");
    assert_string_equal(member_for(&f, "", "/"), "127.0.0.1:3000");
    unload(&f);
}

static void the_format_of_2013_is_a_listener_and_a_site_for_all(void **state) {
    (void)state;
    struct fixture f =
        load_good("listenPort = \"8000\" backendAddress = \"127.0.0.1\" backendPort = \"80\"");
    assert_int_equal(f.config->listen_count, 1);
    assert_int_equal(address_port(&f.config->listens[0].address), 8000);
    assert_string_equal(member_for(&f, "any.example", "/"), "127.0.0.1:80");
    unload(&f);
}

static void an_exact_host_beats_the_longest_wildcard_beats_any(void **state) {
    (void)state;
    struct fixture f = load_good("site \"*\" { to = \"10.0.0.1:1\" }\n"
                                 "site \"*.example.com\" { to = \"10.0.0.2:1\" }\n"
                                 "site \"*.b.example.com\" { to = \"10.0.0.3:1\" }\n"
                                 "site \"a.b.example.com\" { to = \"10.0.0.4:1\" }\n");
    assert_string_equal(member_for(&f, "a.b.example.com", "/"), "10.0.0.4:1");
    assert_string_equal(member_for(&f, "A.B.Example.COM.:8080", "/"), "10.0.0.4:1");
    assert_string_equal(member_for(&f, "c.b.example.com", "/"), "10.0.0.3:1");
    assert_string_equal(member_for(&f, "x.c.b.example.com", "/"), "10.0.0.3:1");
    assert_string_equal(member_for(&f, "b.example.com", "/"), "10.0.0.2:1");
    assert_string_equal(member_for(&f, "example.com", "/"), "10.0.0.1:1");
    unload(&f);
}

static void a_host_without_a_site_is_refused(void **state) {
    (void)state;
    struct fixture f = load_good("site \"a.example\" { to = \"10.0.0.1:1\" }");
    assert_int_equal(ask(&f, "b.example", "/")->kind, ANSWER_REFUSED);
    assert_int_equal(f.answer.refused, REFUSED_NO_SITE);
    unload(&f);
}

static void a_reload_url_reaches_the_server_of_its_domain(void **state) {
    (void)state;
    struct fixture f =
        load_good("local apps = pool \"apps\" { \"10.0.0.1:1\", \"10.0.0.2:1\", \"10.0.0.3:1\", "
                  "balance = \"hash\", key = \"{host}\" }\n"
                  "site \"www.pythonanywhere.example\" { paths = {\n"
                  "  [\"/user/*/webapps/{domain}/reload\"] = { to = apps, key = \"{domain}\" },\n"
                  "  [\"/*\"] = { to = apps } } }\n"
                  "site \"*\" { to = apps }\n");
    for (int i = 0; i < 100; i++) {
        char host[64], uri[128];
        snprintf(host, sizeof host, "ironhand%d.example", i);
        snprintf(uri, sizeof uri, "/user/x/webapps/Iron%%48and%d.example./reload", i);
        const char *app = member_for(&f, host, "/");
        assert_string_equal(member_for(&f, "www.pythonanywhere.example", uri), app);
        assert_slice(f.answer.key, host);
    }
    unload(&f);
}

static void a_captured_domain_that_is_no_host_name_is_refused(void **state) {
    (void)state;
    struct fixture f = load_good(
        "local apps = pool \"apps\" { \"10.0.0.1:1\", balance = \"hash\", key = \"{host}\" }\n"
        "site \"*\" { paths = { [\"/{domain}/reload\"] = { to = apps, key = \"{domain}\" } } }\n");
    assert_int_equal(ask(&f, "w.example", "/a%20b/reload")->kind, ANSWER_REFUSED);
    assert_int_equal(f.answer.refused, REFUSED_BAD_KEY);
    unload(&f);
}

static void a_pattern_with_a_broken_escape_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"/%", "/a%4", "/%zz/b", "/a/%4g", "/%00"};
    struct text why;
    text_init(&why, 256);
    assert_true(path_pattern_check(SLICE("/a%20b/%41"), &why));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (path_pattern_check(slice_of(bad[i]), &why)) fail_msg("%s was taken", bad[i]);
    text_fini(&why);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_smallest_file_sends_everything_to_its_backend),
        cmocka_unit_test(the_format_of_2013_is_a_listener_and_a_site_for_all),
        cmocka_unit_test(an_exact_host_beats_the_longest_wildcard_beats_any),
        cmocka_unit_test(a_host_without_a_site_is_refused),
        cmocka_unit_test(a_reload_url_reaches_the_server_of_its_domain),
        cmocka_unit_test(a_captured_domain_that_is_no_host_name_is_refused),
        cmocka_unit_test(a_pattern_with_a_broken_escape_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
