// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <sys/mman.h>

#include "routing/balance.h"
#include "routing/table_write.h"
#include "tests/unit/routing_fixture.h"

// Choosing among members whose state changes: bounds, priorities, limits, health. The members stand in a backend table, and each
// edit is a new version of it, as in a running rsp.

enum { KEYS = 600, MEMBERS_MAX = 80 };

struct stage {
    struct fixture f;
    struct table *table;
    uint32_t *row;
    struct table_writer *writer;
    struct table_pool *shared;
    struct pool *pool;
    struct table_entry entries[MEMBERS_MAX];
    size_t count;
    uint64_t dice;
};

static void *map(size_t bytes) {
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE,
                    -1, 0);
    assert_ptr_not_equal(at, MAP_FAILED);
    return at;
}

static void publish(struct stage *s) {
    assert_true(table_publish(s->writer, s->shared, s->entries, s->count));
}

static void add_member(struct stage *s, const char *text, struct table_settings settings) {
    struct table_entry *e = &s->entries[s->count++];
    assert_true(s->count <= MEMBERS_MAX);
    *e = (struct table_entry){.weight = settings.weight, .live = settings};
    assert_true(table_take_slot(s->writer, slice_of(text), &e->slot));
}

// The first pool of the file, with its members in a table.
static void stage_init(struct stage *s, const char *lua) {
    *s = (struct stage){.table = map(table_bytes()), .row = map(table_row_bytes()), .dice = 4711};
    s->f = load_good(lua);
    s->pool = s->f.config->pools[0];
    s->writer = table_writer_new(s->table);
    s->shared = table_add_pool(s->writer, slice_of(s->pool->table_name));
    for (size_t i = 0; i < s->pool->configured_count; i++)
        add_member(s, s->pool->configured[i].text, s->pool->configured[i].settings);
    publish(s);
    config_attach(s->f.config, s->table, s->row);
}

static void stage_fini(struct stage *s) {
    unload(&s->f);
    table_writer_free(s->writer);
    munmap(s->table, table_bytes());
    munmap(s->row, table_row_bytes());
}

static unsigned roll(struct stage *s, unsigned below) {
    s->dice = s->dice * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(s->dice >> 33) % below;
}

static uint32_t *load_of(struct stage *s, size_t i) {
    return table_in_flight(s->table, s->entries[i].slot);
}

static struct member *choose(struct stage *s, const char *host, const char *uri) {
    const struct route_answer *answer = ask(&s->f, host, uri);
    assert_int_equal(answer->kind, ANSWER_POOL);
    return pool_choose(answer->pool, answer, &(struct left_out){0}, s->f.arena);
}

static const char *name_of(const struct member *m) {
    return m ? m->text : "nobody";
}

static const char *app_host(char buf[64], int key) {
    snprintf(buf, 64, "app%d.users.example", key);
    return buf;
}

static struct member *choose_app(struct stage *s, int key) {
    char host[64];
    struct member *m = choose(s, app_host(host, key), "/");
    arena_reset(s->f.arena);
    return m;
}

static void hosting(struct stage *s, const char *settings, int members) {
    struct text lua;
    text_init(&lua, 1 << 20);
    text_printf(&lua, "local apps = pool \"apps\" { live = true, %s\n", settings);
    for (int i = 0; i < members; i++) text_printf(&lua, "\"10.2.0.%d:8000\", ", i + 1);
    text_printf(&lua, "}\nsite \"www.pythonanywhere.example\" { paths = {\n"
                      "[\"/user/*/webapps/{domain}/reload\"] = { to = apps, key = \"{domain}\" },\n"
                      "[\"/*\"] = { to = apps } } }\n"
                      "site \"lua.example\" { route = function(req)\n"
                      "return apps:by(req.path:match(\"([^/]+)$\")) end }\n"
                      "site \"*\" { to = apps }\n");
    stage_init(s, text_string(&lua));
    text_fini(&lua);
}

static const char BOUNDED[] = "balance = \"hash\", key = \"{host}\", bound = 1.25,";

// --- bounded load ---

static void nobody_gets_more_than_the_bound_and_a_key_moves_only_when_it_must(void **state) {
    (void)state;
    static struct stage s;
    hosting(&s, BOUNDED, 12);
    for (size_t i = 0; i < s.count; i++)
        s.entries[i].weight = s.entries[i].live.weight = 1 + roll(&s, 4);
    publish(&s);
    struct candidates all = {pool_view(s.pool)->able, s.count};
    unsigned moved = 0;
    for (int n = 0; n < 8000; n++) {
        int key = (int)roll(&s, 40); // few keys: hot ones must overflow
        char host[64];
        const struct route_answer *answer = ask(&s.f, app_host(host, key), "/");
        struct load_bound bound = load_bound_of(1250, all);
        struct member *m = choose_app(&s, key), *expected = NULL, *home = NULL;
        assert_non_null(m);
        assert_true(member_in_flight(m) + 1 <= load_bound_most(&bound, m));
        // the key's own order, from the nearest: the first that has room
        for (size_t i = 0; i < all.count; i++) {
            struct member *other = all.at[i];
            if (!home || is_nearer(balance_distance(other, answer->key_hash),
                                   balance_distance(home, answer->key_hash)))
                home = other;
            if (member_in_flight(other) + 1 > load_bound_most(&bound, other)) continue;
            if (!expected || is_nearer(balance_distance(other, answer->key_hash),
                                       balance_distance(expected, answer->key_hash)))
                expected = other;
        }
        assert_ptr_equal(m, expected);
        moved += expected != home;
        member_begin(m);
        // some end, so that the load is now high, now low
        unsigned ends = roll(&s, 1000) < 8 ? 400 : roll(&s, 2) * (n > 200);
        for (unsigned i = 0; i < ends; i++) {
            struct member *done = all.at[roll(&s, (unsigned)all.count)];
            if (member_in_flight(done) > 0) member_end(done);
        }
    }
    assert_in_range(moved, 400, 7600); // both ways are well trodden
    stage_fini(&s);
}

static void with_equal_loads_and_room_every_key_is_at_home(void **state) {
    (void)state;
    static struct stage s;
    hosting(&s, BOUNDED, 20);
    const char *home[KEYS];
    for (int key = 0; key < KEYS; key++) home[key] = name_of(choose_app(&s, key));
    for (size_t i = 0; i < s.count; i++) *load_of(&s, i) = 40;
    for (int key = 0; key < KEYS; key++)
        assert_string_equal(name_of(choose_app(&s, key)), home[key]);
    *load_of(&s, 3) = 60; // above 1.25 times the average: its keys leave it, and no others move
    for (int key = 0; key < KEYS; key++) {
        const char *now = name_of(choose_app(&s, key));
        if (strcmp(home[key], "10.2.0.4:8000") == 0)
            assert_string_not_equal(now, home[key]);
        else
            assert_string_equal(now, home[key]);
    }
    stage_fini(&s);
}

static void the_quick_choice_is_the_nearest_by_exact_distances(void **state) {
    (void)state;
    static struct stage s;
    hosting(&s, "balance = \"hash\", key = \"{host}\",", 40);
    for (int round = 0; round < 60; round++) {
        for (size_t i = 0; i < s.count; i++)
            s.entries[i].weight = s.entries[i].live.weight = 1 + roll(&s, round % 2 ? 3 : 1000);
        publish(&s);
        const struct view *v = pool_view(s.pool);
        for (int n = 0; n < 50; n++) {
            struct route_answer answer = {.kind = ANSWER_POOL, .pool = s.pool, .key = SLICE("k")};
            answer.key_hash = (uint64_t)roll(&s, 1u << 30) << 34 ^ roll(&s, 1u << 30);
            const struct member *m = pool_choose(s.pool, &answer, &(struct left_out){0}, s.f.arena);
            for (size_t i = 0; i < v->able_count; i++)
                assert_false(is_nearer(balance_distance(v->able[i], answer.key_hash),
                                       balance_distance(m, answer.key_hash)));
        }
    }
    stage_fini(&s);
}

// --- priorities and limits ---

static void a_backup_is_asked_when_the_others_are_down_drained_or_full(void **state) {
    (void)state;
    static const char *const balances[] = {"\"round-robin\"", "\"least-busy\"", "\"random-2\"",
                                           "\"hash\", key = \"{host}\""};
    for (size_t b = 0; b < 4; b++) {
        static struct stage s;
        char lua[512];
        snprintf(lua, sizeof lua,
                 "local p = pool \"p\" { { \"c:1\", priority = 7 }, { \"b:1\", backup = true }, "
                 "{ \"a:1\", max_connections = 2 }, balance = %s } site \"*\" { to = p }",
                 balances[b]);
        stage_init(&s, lua);
        for (int i = 0; i < 10; i++) assert_string_equal(name_of(choose_app(&s, i)), "a:1");
        *load_of(&s, 2) = 2;
        for (int i = 0; i < 10; i++) assert_string_equal(name_of(choose_app(&s, i)), "b:1");
        *load_of(&s, 2) = 1;
        s.entries[2].health = HEALTH_DOWN;
        publish(&s);
        assert_string_equal(name_of(choose_app(&s, 1)), "b:1");
        s.entries[1].health = HEALTH_EJECTED;
        publish(&s);
        assert_string_equal(name_of(choose_app(&s, 1)), "c:1");
        s.entries[2].health = HEALTH_UP;
        s.entries[2].wish = WISH_DRAIN;
        s.entries[2].weight = 0;
        publish(&s);
        assert_string_equal(name_of(choose_app(&s, 1)), "c:1");
        stage_fini(&s);
    }
}

static void who_finds_all_full_waits_and_who_finds_nobody_does_not(void **state) {
    (void)state;
    static struct stage s;
    stage_init(&s, "pool \"p\" { { \"a:1\", max_connections = 1 }, { \"b:1\", max_connections = 1 "
                   "} } site \"*\" { to = pool \"p\" }");
    *load_of(&s, 0) = *load_of(&s, 1) = 1;
    const struct route_answer *answer = ask(&s.f, "x.example", "/");
    struct left_out out = {0};
    assert_null(pool_choose(s.pool, answer, &out, s.f.arena));
    assert_true(pool_has_no_place(s.pool, answer, &out));
    out = (struct left_out){.tried = pool_view(s.pool)->all, .tried_count = 2};
    assert_null(pool_choose(s.pool, answer, &out, s.f.arena));
    assert_false(pool_has_no_place(s.pool, answer, &out));
    stage_fini(&s);
}

// --- health ---

static void when_fewer_than_half_are_up_health_is_ignored(void **state) {
    (void)state;
    static struct stage s;
    hosting(&s, "balance = \"hash\", key = \"{host}\",", 8);
    const char *home[KEYS];
    for (int key = 0; key < KEYS; key++) home[key] = name_of(choose_app(&s, key));
    for (size_t down = 0; down < 8; down++) {
        s.entries[down].health = down % 2 ? HEALTH_DOWN : HEALTH_EJECTED;
        publish(&s);
        bool is_panic = down + 1 > 4;
        assert_int_equal(pool_view(s.pool)->ignores_health, is_panic);
        for (int key = 0; key < KEYS; key++) {
            const struct member *m = choose_app(&s, key);
            if (is_panic || atoi(home[key] + 7) > (int)down + 1)
                assert_string_equal(name_of(m), home[key]);
            else
                assert_true(member_is_up(m));
        }
    }
    stage_fini(&s);
}

static void a_backup_that_is_up_is_better_than_a_guess(void **state) {
    (void)state;
    static struct stage s;
    stage_init(&s, "pool \"p\" { \"a:1\", \"b:1\", \"c:1\", { \"z:1\", backup = true } } "
                   "site \"*\" { to = pool \"p\" }");
    for (size_t i = 0; i < 3; i++) s.entries[i].health = HEALTH_DOWN;
    publish(&s);
    for (int i = 0; i < 5; i++) assert_string_equal(name_of(choose_app(&s, i)), "z:1");
    s.entries[3].health = HEALTH_DOWN;
    publish(&s);
    assert_true(pool_view(s.pool)->ignores_health);
    assert_string_not_equal(name_of(choose_app(&s, 1)), "z:1");
    stage_fini(&s);
}

static void with_panic_0_those_that_are_down_are_never_asked(void **state) {
    (void)state;
    static struct stage s;
    stage_init(&s, "pool \"p\" { \"a:1\", \"b:1\", \"c:1\", panic = 0 } "
                   "site \"*\" { to = pool \"p\" }");
    s.entries[0].health = s.entries[1].health = HEALTH_DOWN;
    publish(&s);
    for (int i = 0; i < 5; i++) assert_string_equal(name_of(choose_app(&s, i)), "c:1");
    s.entries[2].health = HEALTH_DOWN;
    publish(&s);
    assert_null(choose_app(&s, 1));
    stage_fini(&s);
}

// --- an app and its reload ---

// What `rspctl explain` says of the reload.
static void assert_explained(struct stage *s, const char *domain, const struct member *app) {
    char url[200], line[64];
    struct text out;
    text_init(&out, 1 << 16);
    snprintf(url, sizeof url, "http://www.pythonanywhere.example/user/u/webapps/%s/reload", domain);
    snprintf(line, sizeof line, "  backend  %s (", app->text);
    assert_true(route_explain(s->f.config, SLICE("POST"), slice_of(url), NULL, &out));
    assert_non_null(strstr(text_string(&out), line));
    text_fini(&out);
}

static void assert_all_ways_meet(struct stage *s, int key) {
    static const char *const spellings[] = {"app%d.users.example", "App%d.Users.EXAMPLE.",
                                            "%%61pp%d.users%%2Eexample", "app%d.users.example:443"};
    char host[64], domain[64], uri[160];
    const struct member *app = choose(s, app_host(host, key), "/any/page?x=1");
    const char *domain_format = spellings[roll(s, 4)];
    snprintf(domain, sizeof domain, domain_format, key);
    snprintf(uri, sizeof uri, "/user/u%d/webapps/%s/reload", key, domain);
    assert_ptr_equal(choose(s, "www.pythonanywhere.example", uri), app);
    snprintf(uri, sizeof uri, "/by/%s", domain);
    assert_ptr_equal(choose(s, "lua.example", uri), app);
    arena_reset(s->f.arena);
    if (app) assert_explained(s, domain, app);
}

// What operators, checks and requests do to a pool, at random.
static void disturb(struct stage *s) {
    size_t i = roll(s, (unsigned)s->count);
    struct table_entry *e = &s->entries[i];
    switch (roll(s, 7)) {
    case 0: e->wish = e->wish == WISH_DRAIN ? WISH_READY : WISH_DRAIN; break;
    case 1: e->health = (uint8_t)roll(s, 4); break;
    case 2: e->live.weight = 1 + roll(s, 5); break;
    case 3: e->live.max_connections = roll(s, 2) * 9; break;
    case 4: e->live.tier = roll(s, 8) == 0; break;
    case 5: *load_of(s, i) = roll(s, 12); break;
    case 6:
        if (s->count < MEMBERS_MAX) {
            char text[32];
            snprintf(text, sizeof text, "10.3.0.%d:8000", (int)s->count);
            add_member(s, text, (struct table_settings){.weight = 1});
        }
    }
    e->weight = e->wish == WISH_READY ? e->live.weight : 0;
    publish(s);
}

static void an_app_and_its_reload_meet_at_every_version_whatever_happens_to_the_pool(void **state) {
    (void)state;
    static const char *const settings[] = {BOUNDED, "balance = \"hash\", key = \"{host}\",",
                                           "balance = \"hash\", key = \"{host}\", bound = 1,",
                                           "balance = \"hash\", key = \"{host}\", panic = 0,"};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        static struct stage s;
        hosting(&s, settings[i], 9);
        for (int version = 0; version < 150; version++) {
            disturb(&s);
            for (int n = 0; n < 5; n++) assert_all_ways_meet(&s, (int)roll(&s, KEYS));
        }
        assert_true(s.count > 14);
        stage_fini(&s);
    }
}

static void two_workers_agree_on_every_key_at_every_version(void **state) {
    (void)state;
    static struct stage s;
    hosting(&s, BOUNDED, 9);
    struct fixture other =
        load_good("local apps = pool \"apps\" { live = true, balance = \"hash\", "
                  "key = \"{host}\", bound = 1.25 } site \"*\" { to = apps }");
    config_attach(other.config, s.table, s.row);
    for (int version = 0; version < 150; version++) {
        disturb(&s);
        for (int n = 0; n < 10; n++) {
            char host[64];
            app_host(host, (int)roll(&s, KEYS));
            const char *mine = name_of(choose(&s, host, "/")),
                       *theirs = member_for(&other, host, "/");
            assert_string_equal(mine, theirs ? theirs : "nobody");
        }
        arena_reset(s.f.arena);
        arena_reset(other.arena);
    }
    unload(&other);
    stage_fini(&s);
}

static void twice_as_many_and_one_move_the_share_of_the_new_ones_and_only_to_them(void **state) {
    (void)state;
    static const int sizes[] = {1, 4, 9, 30};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        static struct stage s;
        int n = sizes[i], moved = 0, keys = 10000;
        static const char *home[10000];
        hosting(&s, BOUNDED, n);
        for (int key = 0; key < keys; key++) home[key] = name_of(choose_app(&s, key));
        for (int k = 0; k < n + 1; k++) {
            char text[32];
            snprintf(text, sizeof text, "10.9.0.%d:8000", k);
            add_member(&s, text, (struct table_settings){.weight = 1});
        }
        publish(&s);
        for (int key = 0; key < keys; key++) {
            const char *now = name_of(choose_app(&s, key));
            if (strcmp(now, home[key]) == 0) continue;
            assert_int_equal(strncmp(now, "10.9.", 5), 0);
            moved++;
        }
        double share = (double)(n + 1) / (2 * n + 1);
        assert_true(moved >= (share - 0.02) * keys && moved <= (share + 0.02) * keys);
        stage_fini(&s);
    }
}

// --- clients that cling to a member ---

static const char *choose_with_cookie(struct stage *s, size_t i) {
    char fields[64], value[STICKY_TEXT_MAX];
    struct slice text = slice_of(table_text(s->table, s->entries[i].slot));
    snprintf(fields, sizeof fields, "Cookie: stay=%s\n",
             sticky_format(sticky_value(&s->pool->sticky, text), value));
    const struct route_answer *answer = ask_with(&s->f, "x.example", "/", fields);
    return name_of(pool_choose(s->pool, answer, &(struct left_out){0}, s->f.arena));
}

static void a_client_stays_with_a_drained_member_but_not_with_one_that_is_gone(void **state) {
    (void)state;
    static struct stage s;
    stage_init(&s, "pool \"p\" { \"a:1\", \"b:1\", \"c:1\", balance = \"hash\", key = \"{host}\", "
                   "bound = 1, sticky = { cookie = \"stay\", secret = \"0123456789abcdef\" } } "
                   "site \"*\" { to = pool \"p\" }");
    for (int i = 0; i < 3; i++) assert_string_equal(choose_with_cookie(&s, 1), "b:1");
    *load_of(&s, 1) = 100; // no bound for those who must stay
    assert_string_equal(choose_with_cookie(&s, 1), "b:1");
    s.entries[1].wish = WISH_DRAIN;
    s.entries[1].weight = 0;
    publish(&s);
    assert_string_equal(choose_with_cookie(&s, 1), "b:1");
    s.entries[1].wish = WISH_MAINT;
    publish(&s);
    assert_string_not_equal(choose_with_cookie(&s, 1), "b:1");
    s.entries[1].wish = WISH_READY;
    s.entries[1].weight = 1;
    s.entries[1].health = HEALTH_DOWN;
    publish(&s);
    assert_string_not_equal(choose_with_cookie(&s, 1), "b:1");
    s.entries[1].health = HEALTH_UP;
    s.entries[1].live.max_connections = 100;
    publish(&s);
    assert_string_equal(choose_with_cookie(&s, 1), "nobody"); // it waits for its member
    assert_true(pool_has_no_place(s.pool, &s.f.answer, &(struct left_out){0}));
    stage_fini(&s);
}

// --- counts of all processes ---

static void least_busy_and_random_2_look_at_what_all_processes_have_in_flight(void **state) {
    (void)state;
    static const char *const balances[] = {"least-busy", "random-2"};
    for (size_t b = 0; b < 2; b++) {
        static struct stage s;
        char lua[256];
        snprintf(lua, sizeof lua,
                 "pool \"p\" { \"a:1\", \"b:1\", balance = \"%s\" } site \"*\" { to = pool \"p\" }",
                 balances[b]);
        stage_init(&s, lua);
        uint32_t *other_row = map(table_row_bytes());
        uint32_t slot = s.entries[0].slot;
        struct member *theirs =
            member_new(SLICE("a:1"), table_in_flight(s.table, slot), &other_row[slot]);
        member_begin(theirs);
        for (int i = 0; i < 20; i++) assert_string_equal(name_of(choose_app(&s, i)), "b:1");
        member_end(theirs);
        member_unref(theirs);
        munmap(other_row, table_row_bytes());
        stage_fini(&s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_gets_more_than_the_bound_and_a_key_moves_only_when_it_must),
        cmocka_unit_test(the_quick_choice_is_the_nearest_by_exact_distances),
        cmocka_unit_test(with_equal_loads_and_room_every_key_is_at_home),
        cmocka_unit_test(a_backup_is_asked_when_the_others_are_down_drained_or_full),
        cmocka_unit_test(who_finds_all_full_waits_and_who_finds_nobody_does_not),
        cmocka_unit_test(when_fewer_than_half_are_up_health_is_ignored),
        cmocka_unit_test(a_backup_that_is_up_is_better_than_a_guess),
        cmocka_unit_test(with_panic_0_those_that_are_down_are_never_asked),
        cmocka_unit_test(an_app_and_its_reload_meet_at_every_version_whatever_happens_to_the_pool),
        cmocka_unit_test(two_workers_agree_on_every_key_at_every_version),
        cmocka_unit_test(twice_as_many_and_one_move_the_share_of_the_new_ones_and_only_to_them),
        cmocka_unit_test(a_client_stays_with_a_drained_member_but_not_with_one_that_is_gone),
        cmocka_unit_test(least_busy_and_random_2_look_at_what_all_processes_have_in_flight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
