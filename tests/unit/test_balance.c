// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "routing/balance.h"
#include "tests/unit/routing_fixture.h"

enum { HOSTS = 10000 };

// A hash pool of members numbered from first to last, behind the site of ROUTES' second example.
static struct fixture hosting(int first, int last) {
    struct text lua;
    text_init(&lua, 1 << 20);
    text_printf(&lua, "local apps = pool \"apps\" { balance = \"hash\", key = \"{host}\",\n");
    for (int i = first; i <= last; i++)
        text_printf(&lua, "\"10.2.%d.%d:8000\", ", i / 200, i % 200 + 1);
    text_printf(&lua, "}\nsite \"www.pythonanywhere.example\" { paths = {\n"
                      "[\"/user/*/webapps/{domain}/reload\"] = { to = apps, key = \"{domain}\" },\n"
                      "[\"/*\"] = { to = apps } } }\nsite \"*\" { to = apps }\n");
    struct fixture f = load_good(text_string(&lua));
    text_fini(&lua);
    return f;
}

static void a_reload_and_its_app_share_a_server_for_1_to_64_servers_in_any_spelling(void **state) {
    (void)state;
    static const char *const spellings[] = {
        "ironhand%d.example",        "IronHand%d.Example",    "IRONHAND%d.EXAMPLE.",
        "ironhand%d.example:443",    "ironhand%d%%2Eexample", "%%69ronhand%d.example",
        "Iron%%48and%d.example.:80",
    };
    for (int n = 1; n <= 64; n++) {
        struct fixture f = hosting(1, n);
        for (int h = 0; h < 40; h++) {
            char host[64], domain[64], uri[160];
            snprintf(host, sizeof host, "ironhand%d.example", h);
            const char *app = member_for(&f, host, "/any/page");
            for (size_t s = 0; s < sizeof spellings / sizeof *spellings; s++) {
                snprintf(domain, sizeof domain, spellings[s], h);
                snprintf(uri, sizeof uri, "/user/u%d/webapps/%s/reload", h, domain);
                assert_string_equal(member_for(&f, "www.pythonanywhere.example", uri), app);
                assert_slice(f.answer.key, host);
            }
        }
        unload(&f);
    }
}

static void near_misses_of_the_reload_url_take_the_normal_way(void **state) {
    (void)state;
    static const char *const uris[] = {
        "/user/u/webapps/a.example/reload/", "/user/u/webapps/a.example/reload/x",
        "/user/u/webapps/a.example",         "/user/u/x/webapps/a.example/reload",
        "/user/webapps/a.example/reload",    "/Xuser/u/webapps/a.example/reload",
        "/user/u/webapps/a.example/Reload",  "/x?/user/u/webapps/a.example/reload",
        "/user/u/webapps/a.example/reloadx",
    };
    struct fixture f = hosting(1, 8);
    for (size_t i = 0; i < sizeof uris / sizeof *uris; i++) {
        assert_int_equal(ask(&f, "www.pythonanywhere.example", uris[i])->kind, ANSWER_POOL);
        assert_slice(f.answer.key, "www.pythonanywhere.example");
    }
    assert_int_equal(ask(&f, "other.example", "/user/u/webapps/a.example/reload")->kind,
                     ANSWER_POOL);
    assert_slice(f.answer.key, "other.example");
    unload(&f);
}

static const char *member_of_host(struct fixture *f, int i) {
    char host[64];
    snprintf(host, sizeof host, "app%d.users.example", i);
    const char *m = member_for(f, host, "/");
    arena_reset(f->arena);
    return m;
}

static void one_server_more_moves_its_share_of_hosts_and_only_to_itself(void **state) {
    (void)state;
    static const int sizes[] = {1, 2, 3, 5, 10, 31, 64};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        int n = sizes[s], moved = 0;
        struct fixture before = hosting(1, n), after = hosting(1, n + 1);
        char added[32];
        snprintf(added, sizeof added, "10.2.%d.%d:8000", (n + 1) / 200, (n + 1) % 200 + 1);
        for (int i = 0; i < HOSTS; i++) {
            const char *was = member_of_host(&before, i), *is = member_of_host(&after, i);
            if (strcmp(was, is) == 0) continue;
            assert_string_equal(is, added);
            moved++;
        }
        double most = 1.0 / (n + 1) + 0.02, least = 1.0 / (n + 1) - 0.02;
        assert_true(moved <= most * HOSTS);
        assert_true(moved >= least * HOSTS);
        unload(&before);
        unload(&after);
    }
}

static void one_server_less_moves_only_its_own_hosts(void **state) {
    (void)state;
    for (int n = 2; n <= 40; n += 19) {
        struct fixture before = hosting(1, n), after = hosting(2, n);
        for (int i = 0; i < HOSTS; i++) {
            const char *was = member_of_host(&before, i), *is = member_of_host(&after, i);
            if (strcmp(was, "10.2.0.2:8000") != 0) assert_string_equal(was, is);
        }
        unload(&before);
        unload(&after);
    }
}

static void a_tried_member_gives_way_to_the_second_choice_which_is_the_choice_without_it(
    void **state) {
    (void)state;
    struct fixture all = hosting(1, 12);
    for (int i = 0; i < 200; i++) {
        char host[64];
        snprintf(host, sizeof host, "app%d.users.example", i);
        const struct route_answer *answer = ask(&all, host, "/");
        struct member *first = pool_choose(answer->pool, answer, &(struct left_out){0}, all.arena);
        struct left_out tried = {.tried = &first, .tried_count = 1};
        struct member *second = pool_choose(answer->pool, answer, &tried, all.arena);
        assert_ptr_not_equal(first, second);
        char second_text[64], lua[1024] = "";
        snprintf(second_text, sizeof second_text, "%s", second->text);
        for (int n = 1; n <= 12; n++) {
            char member[32];
            snprintf(member, sizeof member, "10.2.0.%d:8000", n + 1);
            if (strcmp(member, first->text) == 0) continue;
            snprintf(lua + strlen(lua), sizeof lua - strlen(lua), "\"%s\", ", member);
        }
        char file[1400];
        snprintf(file, sizeof file,
                 "local p = pool \"p\" { balance = \"hash\", key = \"{host}\", %s } "
                 "site \"*\" { to = p }",
                 lua);
        struct fixture without = load_good(file);
        assert_string_equal(member_for(&without, host, "/"), second_text);
        unload(&without);
    }
    const struct view *v = pool_view(all.config->pools[0]);
    struct left_out everybody = {.tried = v->all, .tried_count = (unsigned)v->all_count};
    const struct route_answer *answer = ask(&all, "x.example", "/");
    assert_null(pool_choose(answer->pool, answer, &everybody, all.arena));
    unload(&all);
}

static void weights_are_shares_of_keys_and_a_change_moves_no_more_than_it_must(void **state) {
    (void)state;
    struct fixture f = load_good(
        "local p = pool \"p\" { \"a:1\", { \"b:1\", weight = 2 }, { \"c:1\", weight = 7 },\n"
        "balance = \"hash\", key = \"{host}\" } site \"*\" { to = p }");
    int count[3] = {0, 0, 0};
    unsigned char where[HOSTS];
    struct pool *p = f.config->pools[0];
    for (int i = 0; i < HOSTS; i++) {
        where[i] = (unsigned char)(member_of_host(&f, i)[0] - 'a');
        count[where[i]]++;
    }
    assert_in_range(count[0], 900, 1100);
    assert_in_range(count[1], 1850, 2150);
    assert_in_range(count[2], 6800, 7200);
    pool_view(p)->able[1]->weight = 4;
    for (int i = 0; i < HOSTS; i++) {
        unsigned char now = (unsigned char)(member_of_host(&f, i)[0] - 'a');
        // Only towards the one that became heavier.
        if (now != where[i]) assert_int_equal(now, 1);
    }
    unload(&f);
}

static void the_choice_depends_neither_on_order_nor_on_the_machine(void **state) {
    (void)state;
    struct fixture f = load_good("local p = pool \"p\" { \"a:1\", \"b:1\", { \"c:1\", weight = 3 "
                                 "}, balance = \"hash\", key = \"{path}\" }\n"
                                 "local q = pool \"q\" { { \"c:1\", weight = 3 }, \"b:1\", "
                                 "\"a:1\", balance = \"hash\", key = \"{path}\" }\n"
                                 "site \"p.example\" { to = p } site \"q.example\" { to = q }");
    char found[65] = "";
    for (int i = 0; i < 64; i++) {
        char uri[16];
        snprintf(uri, sizeof uri, "/%d", i);
        const char *p = member_for(&f, "p.example", uri);
        assert_string_equal(p, member_for(&f, "q.example", uri));
        found[i] = p[0];
    }
    // Pinned: another result on some machine, or after a change, would move everybody's keys.
    assert_string_equal(found, "cbcbccccccacbcccacaccbcbccbcabbcccaccccccaacccacccaabcbcccbccaca");
    unload(&f);
}

static void round_robin_is_smooth_and_weighted(void **state) {
    (void)state;
    struct fixture f =
        load_good("site \"*\" { to = { { \"a:1\", weight = 5 }, \"b:1\", \"c:1\" } }");
    char order[15] = "";
    for (int i = 0; i < 14; i++) order[i] = member_for(&f, "x.example", "/")[0];
    assert_string_equal(order, "aabacaaaabacaa");
    unload(&f);
}

static void the_least_busy_takes_it_by_weight_and_ties_take_turns(void **state) {
    (void)state;
    struct fixture f = load_good("local p = pool \"p\" { \"a:1\", \"b:1\", { \"c:1\", weight = 2 "
                                 "}, balance = \"least-busy\" }\n"
                                 "site \"*\" { to = p }");
    struct member **m = pool_view(f.config->pools[0])->able;
    *m[0]->in_flight = 1;
    *m[1]->in_flight = 2;
    *m[2]->in_flight = 1;
    assert_string_equal(member_for(&f, "x.example", "/"), "c:1");
    *m[2]->in_flight = 3;
    assert_string_equal(member_for(&f, "x.example", "/"), "a:1");
    *m[0]->in_flight = *m[1]->in_flight = 4;
    *m[2]->in_flight = 8;
    int count[3] = {0, 0, 0};
    for (int i = 0; i < 40; i++) count[member_for(&f, "x.example", "/")[0] - 'a']++;
    assert_int_equal(count[0], 10);
    assert_int_equal(count[1], 10);
    assert_int_equal(count[2], 20);
    unload(&f);
}

static void random_2_never_takes_the_busiest_of_two_and_spreads(void **state) {
    (void)state;
    struct fixture f = load_good("local p = pool \"p\" { \"a:1\", \"b:1\", \"c:1\", balance = "
                                 "\"random-2\" } site \"*\" { to = p }");
    struct member **m = pool_view(f.config->pools[0])->able;
    *m[0]->in_flight = 5;
    int count[3] = {0, 0, 0};
    for (int i = 0; i < 3000; i++) count[member_for(&f, "x.example", "/")[0] - 'a']++;
    assert_int_equal(count[0], 0);
    assert_in_range(count[1], 1300, 1700);
    const struct left_out out = {.tried = m + 1, .tried_count = 2};
    const struct route_answer *answer = ask(&f, "x.example", "/");
    assert_string_equal(pool_choose(answer->pool, answer, &out, f.arena)->text, "a:1");
    unload(&f);
}

static void a_drained_member_takes_nothing(void **state) {
    (void)state;
    static const char *const balances[] = {"round-robin", "least-busy", "random-2", "hash"};
    for (size_t i = 0; i < 4; i++) {
        char lua[256];
        snprintf(lua, sizeof lua,
                 "local p = pool \"p\" { { \"a:1\", weight = 0 }, \"b:1\", balance = \"%s\"%s } "
                 "site \"*\" { to = p }",
                 balances[i], i == 3 ? ", key = \"{path}\"" : "");
        struct fixture f = load_good(lua);
        for (int n = 0; n < 20; n++) assert_string_equal(member_for(&f, "x.example", "/"), "b:1");
        unload(&f);
    }
}

static void a_request_without_a_key_takes_turns(void **state) {
    (void)state;
    struct fixture f = load_good("local p = pool \"p\" { \"a:1\", \"b:1\", balance = \"hash\", key "
                                 "= \"{cookie.s}\" } site \"*\" { to = p }");
    assert_string_equal(member_for(&f, "x.example", "/"), "a:1");
    assert_string_equal(member_for(&f, "x.example", "/"), "b:1");
    ask_with(&f, "x.example", "/", "Cookie: s=1\n");
    assert_slice(f.answer.key, "1");
    unload(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reload_and_its_app_share_a_server_for_1_to_64_servers_in_any_spelling),
        cmocka_unit_test(near_misses_of_the_reload_url_take_the_normal_way),
        cmocka_unit_test(one_server_more_moves_its_share_of_hosts_and_only_to_itself),
        cmocka_unit_test(one_server_less_moves_only_its_own_hosts),
        cmocka_unit_test(
            a_tried_member_gives_way_to_the_second_choice_which_is_the_choice_without_it),
        cmocka_unit_test(weights_are_shares_of_keys_and_a_change_moves_no_more_than_it_must),
        cmocka_unit_test(the_choice_depends_neither_on_order_nor_on_the_machine),
        cmocka_unit_test(round_robin_is_smooth_and_weighted),
        cmocka_unit_test(the_least_busy_takes_it_by_weight_and_ties_take_turns),
        cmocka_unit_test(random_2_never_takes_the_busiest_of_two_and_spreads),
        cmocka_unit_test(a_drained_member_takes_nothing),
        cmocka_unit_test(a_request_without_a_key_takes_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
