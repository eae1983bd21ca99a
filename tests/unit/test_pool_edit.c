// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/log.h"
#include "tests/unit/pools_fixture.h"

// Edits of pools: what they do, what they refuse, and that a refused one leaves no trace.

static const char LIVE[] = "pool \"p\" { \"a:1\", { \"b:1\", weight = 2 }, live = true } "
                           "site \"*\" { to = pool \"p\" }";
static const char FIXED[] = "pool \"p\" { \"a:1\", { \"b:1\", weight = 2 } } "
                            "site \"*\" { to = pool \"p\" }";

static void members_come_and_go(void **state) {
    (void)state;
    struct desk d = desk_new();
    struct fixture f = load_good(LIVE);
    desk_merge(&d, &f);
    assert_int_equal(desk_edit(&d, &f, "add c:1 weight=5"), EDIT_DONE);
    assert_string_equal(desk_members(&d, &f), "a:1 ready w1, b:1 ready w2, c:1 ready w5 api");
    assert_int_equal(desk_edit(&d, &f, "remove a:1;remove c:1"), EDIT_DONE);
    assert_string_equal(desk_members(&d, &f), "a:1 removed w1, b:1 ready w2");
    assert_string_equal(member_for(&f, "x.example", "/"), "b:1");
    assert_int_equal(desk_edit(&d, &f, "add a:1"), EDIT_DONE);
    assert_string_equal(desk_members(&d, &f), "a:1 ready w1, b:1 ready w2");
    unload(&f);
    desk_free(&d);
}

static void a_drained_member_takes_no_requests_until_it_is_ready_again(void **state) {
    (void)state;
    struct desk d = desk_new();
    struct fixture f = load_good(FIXED);
    desk_merge(&d, &f);
    assert_int_equal(desk_edit(&d, &f, "drain b:1"), EDIT_DONE);
    for (int i = 0; i < 5; i++) assert_string_equal(member_for(&f, "x.example", "/"), "a:1");
    assert_int_equal(desk_edit(&d, &f, "maint a:1;ready b:1"), EDIT_DONE);
    for (int i = 0; i < 5; i++) assert_string_equal(member_for(&f, "x.example", "/"), "b:1");
    unload(&f);
    desk_free(&d);
}

static void one_edit_is_one_version_and_nothing_to_change_is_none(void **state) {
    (void)state;
    struct desk d = desk_new();
    struct fixture f = load_good(LIVE);
    desk_merge(&d, &f);
    uint64_t before = table_version(d.table);
    assert_int_equal(desk_edit(&d, &f, "add c:1;add d:1;drain a:1;set b:1 weight=9"), EDIT_DONE);
    assert_int_equal(table_version(d.table), before + 1);
    assert_int_equal(desk_edit(&d, &f, "drain a:1;set b:1 weight=9"), EDIT_DONE);
    assert_int_equal(table_version(d.table), before + 1);
    unload(&f);
    desk_free(&d);
}

static void a_whole_set_replaces_the_members_in_one_step(void **state) {
    (void)state;
    struct desk d = desk_new();
    struct fixture f = load_good(LIVE);
    desk_merge(&d, &f);
    assert_int_equal(desk_edit(&d, &f, "add c:1;drain b:1"), EDIT_DONE);
    uint64_t before = table_version(d.table);
    assert_int_equal(desk_edit(&d, &f, "whole:put b:1;put d:1 weight=3"), EDIT_DONE);
    assert_string_equal(desk_members(&d, &f), "a:1 removed w1, b:1 ready w2, d:1 ready w3 api");
    assert_int_equal(table_version(d.table), before + 1);
    assert_int_equal(desk_edit(&d, &f, "whole:"), EDIT_DONE);
    assert_string_equal(desk_members(&d, &f), "a:1 removed w1, b:1 removed w2");
    unload(&f);
    desk_free(&d);
}

static void what_makes_no_sense_changes_nothing(void **state) {
    (void)state;
    static const struct {
        const char *words;
        enum edit_result result;
        const char *why;
        size_t at;
    } cases[] = {
        {"add c:1;add a:1", EDIT_IS_MEMBER, "\"a:1\" is a member already", 1},
        {"add c:1;set x:1 weight=2", EDIT_NO_MEMBER, "\"x:1\" is no member", 1},
        {"add A.:01", EDIT_IS_MEMBER, "\"A.:01\" is a member already", 0},
        {"add c:1;add d:1;add C:1", EDIT_BAD, "\"c:1\" stands there twice", 2},
        {"add c:1;add d:1;add c:1", EDIT_BAD, "\"c:1\" stands there twice", 2},
        {"add c:1;add 10.0.0.300:80", EDIT_BAD, "is no address", 1},
        {"add c:1;add nowhere", EDIT_BAD, "is no address", 1},
        {"remove b:1;remove x:1", EDIT_NO_MEMBER, "\"x:1\" is no member", 1},
    };
    struct desk d = desk_new();
    struct fixture f = load_good(LIVE);
    desk_merge(&d, &f);
    uint64_t before = table_version(d.table);
    for (int round = 0; round < 2000; round++) { // or slots would run out
        size_t i = (size_t)round % (sizeof cases / sizeof *cases);
        assert_int_equal(desk_edit(&d, &f, cases[i].words), cases[i].result);
        assert_non_null(strstr(text_string(&d.why), cases[i].why));
        assert_int_equal(d.report.at, cases[i].at);
    }
    assert_string_equal(desk_members(&d, &f), "a:1 ready w1, b:1 ready w2");
    assert_int_equal(table_version(d.table), before);
    unload(&f);
    desk_free(&d);
}

static void members_of_a_pool_that_is_not_live_are_the_route_files(void **state) {
    (void)state;
    struct desk d = desk_new();
    struct fixture f = load_good(FIXED);
    desk_merge(&d, &f);
    static const char *const refused[] = {"add c:1", "put c:1", "remove a:1", "whole:put a:1"};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(desk_edit(&d, &f, refused[i]), EDIT_NOT_LIVE);
        assert_non_null(strstr(text_string(&d.why), "live = true"));
    }
    assert_int_equal(desk_edit(&d, &f, "set a:1 weight=7 max_connections=3"), EDIT_DONE);
    assert_string_equal(desk_members(&d, &f), "a:1 ready w7, b:1 ready w2");
    unload(&f);
    desk_free(&d);
}

static void a_removed_member_of_the_file_must_be_added_before_it_can_be_set(void **state) {
    (void)state;
    struct desk d = desk_new();
    struct fixture f = load_good(LIVE);
    desk_merge(&d, &f);
    assert_int_equal(desk_edit(&d, &f, "remove a:1"), EDIT_DONE);
    assert_int_equal(desk_edit(&d, &f, "ready a:1"), EDIT_NO_MEMBER);
    assert_int_equal(desk_edit(&d, &f, "remove a:1"), EDIT_NO_MEMBER);
    assert_int_equal(desk_edit(&d, &f, "add a:1 weight=4"), EDIT_DONE);
    assert_string_equal(desk_members(&d, &f), "a:1 ready w4, b:1 ready w2");
    unload(&f);
    desk_free(&d);
}

static uint64_t digest_of(struct desk *d, struct fixture *f) {
    const struct table_entry *entries;
    size_t count;
    assert_true(pools_list(d->pools, f->config->pools[0], &entries, &count));
    return table_digest(d->table, entries, count);
}

static void the_digest_follows_edits(void **state) {
    (void)state;
    struct desk d = desk_new();
    struct fixture f = load_good(LIVE);
    desk_merge(&d, &f);
    uint64_t first = digest_of(&d, &f);
    assert_int_equal(desk_edit(&d, &f, "drain a:1"), EDIT_DONE);
    assert_true(digest_of(&d, &f) != first);
    assert_int_equal(desk_edit(&d, &f, "ready a:1"), EDIT_DONE);
    assert_true(digest_of(&d, &f) == first);
    unload(&f);
    desk_free(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_come_and_go),
        cmocka_unit_test(a_drained_member_takes_no_requests_until_it_is_ready_again),
        cmocka_unit_test(one_edit_is_one_version_and_nothing_to_change_is_none),
        cmocka_unit_test(a_whole_set_replaces_the_members_in_one_step),
        cmocka_unit_test(what_makes_no_sense_changes_nothing),
        cmocka_unit_test(members_of_a_pool_that_is_not_live_are_the_route_files),
        cmocka_unit_test(a_removed_member_of_the_file_must_be_added_before_it_can_be_set),
        cmocka_unit_test(the_digest_follows_edits),
    };
    log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
