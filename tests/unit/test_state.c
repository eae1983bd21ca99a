// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <errno.h>

#include "core/log.h"
#include "server/state_file.h"
#include "tests/unit/pools_fixture.h"

// The state file: what edits have made of the pools survives, whatever dies and whenever the disk fails.

// The system call that fails next, counted over those of the state file.
static struct {
    int countdown; // fails when it comes to 0; below: none
    int calls;
    int error;
} fault;

ssize_t __wrap_write(int fd, const void *at, size_t len);
ssize_t __real_write(int fd, const void *at, size_t len);
int __wrap_fsync(int fd);
int __real_fsync(int fd);
int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __real_renameat(int from_fd, const char *from, int to_fd, const char *to);

static bool fails(void) {
    fault.calls++;
    errno = fault.error;
    return fault.countdown > 0 && --fault.countdown == 0;
}

static bool is_log(int fd) {
    struct stat s;
    return fstat(fd, &s) != 0 || !S_ISREG(s.st_mode);
}

// A disk that is full takes the first half.
ssize_t __wrap_write(int fd, const void *at, size_t len) {
    if (is_log(fd)) return __real_write(fd, at, len);
    if (!fails()) return __real_write(fd, at, len);
    if (__real_write(fd, at, len / 2) < 0) return -1;
    errno = fault.error;
    return -1;
}

int __wrap_fsync(int fd) {
    return fails() ? -1 : __real_fsync(fd);
}

int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to) {
    return fails() ? -1 : __real_renameat(from_fd, from, to_fd, to);
}

static const char LIVE[] = "pool \"p\" { \"a:1\", { \"b:1\", weight = 2 }, live = true } "
                           "site \"*\" { to = pool \"p\" }";

static void edits_survive_a_start(void **state) {
    (void)state;
    struct desk d = desk_new();
    struct fixture f = load_good(LIVE);
    desk_merge(&d, &f);
    assert_int_equal(desk_edit(&d, &f, "add c:1 weight=5;remove a:1;drain b:1"), EDIT_DONE);
    assert_int_equal(desk_edit(&d, &f, "add d:1;set b:1 weight=9 max_connections=4 priority=1"),
                     EDIT_DONE);
    desk_start_anew(&d, &f);
    assert_string_equal(text_string(&d.problems), "");
    assert_string_equal(desk_members(&d, &f),
                        "a:1 removed w1, b:1 drain w9, c:1 ready w5 api, d:1 ready w1 api");
    const struct table_entry *entries;
    size_t count;
    assert_true(pools_list(d.pools, f.config->pools[0], &entries, &count));
    assert_int_equal(entries[1].live.max_connections, 4);
    assert_int_equal(entries[1].live.tier, 1);
    assert_int_equal(entries[1].weight, 0);
    unload(&f);
    desk_free(&d);
}

static void what_the_file_changed_while_rsp_was_stopped_wins(void **state) {
    (void)state;
    struct desk d = desk_new();
    struct fixture f = load_good(LIVE);
    desk_merge(&d, &f);
    assert_int_equal(desk_edit(&d, &f, "set a:1 weight=7;set b:1 weight=7;add c:1"), EDIT_DONE);
    unload(&f);
    f = load_good("pool \"p\" { { \"b:1\", weight = 3 }, \"a:1\", live = true } "
                  "site \"*\" { to = pool \"p\" }");
    desk_start_anew(&d, &f);
    assert_string_equal(desk_members(&d, &f), "b:1 ready w3, a:1 ready w7, c:1 ready w1 api");
    unload(&f);
    desk_free(&d);
}

static void a_control_that_takes_over_puts_in_force_what_was_saved_but_not_published(void **state) {
    (void)state;
    struct desk d = desk_new();
    struct fixture f = load_good(LIVE);
    desk_merge(&d, &f);
    assert_int_equal(desk_edit(&d, &f, "add c:1"), EDIT_DONE);
    const struct table_entry *entries;
    size_t count;
    assert_true(pools_list(d.pools, f.config->pools[0], &entries, &count));
    struct table_entry saved[2] = {entries[0], entries[1]};
    uint32_t slot = entries[1].slot;
    saved[0].wish = WISH_DRAIN;
    struct state_list list = {d.table, saved, 2}; // without c:1
    assert_true(state_save(d.state, SLICE("p"), &list, &d.problems));
    desk_replace_control(&d, &f);
    assert_string_equal(desk_members(&d, &f), "a:1 drain w1, b:1 ready w2");
    assert_true(pools_list(d.pools, f.config->pools[0], &entries, &count));
    assert_int_equal(entries[1].slot, slot); // in-flight counts stay where they are
    unload(&f);
    desk_free(&d);
}

static void write_file(const struct desk *d, const char *content) {
    FILE *out = fopen(d->path, "we");
    assert_non_null(out);
    fputs(content, out);
    fclose(out);
}

static void a_damaged_file_is_reported_with_its_place_and_set_aside(void **state) {
    (void)state;
    static const struct {
        const char *content, *problem;
    } cases[] = {
        {"", "state.json:1:"},
        {"{\"rsp\": \"state\",\n \"format\": 1, \"pools\": {\"p\": {\"a:1\"", "state.json:2:"},
        {"[]", "is no state file"},
        {"{\"rsp\": \"state\", \"format\": 2, \"pools\": {}}", "/format"},
        {"{\"rsp\": \"state\", \"format\": 1, \"pools\": {\"p\": 3}}", "/pools/p: "},
        {"{\"rsp\": \"state\", \"format\": 1, \"pools\": {\"p\": {\"a:1\": {}}}}",
         "/pools/p/a:1: "},
        {"{\"rsp\": \"state\", \"format\": 1, \"pools\": {\"p\": {\"a:1\": {\"origin\": \"file\", "
         "\"wish\": \"gone\", \"live\": {}, \"file\": {}}}}}",
         "wish is not known"},
        {"{\"rsp\": \"state\", \"format\": 1, \"pools\": {\"p\": {\"a:1\": {\"origin\": \"file\", "
         "\"wish\": \"ready\", \"live\": {\"weight\": 1001, \"priority\": 0, \"max_connections\": "
         "0}, "
         "\"file\": {\"weight\": 1, \"priority\": 0, \"max_connections\": 0}}}}}",
         "live: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct desk d = desk_new();
        struct fixture f = load_good(LIVE);
        write_file(&d, cases[i].content);
        desk_start_anew(&d, &f);
        if (!strstr(text_string(&d.problems), cases[i].problem))
            fail_msg("%s: %s", cases[i].content, text_string(&d.problems));
        assert_string_equal(desk_members(&d, &f), "a:1 ready w1, b:1 ready w2");
        char aside[128];
        snprintf(aside, sizeof aside, "%s.damaged", d.path);
        assert_int_equal(access(aside, R_OK), 0);
        unload(&f);
        desk_free(&d);
    }
}

static void what_is_good_of_a_damaged_file_is_in_force(void **state) {
    (void)state;
    static const char member[] = "{\"origin\": \"api\", \"wish\": \"%s\", \"live\": {\"weight\": "
                                 "%d, \"priority\": 0, \"max_connections\": 0}, \"file\": "
                                 "{\"weight\": 1, \"priority\": 0, \"max_connections\": 0}}";
    char good[300], bad[300], content[4000];
    struct desk d = desk_new();
    struct fixture f = load_good(LIVE);
    snprintf(good, sizeof good, member, "ready", 5);
    snprintf(bad, sizeof bad, member, "gone", 5);
    snprintf(content, sizeof content,
             "{\"rsp\": \"state\", \"format\": 1, \"pools\": {\"x\": 3, \"p\": {\"c:1\": %s, "
             "\"d:1\": %s, "
             "\"E:01\": %s}}}",
             good, bad, good);
    write_file(&d, content);
    desk_start_anew(&d, &f);
    assert_string_equal(desk_members(&d, &f), "a:1 ready w1, b:1 ready w2, c:1 ready w5 api");
    static const char *const lines[] = {"/pools/x: is no object", "/pools/p/d:1: wish is not known",
                                        "/pools/p/E:01: \"E:01\" is written \"e:1\"",
                                        "kept as state.json.damaged"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (!strstr(text_string(&d.problems), lines[i])) fail_msg("%s", text_string(&d.problems));
    desk_start_anew(&d, &f); // from the file that was written since
    assert_string_equal(desk_members(&d, &f), "a:1 ready w1, b:1 ready w2, c:1 ready w5 api");
    unload(&f);
    desk_free(&d);
}

static void a_damaged_file_does_not_take_the_place_of_the_one_before(void **state) {
    (void)state;
    struct desk d = desk_new();
    struct fixture f = load_good(LIVE);
    char aside[128];
    for (int i = 1; i <= 3; i++) {
        write_file(&d, "{");
        desk_start_anew(&d, &f);
        if (i == 1)
            snprintf(aside, sizeof aside, "%s.damaged", d.path);
        else
            snprintf(aside, sizeof aside, "%s.damaged.%d", d.path, i);
        assert_int_equal(access(aside, R_OK), 0);
    }
    unload(&f);
    desk_free(&d);
}

// Every system call of an edit fails once: an edit is either done and saved, or refused and nowhere.
static void whatever_fails_no_edit_is_half_done(void **state) {
    (void)state;
    struct desk d = desk_new();
    struct fixture f = load_good(LIVE);
    desk_merge(&d, &f);
    assert_int_equal(desk_edit(&d, &f, "add c:1"), EDIT_DONE);
    fault.calls = 0;
    assert_int_equal(desk_edit(&d, &f, "drain a:1"), EDIT_DONE);
    int calls = fault.calls;
    assert_int_equal(calls, 4); // write, fsync, rename, fsync of the folder
    static const int errors[] = {ENOSPC, EIO};
    for (int i = 0; i < 2 * calls; i++) {
        char before[512];
        snprintf(before, sizeof before, "%s", desk_members(&d, &f));
        uint64_t version = table_version(d.table);
        fault.error = errors[i % 2];
        fault.countdown = i / 2 + 1;
        assert_int_equal(desk_edit(&d, &f, "drain b:1;add x:1"), EDIT_UNSAVED);
        assert_non_null(strstr(text_string(&d.why), strerror(errors[i % 2])));
        assert_string_equal(desk_members(&d, &f), before);
        assert_int_equal(table_version(d.table), version);
        desk_start_anew(&d, &f);
        assert_string_equal(text_string(&d.problems), "");
        assert_string_equal(desk_members(&d, &f), before);
        char edit[64];
        snprintf(edit, sizeof edit, "add n%d:1", i); // and the next one is done
        assert_int_equal(desk_edit(&d, &f, edit), EDIT_DONE);
    }
    unload(&f);
    desk_free(&d);
}

static void a_pool_that_left_the_file_leaves_its_members_in_a_copy(void **state) {
    (void)state;
    struct desk d = desk_new();
    struct fixture f = load_good(LIVE);
    desk_merge(&d, &f);
    assert_int_equal(desk_edit(&d, &f, "add c:1"), EDIT_DONE);
    unload(&f);
    f = load_good("pool \"q\" { \"a:1\", live = true } site \"*\" { to = pool \"q\" }");
    desk_start_anew(&d, &f);
    assert_non_null(strstr(text_string(&d.problems), "pool \"p\" is not in the route file"));
    char aside[128];
    snprintf(aside, sizeof aside, "%s.before", d.path);
    assert_int_equal(access(aside, R_OK), 0);
    unload(&f);
    desk_free(&d);
}

static void another_path_at_a_reload_gets_what_is_known_and_keeps_what_was_there(void **state) {
    (void)state;
    struct desk d = desk_new();
    struct fixture f = load_good(LIVE);
    desk_merge(&d, &f);
    assert_int_equal(desk_edit(&d, &f, "add c:1"), EDIT_DONE);
    strcat(d.path, "2");
    write_file(&d, "something older");
    state_open(d.state, open(d.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), d.path, &d.problems);
    desk_merge(&d, &f);
    assert_string_equal(text_string(&d.problems), "");
    desk_start_anew(&d, &f);
    assert_string_equal(desk_members(&d, &f), "a:1 ready w1, b:1 ready w2, c:1 ready w1 api");
    char aside[128];
    snprintf(aside, sizeof aside, "%s.before", d.path);
    assert_int_equal(access(aside, R_OK), 0);
    unload(&f);
    desk_free(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edits_survive_a_start),
        cmocka_unit_test(what_the_file_changed_while_rsp_was_stopped_wins),
        cmocka_unit_test(a_control_that_takes_over_puts_in_force_what_was_saved_but_not_published),
        cmocka_unit_test(a_damaged_file_is_reported_with_its_place_and_set_aside),
        cmocka_unit_test(what_is_good_of_a_damaged_file_is_in_force),
        cmocka_unit_test(a_damaged_file_does_not_take_the_place_of_the_one_before),
        cmocka_unit_test(whatever_fails_no_edit_is_half_done),
        cmocka_unit_test(a_pool_that_left_the_file_leaves_its_members_in_a_copy),
        cmocka_unit_test(another_path_at_a_reload_gets_what_is_known_and_keeps_what_was_there),
    };
    log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
