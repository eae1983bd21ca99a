// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/routing_fixture.h"

// A site whose paths respond with their own pattern; `also` stands behind them.
static struct fixture with_paths(const char *const *patterns, const char *also) {
    struct text lua;
    text_init(&lua, 1 << 16);
    text_printf(&lua, "site \"*\" { paths = {\n");
    for (; *patterns; patterns++)
        text_printf(&lua, "[\"%s\"] = { respond = { 200, \"%s\" } },\n", *patterns, *patterns);
    text_printf(&lua, "%s } }\n", also);
    struct fixture f = load_good(text_string(&lua));
    text_fini(&lua);
    return f;
}

static void expect_pattern(struct fixture *f, const char *path, const char *wanted) {
    const struct route_answer *answer = ask(f, "x.example", path);
    if (wanted && answer->kind != ANSWER_RESPOND)
        fail_msg("%s is refused: %d", path, (int)answer->refused);
    if (wanted) {
        if (!slice_equals(answer->body, slice_of(wanted)))
            fail_msg("%s: found %.*s, wanted %s", path, SLICE_ARGS(answer->body), wanted);
        return;
    }
    assert_int_equal(answer->kind, ANSWER_REFUSED);
    assert_int_equal(answer->refused, REFUSED_NO_PATH);
}

static void expect_ambiguous(struct fixture *f, const char *path) {
    const struct route_answer *answer = ask(f, "x.example", path);
    if (answer->kind != ANSWER_REFUSED) fail_msg("%s goes to %.*s", path, SLICE_ARGS(answer->body));
    assert_int_equal(answer->refused, REFUSED_BAD_PATH);
}

static void an_exact_path_beats_captures_beat_the_longest_prefix(void **state) {
    (void)state;
    static const char *const patterns[] = {"/*",       "/a/*",     "/a/b/*",   "/a/{x}", "/a/b",
                                           "/a/{x}/c", "/a/b/{y}", "/a/*/d/*", "/",      NULL};
    struct fixture f = with_paths(patterns, "");
    expect_pattern(&f, "/", "/");
    expect_pattern(&f, "/z", "/*");
    expect_pattern(&f, "/a", "/a/*");
    expect_pattern(&f, "/a/", "/a/*");
    expect_pattern(&f, "/a/b", "/a/b");
    expect_pattern(&f, "/a/z", "/a/{x}");
    expect_pattern(&f, "/a/z/c", "/a/{x}/c");
    expect_pattern(&f, "/a/b/c", "/a/b/{y}");
    expect_pattern(&f, "/a/b/", "/a/b/*");
    expect_pattern(&f, "/a/b/c/d", "/a/b/*");
    expect_pattern(&f, "/a/z/d", "/a/*/d/*");
    expect_pattern(&f, "/a/z/d/e/f", "/a/*/d/*");
    expect_pattern(&f, "/a/b/d/e/f", "/a/*/d/*");
    expect_pattern(&f, "/a/z/y/x", "/a/*");
    expect_pattern(&f, "/ab", "/*");
    unload(&f);
}

static void what_no_rule_fits_is_refused(void **state) {
    (void)state;
    static const char *const patterns[] = {"/a", "/b/{x}", "/c/*/d", NULL};
    struct fixture f = with_paths(patterns, "");
    expect_pattern(&f, "/", NULL);
    expect_pattern(&f, "/a/", NULL);
    expect_pattern(&f, "/A", NULL);
    expect_pattern(&f, "/b", NULL);
    expect_pattern(&f, "/b/", NULL);
    expect_pattern(&f, "/b/x", "/b/{x}");
    expect_pattern(&f, "/c/x/d", "/c/*/d");
    expect_pattern(&f, "/c//d", NULL);
    expect_pattern(&f, "/c/x/y/d", NULL);
    unload(&f);
}

static void escapes_of_ordinary_letters_are_the_letters(void **state) {
    (void)state;
    static const char *const patterns[] = {"/admin/*", "/caf%c3%a9", "/{x}", "/*", NULL};
    struct fixture f = with_paths(patterns, "");
    expect_pattern(&f, "/%61dmin/x", "/admin/*");
    expect_pattern(&f, "/%61%64min/", "/admin/*");
    expect_pattern(&f, "/caf%C3%A9", "/caf%c3%a9");
    expect_pattern(&f, "/a%20b", "/{x}");
    expect_pattern(&f, "/%2561dmin/x", "/*");
    unload(&f);
}

static void no_rule_can_be_passed_by_with_dots_slashes_or_parameters(void **state) {
    (void)state;
    static const char *const patterns[] = {"/admin/*", "/public/*", "/*", NULL};
    struct fixture f = with_paths(patterns, "");
    static const char *const tricks[] = {
        "/public/../admin/x",
        "/public/%2e%2e/admin/x",
        "/public/.%2E/admin",
        "/x/../admin",
        "//admin/x",
        "/./admin/x",
        "/%2e/admin/x",
        "/admin%2fx",
        "/x%2f..%2fadmin",
        "/public%2f..%2fadmin/x",
        "/admin;a=b/x",
        "/public/..;/admin/x",
        "/public\\..\\admin\\x",
        "/%5cadmin/x",
        "/admin/../x",
        "/admin/..%2fpublic",
        "/;/admin/x",
        "/public/%2e%2e%2fadmin",
        "/x/%2e%2e/%61dmin",
        "/admin%3bx",
        "/public/a/../../admin",
        "/.;/admin",
        "/..;x/..//admin",
    };
    for (size_t i = 0; i < sizeof tricks / sizeof *tricks; i++) expect_ambiguous(&f, tricks[i]);
    unload(&f);
}

static void what_both_readings_send_the_same_way_passes(void **state) {
    (void)state;
    static const char *const patterns[] = {"/admin/*", "/files/*", "/*", NULL};
    struct fixture f = with_paths(patterns, "");
    expect_pattern(&f, "/files/a%2Fb/c", "/files/*");
    expect_pattern(&f, "/files//a", "/files/*");
    expect_pattern(&f, "/files/a/../b", "/files/*");
    expect_pattern(&f, "/files/x;v=1", "/files/*");
    expect_pattern(&f, "/page;jsessionid=1", "/*");
    expect_pattern(&f, "/files/.hidden", "/files/*");
    expect_pattern(&f, "/files/...", "/files/*");
    expect_pattern(&f, "/admin/./x", "/admin/*");
    unload(&f);
}

static void broken_escapes_and_nul_are_refused(void **state) {
    (void)state;
    static const char *const patterns[] = {"/*", NULL};
    struct fixture f = with_paths(patterns, "");
    expect_ambiguous(&f, "/%");
    expect_ambiguous(&f, "/%4");
    expect_ambiguous(&f, "/%zz");
    expect_ambiguous(&f, "/a%00b");
    unload(&f);
}

static void a_site_without_paths_does_not_look_at_the_path(void **state) {
    (void)state;
    struct fixture f = load_good("site \"*\" { to = \"10.0.0.1:1\" }");
    assert_string_equal(member_for(&f, "x.example", "//../%zz%00;"), "10.0.0.1:1");
    unload(&f);
}

static void options_star_fits_the_rule_for_all(void **state) {
    (void)state;
    static const char *const patterns[] = {"/a", "/*", NULL};
    struct fixture f = with_paths(patterns, "");
    expect_pattern(&f, "*", "/*");
    unload(&f);
}

static void paths_within_a_path_are_put_behind_it_and_inherit(void **state) {
    (void)state;
    struct fixture f = load_good(
        "site \"*\" { timeout = { connect = \"1s\" }, paths = {\n"
        "  [\"/v1/*\"] = { deny = \"192.0.2.0/24\", timeout = { first_byte = \"2s\" }, paths = {\n"
        "    [\"/a\"] = { respond = { 200, \"a\" }, deny = \"10.0.0.0/8\", timeout = { "
        "between_bytes = \"3s\" } },\n"
        "    [\"/b\"] = { respond = { 200, \"b\" } } } },\n"
        "  [\"/*\"] = { respond = { 200, \"rest\" } } } }");
    expect_pattern(&f, "/v1/a", "a");
    assert_int_equal(f.answer.policy->connect_ms, 1000);
    assert_int_equal(f.answer.policy->first_byte_ms, 2000);
    assert_int_equal(f.answer.policy->between_bytes_ms, 3000);
    assert_int_equal(f.answer.policy->retries, DEFAULT_POLICY.retries);
    assert_int_equal(ask(&f, "x.example", "/v1/b")->refused, REFUSED_DENIED);
    assert_int_equal(ask(&f, "x.example", "/v1/c")->refused, REFUSED_DENIED);
    expect_pattern(&f, "/v2", "rest");
    assert_int_equal(f.answer.policy->first_byte_ms, DEFAULT_POLICY.first_byte_ms);
    unload(&f);
}

static void deny_wins_and_an_allow_list_means_the_others_are_out(void **state) {
    (void)state;
    struct fixture f =
        load_good("site \"a.example\" { respond = { 200, \"a\" }, allow = \"192.0.2.0/24\", deny = "
                  "\"192.0.2.1\" }\n"
                  "site \"b.example\" { respond = { 200, \"b\" }, allow = { \"192.0.2.0/24\" } }\n"
                  "site \"c.example\" { respond = { 200, \"c\" }, allow = { \"2001:db8::/32\", "
                  "\"unix:\" } }\n"
                  "site \"d.example\" { allow = \"10.0.0.0/8\", paths = { [\"/open\"] = { respond "
                  "= { 200, \"d\" }, allow = \"all\" },\n"
                  "  [\"/*\"] = { respond = { 200, \"e\" } } } }");
    assert_int_equal(ask(&f, "a.example", "/")->refused, REFUSED_DENIED);
    assert_int_equal(ask(&f, "b.example", "/")->kind, ANSWER_RESPOND);
    assert_int_equal(ask(&f, "c.example", "/")->refused, REFUSED_DENIED);
    assert_int_equal(ask(&f, "d.example", "/")->refused, REFUSED_DENIED);
    assert_int_equal(ask(&f, "d.example", "/open")->kind, ANSWER_RESPOND);
    address_parse(SLICE("[::ffff:192.0.2.7]:80"), &f.client);
    assert_int_equal(ask(&f, "a.example", "/")->kind, ANSWER_RESPOND);
    address_parse(SLICE("[2001:db8::5]:80"), &f.client);
    assert_int_equal(ask(&f, "c.example", "/")->kind, ANSWER_RESPOND);
    address_parse(SLICE("unix:/x"), &f.client);
    assert_int_equal(ask(&f, "c.example", "/")->kind, ANSWER_RESPOND);
    assert_int_equal(ask(&f, "d.example", "/open")->kind, ANSWER_RESPOND);
    unload(&f);
}

static void redirects_fill_their_templates_and_cannot_break_the_line(void **state) {
    (void)state;
    struct fixture f = load_good(
        "site \"a.example\" { redirect = { 308, "
        "\"{scheme}://{host}{uri}#{method}-{client.ip}-{header.x-a}-{cookie.c}-{query.q}\" } }\n"
        "site \"b.example\" { redirect = \"{uri}\" }\n"
        "site \"c.example\" { paths = { [\"/{user}/*\"] = { redirect = { 302, "
        "\"https://{user}.example/{path}\" } } } }\n");
    ask_with(&f, "A.example:81", "/x%0d%0a?q=%0d%0aset-cookie:+a&z=1", "x-a: v w\nCookie: c=d\n");
    assert_int_equal(f.answer.kind, ANSWER_REDIRECT);
    assert_int_equal(f.answer.status, 308);
    assert_slice(f.answer.location,
                 "http://a.example/"
                 "x%0d%0a?q=%0d%0aset-cookie:+a&z=1#GET-192.0.2.1-v%20w-d-%0D%0Aset-cookie:%20a");
    assert_int_equal(ask(&f, "b.example", "//evil.example/")->status, 301);
    assert_slice(f.answer.location, "/evil.example/");
    ask(&f, "b.example", "*");
    assert_slice(f.answer.location, "/");
    ask(&f, "c.example", "/al%20ice/x");
    assert_slice(f.answer.location, "https://al%20ice.example//al%20ice/x");
    unload(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_exact_path_beats_captures_beat_the_longest_prefix),
        cmocka_unit_test(what_no_rule_fits_is_refused),
        cmocka_unit_test(escapes_of_ordinary_letters_are_the_letters),
        cmocka_unit_test(no_rule_can_be_passed_by_with_dots_slashes_or_parameters),
        cmocka_unit_test(what_both_readings_send_the_same_way_passes),
        cmocka_unit_test(broken_escapes_and_nul_are_refused),
        cmocka_unit_test(a_site_without_paths_does_not_look_at_the_path),
        cmocka_unit_test(options_star_fits_the_rule_for_all),
        cmocka_unit_test(paths_within_a_path_are_put_behind_it_and_inherit),
        cmocka_unit_test(deny_wins_and_an_allow_list_means_the_others_are_out),
        cmocka_unit_test(redirects_fill_their_templates_and_cannot_break_the_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
