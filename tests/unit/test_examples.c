// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "routing/settings.h"
#include "tests/unit/routing_fixture.h"

// The files of conf/examples, as they stand. EXAMPLES is their folder.

static struct fixture load_example(const char *name) {
    struct fixture f = {.files = files_new(), .arena = arena_new(4096, 1 << 24)};
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", EXAMPLES, name);
    text_init(&f.errors, 1 << 20);
    f.config = config_load(f.files, path, &f.errors);
    address_parse(SLICE("192.0.2.1:4711"), &f.client);
    if (!f.config) fail_msg("%s", text_string(&f.errors));
    return f;
}

static void three_sites_go_where_they_say(void **state) {
    (void)state;
    struct fixture f = load_example("three-sites.lua");
    assert_int_equal(f.config->listen_count, 2);
    assert_true(f.config->listens[1].is_tls);
    assert_string_equal(f.config->tls.certificates, "/etc/rsp/certs/");
    assert_string_equal(member_for(&f, "example.com", "/"), "127.0.0.1:8080");
    assert_string_equal(member_for(&f, "blog.example.com", "/"), "127.0.0.1:2368");
    assert_string_equal(member_for(&f, "shop.example.com", "/"), "10.0.0.11:8080");
    const struct check_conf *check = &f.answer.pool->check;
    assert_string_equal(check->get, "/healthz");
    assert_int_equal(check->every_ms, 5000);
    assert_true(statuses_has(&check->statuses, 200) && statuses_has(&check->statuses, 399));
    assert_false(statuses_has(&check->statuses, 400) || statuses_has(&check->statuses, 199));
    assert_int_equal(ask(&f, "www.example.com", "/a?b=1")->kind, ANSWER_REDIRECT);
    assert_int_equal(f.answer.status, 301);
    assert_slice(f.answer.location, "https://example.com/a?b=1");
    assert_int_equal(ask(&f, "other.example", "/")->kind, ANSWER_RESPOND);
    assert_int_equal(f.answer.status, 404);
    assert_slice(f.answer.body, "There is no site of that name here.\n");
    unload(&f);
}

static void hosting_passes_its_own_route_tests(void **state) {
    (void)state;
    struct files *files = files_new();
    struct text out;
    text_init(&out, 1 << 16);
    int failed = route_tests_run(files, EXAMPLES "/hosting-test.lua", &out);
    if (failed != 0) fail_msg("%s", text_string(&out));
    assert_non_null(strstr(text_string(&out), "3 passed, 0 failed\n"));
    text_fini(&out);
    files_free(files);
}

static void the_api_sends_canaries_by_cookie(void **state) {
    (void)state;
    struct fixture f = load_example("api.lua");
    assert_int_equal(ask(&f, "api.example.com", "/healthz")->kind, ANSWER_RESPOND);
    ask_with(&f, "api.example.com", "/v1/x", "Cookie: a=b; release=canary\n");
    assert_int_equal(f.answer.kind, ANSWER_POOL);
    assert_string_equal(f.answer.pool->name, "api-canary");
    assert_int_equal(ask(&f, "api.example.com", "/v1/x")->kind, ANSWER_POOL);
    assert_int_equal(ask(&f, "api.example.com", "/v2/x")->refused, REFUSED_NO_PATH);
    unload(&f);
}

static void the_file_of_2013_still_works(void **state) {
    (void)state;
    struct fixture f = load_example("2013.lua");
    assert_int_equal(address_port(&f.config->listens[0].address), 8000);
    assert_string_equal(member_for(&f, "x.example", "/"), "127.0.0.1:80");
    unload(&f);
}

static void every_setting_stands_in_the_manual(void **state) {
    (void)state;
    static const struct conf_table *const tables[] = {
        &GLOBAL_SETTINGS,         &LISTEN_SETTINGS,       &LISTEN_LIMITS_SETTINGS,
        &LISTEN_TIMEOUT_SETTINGS, &TLS_SETTINGS,          &LOG_SETTINGS,
        &ADMIN_SETTINGS,          &POOL_SETTINGS,         &POOL_TLS_SETTINGS,
        &POOL_HEALTH_SETTINGS,    &POOL_PASSIVE_SETTINGS, &MEMBER_SETTINGS,
        &RULE_SETTINGS,           &SITE_TLS_SETTINGS,     &POLICY_TIMEOUT_SETTINGS,
        &POLICY_LIMITS_SETTINGS,  &POLICY_SETTINGS};
    struct files *files = files_new();
    struct slice manual;
    char why[256], name[64];
    assert_true(files_read(files, EXAMPLES "/../../man/rsp.lua.5", &manual, why, sizeof why));
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (size_t i = 0; i < tables[t]->count; i++) {
            snprintf(name, sizeof name, "\\fB%s\\fR", tables[t]->fields[i].name);
            if (!memmem(manual.at, manual.len, name, strlen(name)))
                fail_msg("man/rsp.lua.5 has no %s", name);
        }
    files_free(files);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_sites_go_where_they_say),
        cmocka_unit_test(hosting_passes_its_own_route_tests),
        cmocka_unit_test(the_api_sends_canaries_by_cookie),
        cmocka_unit_test(the_file_of_2013_still_works),
        cmocka_unit_test(every_setting_stands_in_the_manual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
