// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <unistd.h>

#include "tests/unit/routing_fixture.h"

static const char hosting[] =
    "local apps = pool \"apps\" { \"10.2.0.11:8000\", \"10.2.0.12:8000\", \"10.2.0.13:8000\",\n"
    "  balance = \"hash\", key = \"{host}\" }\n"
    "site \"www.pythonanywhere.example\" {\n"
    "  paths = {\n"
    "    [\"/user/*/webapps/{domain}/reload\"] = { to = apps, key = \"{domain}\" },\n"
    "    [\"/*\"] = { to = apps },\n"
    "  },\n"
    "}\n"
    "site \"*\" { to = apps }\n";

static void expect_explanation(const char *lua, const char *method, const char *url,
                               const char *wanted) {
    struct fixture f = load_good(lua);
    struct text out;
    text_init(&out, 1 << 16);
    assert_true(route_explain(f.config, slice_of(method), slice_of(url), NULL, &out));
    assert_string_equal(text_string(&out), wanted);
    text_fini(&out);
    unload(&f);
}

static void explain_says_which_rule_and_backend_and_why(void **state) {
    (void)state;
    expect_explanation(
        hosting, "POST",
        "https://www.pythonanywhere.example/user/Alice/webapps/Alice.Example.ORG/reload",
        "POST https://www.pythonanywhere.example/user/Alice/webapps/Alice.Example.ORG/reload from "
        "127.0.0.1\n"
        "  host     www.pythonanywhere.example\n"
        "  site     \"www.pythonanywhere.example\" (rsp.lua:3)\n"
        "  path     \"/user/*/webapps/{domain}/reload\" (rsp.lua:5)\n"
        "  {domain} Alice.Example.ORG\n"
        "  over     path \"/*\" (rsp.lua:6)\n"
        "  over     site \"*\" (rsp.lua:9)\n"
        "  does     to\n"
        "  pool     \"apps\" (rsp.lua:1): hash of 3\n"
        "  key      alice.example.org ({domain}, hash b327d0ec47d3c810)\n"
        "  backend  10.2.0.12:8000 (distance 0.0973, weight 1)\n"
        "  then     10.2.0.13:8000 (distance 0.3364, weight 1)\n"
        "  also     10.2.0.11:8000 (distance 0.7735, weight 1)\n"
        "  adds     x-forwarded-for: 127.0.0.1\n"
        "  adds     x-forwarded-proto: https\n"
        "  adds     x-forwarded-host: www.pythonanywhere.example\n"
        "  adds     x-request-id, via\n");
}

static void explain_url(struct fixture *f, const char *url, struct text *out) {
    text_init(out, 1 << 16);
    assert_true(route_explain(f->config, SLICE("POST"), slice_of(url), NULL, out));
}

static void explain_takes_a_url_in_unicode_as_browsers_send_it(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"http://b\xc3\xbc\x63her.example/", "http://xn--bcher-kva.example/"},
        {"https://B\xc3\x9c\x43HER.example:8443/\xc3\xa9?\xc3\xa9=1",
         "https://xn--bcher-kva.example:8443/%C3%A9?%C3%A9=1"},
        {"http://www.pythonanywhere.example/user/a/webapps/b\xc3\xbc\x63her.example/reload",
         "http://www.pythonanywhere.example/user/a/webapps/b%C3%BCcher.example/reload"},
    };
    struct fixture f = load_good(hosting);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct text unicode, ascii;
        explain_url(&f, pairs[i][0], &unicode);
        explain_url(&f, pairs[i][1], &ascii);
        assert_string_equal(strchr(text_string(&unicode), '\n'), strchr(text_string(&ascii), '\n'));
        text_fini(&unicode);
        text_fini(&ascii);
    }
    unload(&f);
}

// The lines from "pool" to the first of "adds".
static void expect_pool_lines(struct fixture *f, const char *url, const char *wanted) {
    struct text out;
    text_init(&out, 1 << 16);
    assert_true(route_explain(f->config, SLICE("GET"), slice_of(url), NULL, &out));
    char *from = strstr(text_string(&out), "  pool "), *to = strstr(from, "  adds ");
    assert_non_null(to);
    *to = '\0';
    assert_string_equal(strchr(from, '\n') + 1, wanted);
    text_fini(&out);
}

static void explain_says_why_the_others_are_passed_over(void **state) {
    (void)state;
    struct fixture f = load_good("local p = pool \"p\" { \"a:1\", { \"b:1\", weight = 0 }, { "
                                 "\"c:1\", max_connections = 3 },\n"
                                 "\"d:1\", { \"e:1\", backup = true }, \"f:1\", \"g:1\", balance = "
                                 "\"hash\", key = \"{path}\", "
                                 "bound = 1.25 }\nsite \"*\" { to = p }");
    struct member **m = pool_view(f.config->pools[0])->all;
    *m[2]->in_flight = 3;
    *m[3]->in_flight = 10;
    expect_pool_lines(&f, "http://h/7",
                      "  key      /7 ({path}, hash 8a60e2ecadedb17a)\n"
                      "  backend  g:1 (distance 0.1156, 0 in flight, weight 1)\n"
                      "  then     f:1 (distance 0.3672, 0 in flight, weight 1)\n"
                      "  also     a:1 (distance 1.1975, 0 in flight, weight 1)\n"
                      "  not      b:1: weight 0\n"
                      "  not      c:1: full (3 of 3 in flight)\n"
                      "  not      d:1: above the bound (10 in flight, at most 4)\n"
                      "  not      e:1: priority 1\n");
    unload(&f);
}

static void explain_of_many_members_stays_short(void **state) {
    (void)state;
    struct text lua, out;
    text_init(&lua, 1 << 20);
    text_init(&out, 1 << 20);
    text_printf(&lua, "local p = pool \"p\" { balance = \"least-busy\",\n");
    for (int i = 0; i < 1000; i++) text_printf(&lua, "{ \"h%d:1\", weight = %d },\n", i, i % 2);
    text_printf(&lua, "} site \"*\" { to = p }");
    struct fixture f = load_good(text_string(&lua));
    assert_true(route_explain(f.config, SLICE("GET"), SLICE("http://h/"), NULL, &out));
    assert_true(out.len < 2000);
    assert_non_null(strstr(text_string(&out), "  also     493 more\n"));
    assert_non_null(strstr(text_string(&out), "  not      490 more\n"));
    unload(&f);
    text_fini(&out);
    text_fini(&lua);
}

static void explain_takes_no_turn_and_names_what_a_function_or_a_cookie_chose(void **state) {
    (void)state;
    struct fixture f =
        load_good("local p = pool \"p\" { \"a:1\", \"b:1\" } site \"x.example\" { to = p }\n"
                  "site \"*\" { route = function() return p:member(\"b:1\") end }");
    for (int i = 0; i < 3; i++)
        expect_pool_lines(&f, "http://x.example/",
                          "  backend  a:1 (0 in flight, weight 1)\n"
                          "  then     b:1 (0 in flight, weight 1)\n");
    assert_string_equal(member_for(&f, "x.example", "/"), "a:1");
    expect_pool_lines(&f, "http://h/", "  backend  b:1 (named by the function)\n");
    unload(&f);
}

static void explain_says_what_a_redirect_answers(void **state) {
    (void)state;
    expect_explanation("site \"www.example.com\" { redirect = \"https://example.com{uri}\" }",
                       "GET", "http://www.example.com/a?b=1",
                       "GET http://www.example.com/a?b=1 from 127.0.0.1\n"
                       "  host     www.example.com\n"
                       "  site     \"www.example.com\" (rsp.lua:1)\n"
                       "  does     redirect\n"
                       "  answer   301, location: https://example.com/a?b=1\n");
}

#define MOVED(lua, url, line)                                                                      \
    expect_explanation(lua "site \"a.example\" { respond = { 200, \"x\" } }", "GET", url,          \
                       "GET " url " from 127.0.0.1\n"                                              \
                       "  host     a.example\n"                                                    \
                       "  site     \"a.example\" (rsp.lua:1)\n" line "  does     respond\n"        \
                       "  answer   200, 1 bytes\n")

static void explain_says_when_a_plain_port_sends_to_https(void **state) {
    (void)state;
    MOVED("listen { http = 80, https = 443 } ", "http://a.example/x?y=1",
          "  first    301 to https://a.example/x?y=1 if the name has a certificate (listen, "
          "rsp.lua:1)\n");
    MOVED("listen { http = 80, https = 8443 } ", "http://a.example:8080/",
          "  first    301 to https://a.example:8443/ if the name has a certificate (listen, "
          "rsp.lua:1)\n");
    MOVED("listen { http = 80, https = 443 } ", "https://a.example/", "");
    MOVED("listen { http = 80 } ", "http://a.example/", "");
    MOVED("listen { http = 80, https = 443, redirect = false } ", "http://a.example/", "");
    MOVED("listen { http = 80, https = 443 } listen { http = 81, redirect = false } ",
          "http://a.example:81/", "");
}

static void explain_refuses_what_is_no_url(void **state) {
    (void)state;
    struct fixture f = load_good(hosting);
    struct text out;
    text_init(&out, 1 << 16);
    static const char *const urls[] = {
        "", "example.com/", "ftp://x/", "http:///x", "http://a b/", "http://u@h/", "http://x/#f"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++)
        assert_false(route_explain(f.config, SLICE("GET"), slice_of(urls[i]), NULL, &out));
    text_fini(&out);
    unload(&f);
}

static int run_tests_of(const char *lua, struct text *out) {
    char path[] = "/tmp/rsp-route-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, lua, strlen(lua)), strlen(lua));
    close(fd);
    struct files *files = files_new();
    text_init(out, 1 << 16);
    int failed = route_tests_run(files, path, out);
    files_free(files);
    unlink(path);
    return failed;
}

static void route_tests_pass_and_fail(void **state) {
    (void)state;
    struct text lua, out;
    text_init(&lua, 1 << 16);
    text_printf(
        &lua, "%s%s", hosting,
        "site \"www.example.com\" { redirect = \"https://example.com{uri}\" }\n"
        "test \"an app and its reload share one server\" { same_backend = {\n"
        "  \"GET https://alice.example.org/\",\n"
        "  \"POST https://www.pythonanywhere.example/user/Alice/webapps/Alice.Example.ORG/reload\" "
        "} }\n"
        "test \"www goes to the bare name\" { request = \"GET https://www.example.com/a?b=1\",\n"
        "  expect = { status = 301, location = \"https://example.com/a?b=1\", site = "
        "\"www.example.com\" } }\n"
        "test \"wrong\" { request = \"GET https://www.example.com/\", expect = { status = 302 } }\n"
        "test \"also wrong\" { request = \"GET https://a.example/\", expect = { pool = \"web\" } "
        "}\n");
    assert_int_equal(run_tests_of(text_string(&lua), &out), 2);
    assert_non_null(strstr(text_string(&out), "ok      an app and its reload share one server\n"));
    assert_non_null(strstr(text_string(&out), "ok      www goes to the bare name\n"));
    assert_non_null(strstr(text_string(&out),
                           "GET https://www.example.com/: expected status 302, found 301\n"));
    assert_non_null(
        strstr(text_string(&out), "expected pool \"web\", found \"apps\"\n2 passed, 2 failed\n"));
    text_fini(&out);
    text_fini(&lua);
}

static void route_tests_say_what_is_sent_how_often_to_whom_and_what_nobody_asked(void **state) {
    (void)state;
    struct text out;
    int failed = run_tests_of(
        "local p = pool \"p\" { \"a:1\", { \"b:1\", weight = 2 } }\n"
        "site \"f.example\" { route = function(req) req.headers[\"x-role\"] = \"user\"\n"
        "  req.headers[\"x-debug\"] = nil return p end }\n"
        "site \"paths.example\" { paths = { [\"/a\"] = { to = p }, [\"/b\"] = { respond = { 200 } "
        "} } }\n"
        "site \"*\" { to = p, keep_host = false }\n"
        "test \"sent\" { request = \"GET http://f.example/\", from = \"192.0.2.9\",\n"
        "  headers = { [\"x-role\"] = \"admin\", [\"x-debug\"] = \"1\", [\"x-other\"] = \"o\" },\n"
        "  expect = { sent = { [\"X-Role\"] = \"user\", [\"x-debug\"] = false, [\"x-other\"] = "
        "\"o\",\n"
        "    [\"x-forwarded-for\"] = \"192.0.2.9\", host = \"f.example\" } } }\n"
        "test \"other host\" { request = \"GET http://x/\", expect = { sent = { host = \"b:1\" } } "
        "}\n"
        "test \"turns\" { request = \"GET http://x/\", times = 30, expect = { backends = 2 } }\n"
        "test \"not sent\" { request = \"GET http://f.example/\", expect = { sent = { [\"x-role\"] "
        "= false } } }\n"
        "test \"one only\" { request = \"GET http://x/\", times = 30, expect = { backends = 1 } }\n"
        "test \"ours\" { request = \"GET http://paths.example/b\", expect = { sent = { host = "
        "\"x\" } } }\n",
        &out);
    const char *said = text_string(&out);
    assert_int_equal(failed, 3);
    assert_non_null(strstr(said, "ok      sent\nok      other host\nok      turns\n"));
    assert_non_null(strstr(said, "expected x-role not to be sent, found \"user\"\n"));
    assert_non_null(strstr(said, "expected 1 different backends, found 2\n"));
    assert_non_null(strstr(said, "nothing is sent, rsp answers itself\n"));
    assert_non_null(strstr(said, "3 passed, 3 failed\ncoverage: 3 of 4 rules\n"
                                 "  not asked: site \"paths.example\", path \"/a\" ("));
    text_fini(&out);
}

static void route_tests_see_the_redirect_to_https(void **state) {
    (void)state;
    struct text out;
    int failed = run_tests_of(
        "listen { http = 80, https = 443 }\n"
        "listen { http = 81, redirect = false }\n"
        "site \"a.example\" { to = \"127.0.0.1:1\" }\n"
        "site \"b.example\" { redirect = \"https://c.example/\" }\n"
        "test \"moved\" { request = \"GET http://a.example/x?y\", expect = { status = 301,\n"
        "  location = \"https://a.example/x?y\", site = \"a.example\" } }\n"
        "test \"posted\" { request = \"POST http://a.example/\", expect = { status = 308 } }\n"
        "test \"at once\" { request = \"GET http://b.example/\", expect = { location = "
        "\"https://c.example/\" } }\n"
        "test \"secure\" { request = \"GET https://a.example/\", expect = { backend = "
        "\"127.0.0.1:1\" } }\n"
        "test \"kept plain\" { request = \"GET http://a.example:81/\", expect = { backend = "
        "\"127.0.0.1:1\" } }\n"
        "test \"bare\" { request = \"GET http://a.example/\", certificate = false,\n"
        "  expect = { backend = \"127.0.0.1:1\" } }\n"
        "test \"no site\" { request = \"GET http://d.example/\", expect = { status = 404 } }\n"
        "test \"wrong\" { request = \"GET http://a.example/\", expect = { pool = "
        "\"127.0.0.1:1\" } }\n",
        &out);
    const char *said = text_string(&out);
    assert_int_equal(failed, 1);
    assert_non_null(strstr(said, "7 passed, 1 failed\n"));
    assert_non_null(strstr(said, "expected pool \"127.0.0.1:1\", found none (sent to HTTPS, as a "
                                 "name with a certificate is; certificate = false in the test: "
                                 "it has none)\n"));
    text_fini(&out);
}

static void route_tests_of_a_broken_file_say_so(void **state) {
    (void)state;
    struct text out;
    assert_int_equal(run_tests_of("test \"x\" { reqest = \"GET http://a/\" }", &out), -1);
    assert_non_null(
        strstr(text_string(&out), "test \"x\": unknown key 'reqest' (did you mean 'request'?)"));
    text_fini(&out);
}

static void what_is_printed_loads_again_to_the_same(void **state) {
    (void)state;
    struct fixture f = load_good(
        "workers = 3 user = \"www\"\n"
        "listen { http = { 8080, \"127.0.0.1:8081\", \"unix:/tmp/x.sock\" }, https = 8443, trust = "
        "{ \"10.0.0.0/8\", \"::1\" },\n"
        "  proxy_protocol = true, limits = { head = \"64k\" }, timeout = { head = \"5s\" } }\n"
        "tls { certificates = \"/etc/certs/\", default = \"Example.COM\", profile = \"modern\" }\n"
        "log { access = \"off\", level = \"warn\" }\n"
        "admin { socket = \"/run/rsp.sock\" }\n"
        "local p = pool \"web\" { { \"https://10.0.0.1:443\", weight = 3 }, \"app:80\", balance = "
        "\"hash\", key = \"{cookie.s}\",\n"
        "  tls = { name = \"x.example\", verify = false }, proxy_protocol = \"v2\", idle = \"5s\" "
        "}\n"
        "site \"a.example\" { to = p, key = \"{header.x-key}\", deny = \"10.0.0.0/8\", tls = { "
        "cert = \"a.pem\" } }\n"
        "site \"*.b.example\" { allow = { \"all\" }, timeout = { connect = \"1s\" }, paths = {\n"
        "  [\"/x/{y}/*\"] = { redirect = { 308, \"https://{host}/{y}\" }, limits = { body = \"1m\" "
        "} },\n"
        "  [\"/\"] = { respond = { 200, \"a\\n\\\"b\\\"\\0\", [\"content-type\"] = \"text/html\" } "
        "} } }\n"
        "site \"c.example\" { to = { \"10.0.0.1:1\", { \"10.0.0.2:1\", weight = 2 } } }\n"
        "site \"*\" { to = \"127.0.0.1:1\", forwarded = true, keep_host = false, retry = 0 }\n");
    struct text first, second;
    text_init(&first, 1 << 20);
    text_init(&second, 1 << 20);
    config_print(f.config, &first);
    struct fixture again = load_good(text_string(&first));
    config_print(again.config, &second);
    // The places differ.
    char *p = first.at, *q = second.at;
    for (; *p && *q; p++, q++) {
        if (strncmp(p, "-- rsp.lua:", 11) == 0) {
            assert_memory_equal(p, q, 11);
            p += strcspn(p, "\n");
            q += strcspn(q, "\n");
        }
        assert_int_equal(*p, *q);
    }
    unload(&again);
    text_fini(&first);
    text_fini(&second);
    unload(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(explain_says_which_rule_and_backend_and_why),
        cmocka_unit_test(explain_takes_a_url_in_unicode_as_browsers_send_it),
        cmocka_unit_test(explain_says_why_the_others_are_passed_over),
        cmocka_unit_test(explain_of_many_members_stays_short),
        cmocka_unit_test(explain_takes_no_turn_and_names_what_a_function_or_a_cookie_chose),
        cmocka_unit_test(explain_says_what_a_redirect_answers),
        cmocka_unit_test(explain_says_when_a_plain_port_sends_to_https),
        cmocka_unit_test(explain_refuses_what_is_no_url),
        cmocka_unit_test(route_tests_pass_and_fail),
        cmocka_unit_test(route_tests_say_what_is_sent_how_often_to_whom_and_what_nobody_asked),
        cmocka_unit_test(route_tests_see_the_redirect_to_https),
        cmocka_unit_test(route_tests_of_a_broken_file_say_so),
        cmocka_unit_test(what_is_printed_loads_again_to_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
