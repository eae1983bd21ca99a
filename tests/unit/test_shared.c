// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/shared.h"

enum { OPEN, TOTAL, COUNTERS };
enum { ROWS = 3 };

static const struct shared_area areas[] = {
    {"keys", 100, 1},
    {"in flight", 8, ROWS},
    {"empty", 0, 1},
    {"last", 1, 1},
};
static const struct shared_plan plan = {ROWS, COUNTERS, areas, 4};

static void everything_has_its_own_cache_lines(void **state) {
    (void)state;
    struct shared *s = shared_new(&plan);
    assert_non_null(s);
    char *places[] = {
        (char *)shared_counters(s, 0),  (char *)shared_counters(s, 1),
        (char *)shared_counters(s, 2),  shared_area(s, "keys"),
        shared_slot(s, "in flight", 0), shared_slot(s, "in flight", 1),
        shared_slot(s, "in flight", 2), shared_area(s, "last"),
    };
    const size_t sizes[] = {16, 16, 16, 100, 8, 8, 8, 1};
    static const char zeros[128];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_int_equal((uintptr_t)places[i] % 64, 0);
        assert_memory_equal(places[i], zeros, sizes[i]);
        memset(places[i], (int)i + 1, sizes[i]);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t k = 0; k < sizes[i]; k++) assert_int_equal(places[i][k], i + 1);
    assert_ptr_equal(shared_area(s, "keys"), places[3]);
    shared_free(s);
}

// Adds to the counters of a row in a process of its own.
static void count_in_child(struct shared *s, unsigned row, uint64_t open, uint64_t total) {
    pid_t pid = fork();
    if (pid == 0) {
        uint64_t *counters = shared_counters(s, row);
        counters[OPEN] += open;
        counters[TOTAL] += total;
        memcpy(shared_slot(s, "in flight", row), "written", 8);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void rows_of_processes_are_summed(void **state) {
    (void)state;
    struct shared *s = shared_new(&plan);
    count_in_child(s, 0, 5, 10);
    count_in_child(s, 1, (uint64_t)-2, 20);
    count_in_child(s, 2, 0, 30);
    assert_int_equal(shared_sum(s, OPEN), 3);
    assert_int_equal(shared_sum(s, TOTAL), 60);
    assert_string_equal(shared_slot(s, "in flight", 1), "written");
    shared_clear_counter(s, 0, OPEN);
    assert_true(shared_sum(s, OPEN) == (uint64_t)-2);
    assert_int_equal(shared_sum(s, TOTAL), 60);
    shared_free(s);
}

static void a_plan_over_the_maximum_is_refused(void **state) {
    (void)state;
    const struct shared_area too_large[] = {{"a", SHARED_BYTES_MAX, 1}, {"b", 1, 1}};
    const struct shared_area too_many[] = {{"a", 1, (size_t)-1 / 32}};
    const struct shared_area product[] = {{"a", 1 << 20, 513}};
    const struct shared_plan bad[] = {
        {0, 0, too_large, 2}, {0, 0, too_many, 1}, {0, 0, product, 1}};
    for (size_t i = 0; i < 3; i++) {
        errno = 0;
        assert_null(shared_new(&bad[i]));
        assert_int_equal(errno, EFBIG);
    }
    const struct shared_plan just = {0, 0, too_large, 1};
    shared_free(shared_new(&just));
}

static void an_empty_plan_is_a_segment_too(void **state) {
    (void)state;
    const struct shared_plan none = {0};
    struct shared *s = shared_new(&none);
    assert_non_null(s);
    shared_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_has_its_own_cache_lines),
        cmocka_unit_test(rows_of_processes_are_summed),
        cmocka_unit_test(a_plan_over_the_maximum_is_refused),
        cmocka_unit_test(an_empty_plan_is_a_segment_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
