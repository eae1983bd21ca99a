// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "server/admin_pages.h"

enum { PAGE_MAX = 1 << 20 };

static void counters_of_all_workers_are_summed(void **state) {
    (void)state;
    struct scoreboard *b = scoreboard_new();
    count_add(scoreboard_counters(b, ROW_FIRST_WORKER), COUNT_REQUESTS, 5);
    count_add(scoreboard_counters(b, WORKERS_MAX), COUNT_REQUESTS, 7);
    count_add(scoreboard_counters(b, ROW_CONTROL), COUNT_REQUESTS, 100); // its own pages
    assert_int_equal(scoreboard_sum(b, COUNT_REQUESTS), 12);
    scoreboard_free(b);
}

static void what_a_dead_worker_had_open_is_forgotten_and_its_totals_are_not(void **state) {
    (void)state;
    struct scoreboard *b = scoreboard_new();
    count_add(scoreboard_counters(b, 1), COUNT_CLIENTS_OPEN, 3);
    count_add(scoreboard_counters(b, 1), COUNT_CLIENTS, 9);
    scoreboard_clear_gauges(b, 1);
    assert_int_equal(scoreboard_sum(b, COUNT_CLIENTS_OPEN), 0);
    assert_int_equal(scoreboard_sum(b, COUNT_CLIENTS), 9);
    scoreboard_free(b);
}

static void a_worker_with_many_more_clients_than_the_others_is_ahead(void **state) {
    (void)state;
    struct scoreboard *b = scoreboard_new();
    count_add(scoreboard_counters(b, 1), COUNT_CLIENTS_OPEN, 100);
    assert_false(scoreboard_is_ahead(b, 1)); // nobody has said that there are others
    scoreboard_set_workers(b, 1);
    assert_false(scoreboard_is_ahead(b, 1));
    scoreboard_set_workers(b, 2);
    assert_true(scoreboard_is_ahead(b, 1));
    assert_false(scoreboard_is_ahead(b, 2));
    count_add(scoreboard_counters(b, 2), COUNT_CLIENTS_OPEN, 90);
    assert_false(scoreboard_is_ahead(b, 1));
    scoreboard_free(b);
}

static void every_counter_has_a_name_and_a_line_of_metrics(void **state) {
    (void)state;
    struct scoreboard *b = scoreboard_new();
    count_add(scoreboard_counters(b, 1), COUNT_FAIL_NO_SITE, 4);
    struct text page;
    text_init(&page, PAGE_MAX);
    admin_write_metrics(b, 3, &page);
    for (int i = 0; i < COUNTER_COUNT; i++) {
        assert_int_equal(counter_is_failure((enum counter)i), i >= COUNTER_FIRST_FAILURE);
        assert_non_null(strstr(text_string(&page), counter_name((enum counter)i)));
        assert_true(counter_help((enum counter)i)[0] != '\0');
    }
    assert_non_null(strstr(text_string(&page), "\nrsp_failures_total{reason=\"NO_SITE\"} 4\n"));
    assert_non_null(strstr(text_string(&page), "\nrsp_generation 3\n"));
    assert_non_null(strstr(text_string(&page), "# TYPE rsp_client_connections gauge\n"));
    assert_non_null(strstr(text_string(&page), "# TYPE rsp_requests_total counter\n"));
    text_fini(&page);
    scoreboard_free(b);
}

static void status_lists_the_processes_there_are(void **state) {
    (void)state;
    struct scoreboard *b = scoreboard_new();
    *scoreboard_row(b, 2) = (struct process_row){.pid = 4711, .generation = 3, .deaths = 1};
    struct text page;
    text_init(&page, PAGE_MAX);
    admin_write_status(b, 3, NULL, SLICE(" \"more\": 1,\n"), &page);
    assert_non_null(strstr(text_string(&page), "\n \"more\": 1,\n"));
    assert_non_null(strstr(text_string(&page), "{\"generation\": 3, "));
    assert_non_null(
        strstr(text_string(&page), "{\"number\": 2, \"pid\": 4711, \"generation\": 3, "));
    assert_null(strstr(text_string(&page), "{\"number\": 1, "));
    text_fini(&page);
    scoreboard_free(b);
}

static void the_end_of_a_reload_is_json_whatever_the_lines_hold(void **state) {
    (void)state;
    struct text page;
    text_init(&page, PAGE_MAX);
    admin_write_reload(1, SLICE("a.lua:1: \"x\"\n\\\t\n"), &page);
    assert_string_equal(
        text_string(&page),
        "{\"ok\": false, \"exit\": 1, \"errors\": [\n  \"a.lua:1: \\u0022x\\u0022\",\n"
        "  \"\\u005c\\u0009\"], \"problems\": []}\n");
    text_clear(&page);
    admin_write_reload(3, SLICE("bad.pem: expired\n"), &page);
    assert_string_equal(text_string(&page), "{\"ok\": true, \"exit\": 3, \"errors\": [], "
                                            "\"problems\": [\n  \"bad.pem: expired\"]}\n");
    text_clear(&page);
    admin_write_reload(0, (struct slice){0}, &page);
    assert_string_equal(text_string(&page),
                        "{\"ok\": true, \"exit\": 0, \"errors\": [], \"problems\": []}\n");
    text_fini(&page);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_of_all_workers_are_summed),
        cmocka_unit_test(what_a_dead_worker_had_open_is_forgotten_and_its_totals_are_not),
        cmocka_unit_test(a_worker_with_many_more_clients_than_the_others_is_ahead),
        cmocka_unit_test(every_counter_has_a_name_and_a_line_of_metrics),
        cmocka_unit_test(status_lists_the_processes_there_are),
        cmocka_unit_test(the_end_of_a_reload_is_json_whatever_the_lines_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
