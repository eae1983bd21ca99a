// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "routing/path.h"
#include <sys/stat.h>

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

static void members_are_written_in_many_ways(void **state) {
    (void)state;
    static const struct {
        const char *text, *host, *address;
        int port;
        bool is_tls;
    } ways[] = {
        {"127.0.0.1:80", NULL, "127.0.0.1:80", 80, false},
        {"[::1]:80", NULL, "[::1]:80", 80, false},
        {"unix:/run/app.sock", NULL, "unix:/run/app.sock", 0, false},
        {"app:8080", "app", NULL, 8080, false},
        {"my_app.local:8080", "my_app.local", NULL, 8080, false},
        {"http://app", "app", NULL, 80, false},
        {"http://10.0.0.1/", NULL, "10.0.0.1:80", 80, false},
        {"https://app", "app", NULL, 443, true},
        {"https://app:8443", "app", NULL, 8443, true},
        {"https://[2001:db8::1]", NULL, "[2001:db8::1]:443", 443, true},
        {"https://[2001:db8::1]:8443", NULL, "[2001:db8::1]:8443", 8443, true},
        {"https://192.0.2.1", NULL, "192.0.2.1:443", 443, true},
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        char lua[128], buf[ADDRESS_TEXT_MAX], spelled[MEMBER_TEXT_MAX];
        struct text unused;
        snprintf(lua, sizeof lua, "site \"*\" { to = \"%s\" }", ways[i].text);
        struct fixture f = load_good(lua);
        const struct member *m = pool_view(f.config->pools[0])->all[0];
        text_init(&unused, 100);
        assert_true(member_spell(slice_of(ways[i].text), spelled, &unused));
        assert_string_equal(m->text, spelled);
        text_fini(&unused);
        assert_int_equal(m->is_tls, ways[i].is_tls);
        assert_int_equal(m->endpoint.port, ways[i].port);
        if (ways[i].host) assert_string_equal(m->endpoint.host, ways[i].host);
        if (ways[i].address) assert_null(m->endpoint.host);
        if (ways[i].address)
            assert_string_equal(address_format(&m->endpoint.address, buf), ways[i].address);
        unload(&f);
    }
    static const char *const wrong[] = {
        "",      ":80",           "app",        "app:0",    "app:65536", "app:x",       "::1:80",
        "[::1]", "[::1",          "127.0.0.1",  "1.2.3:80", "https://",  "https://::1", "a b:80",
        "unix:", "unix:relative", "ftp://x:80", "-x:80",    "http://a/b"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char lua[128];
        snprintf(lua, sizeof lua, "site \"*\" { to = \"%s\" }", wrong[i]);
        struct fixture f = load_text(lua);
        if (f.config) fail_msg("\"%s\" is taken for an address", wrong[i]);
        unload(&f);
    }
}

// A folder with files; *path becomes its rsp.lua.
static void make_files(char folder[64], char path[96], const char *const *names_and_texts) {
    snprintf(folder, 64, "/tmp/rsp-include-XXXXXX");
    assert_non_null(mkdtemp(folder));
    for (; *names_and_texts; names_and_texts += 2) {
        char name[128];
        snprintf(name, sizeof name, "%s/%s", folder, names_and_texts[0]);
        char *slash = strrchr(name, '/');
        *slash = '\0';
        for (char *p = strchr(name + strlen(folder), '/'); p; p = strchr(p + 1, '/')) {
            *p = '\0';
            mkdir(name, 0700);
            *p = '/';
        }
        mkdir(name, 0700);
        *slash = '/';
        FILE *file = fopen(name, "w");
        assert_non_null(file);
        fputs(names_and_texts[1], file);
        fclose(file);
    }
    snprintf(path, 96, "%s/rsp.lua", folder);
}

static struct fixture load_files(const char *path) {
    struct fixture f = {.files = files_new(), .arena = arena_new(4096, 1 << 24)};
    text_init(&f.errors, 1 << 20);
    f.config = config_load(f.files, path, &f.errors);
    address_parse(SLICE("192.0.2.1:4711"), &f.client);
    return f;
}

static void remove_files(const char *folder) {
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    assert_int_equal(system(command), 0);
}

static void included_files_share_pools_and_errors_name_their_own_file(void **state) {
    (void)state;
    char folder[64], path[96];
    const char *const good[] = {"rsp.lua",
                                "include 'routes.d/*.lua'\nsite 'c.example' { to = pool 'web' }\n",
                                "routes.d/a.lua",
                                "pool 'web' { '10.0.0.1:1' } site 'a.example' { to = pool 'web' }",
                                "routes.d/b.lua",
                                "site 'b.example' { to = pool 'web' }",
                                NULL};
    make_files(folder, path, good);
    struct fixture f = load_files(path);
    if (!f.config) fail_msg("%s", text_string(&f.errors));
    assert_string_equal(member_for(&f, "b.example", "/"), "10.0.0.1:1");
    assert_string_equal(member_for(&f, "c.example", "/"), "10.0.0.1:1");
    assert_string_equal(strrchr(f.answer.site->place.file, '/'), "/rsp.lua");
    assert_int_equal(f.answer.site->place.line, 2);
    unload(&f);
    remove_files(folder);
    const char *const bad[] = {"rsp.lua",
                               "include 'a.lua'\ninclude 'a.lua'\nsite 'c.example' { too = 1 }\n",
                               "a.lua", "\nsite 'a.example' { to = nowhere }", NULL};
    make_files(folder, path, bad);
    f = load_files(path);
    assert_null(f.config);
    assert_non_null(strstr(text_string(&f.errors),
                           "/a.lua:2: unknown name 'nowhere'\n     2 | site 'a.example'"));
    assert_non_null(strstr(text_string(&f.errors), "/rsp.lua:2: include \"a.lua\": "));
    assert_non_null(
        strstr(text_string(&f.errors), "/rsp.lua:3: site \"c.example\": unknown key 'too'"));
    unload(&f);
    remove_files(folder);
}

static void a_file_that_includes_itself_is_an_error(void **state) {
    (void)state;
    char folder[64], path[96];
    const char *const files[] = {"rsp.lua", "include 'rsp.lua'", NULL};
    make_files(folder, path, files);
    struct fixture f = load_files(path);
    assert_null(f.config);
    assert_non_null(strstr(text_string(&f.errors), "is read already"));
    unload(&f);
    remove_files(folder);
}

static void require_gives_the_value_of_a_module_once_and_only_from_its_folders(void **state) {
    (void)state;
    char folder[64], path[96];
    const char *const files[] = {
        "rsp.lua",
        "local a, b = require 'x.addresses', require 'x.addresses'\nsite '*' { to = a.web, deny = "
        "a == b and '10.0.0.0/8' or '0.0.0.0/0' }",
        "lua/x/addresses.lua",
        "return { web = '10.0.0.7:1' }",
        "lua/bad.lua",
        "return nothing",
        NULL};
    make_files(folder, path, files);
    mkdir(folder, 0700);
    struct fixture f = load_files(path);
    if (!f.config) fail_msg("%s", text_string(&f.errors));
    assert_string_equal(member_for(&f, "x.example", "/"), "10.0.0.7:1");
    unload(&f);
    static const char *const wrong[] = {"require '../rsp'", "require '/etc/passwd'",
                                        "require 'none'", "require 'os'", "require 'bad'"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        FILE *file = fopen(path, "w");
        fputs(wrong[i], file);
        fclose(file);
        f = load_files(path);
        assert_null(f.config);
        unload(&f);
    }
    remove_files(folder);
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
        cmocka_unit_test(included_files_share_pools_and_errors_name_their_own_file),
        cmocka_unit_test(a_file_that_includes_itself_is_an_error),
        cmocka_unit_test(require_gives_the_value_of_a_module_once_and_only_from_its_folders),
        cmocka_unit_test(members_are_written_in_many_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
