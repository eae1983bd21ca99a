// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/conf.h"
#include "tools/number.h"
#include "tools/rspctl.h"

// What runs, ending it, and a view of all that goes on.

enum { TOP_REQUESTS = 10, PATH_SHOWN = 48 };

static json_t *ask_requests(const struct call *c, int *status);
static void show_requests(const json_t *list, size_t most);
static int by_age(const void *a, const void *b);
static const char *text_of(const json_t *object, const char *key);
static long long number_of(const json_t *object, const char *key);
static int print_top(const struct call *c);
static int show_top(const struct call *c, json_t **before);
static void show_rates(const json_t *before, const json_t *now);

int run_requests(const struct call *c) {
    int status;
    json_t *answer = ask_requests(c, &status);
    if (answer && c->as_json)
        ctl_print_json(answer);
    else if (answer)
        show_requests(answer, SIZE_MAX);
    json_decref(answer);
    return status;
}

static json_t *ask_requests(const struct call *c, int *status) {
    char path[64];
    snprintf(path, sizeof path, "/v1/requests?slower=%u", c->slower_ms);
    json_t *answer = ctl_ask(c, "GET", path, NULL, status);
    long long missing = number_of(answer, "workers") - number_of(answer, "answered");
    if (answer && missing > 0) {
        fprintf(stderr, "rspctl: %lld workers did not answer in time\n", missing);
        *status = CTL_PROBLEMS;
    }
    return answer;
}

// The oldest first.
static void show_requests(const json_t *list, size_t most) {
    const json_t *all = json_object_get(list, "requests");
    size_t count = json_array_size(all);
    const json_t **sorted = calloc(count + 1, sizeof *sorted);
    if (!sorted) return;
    for (size_t i = 0; i < count; i++) sorted[i] = json_array_get(all, i);
    qsort(sorted, count, sizeof *sorted, by_age);
    printf("%9s %-18s %-24s %-21s %-6s %s\n", "AGE", "STEP", "ID", "BACKEND", "METHOD", "URL");
    for (size_t i = 0; i < count && i < most; i++) {
        const json_t *x = sorted[i];
        printf("%8.1fs %-18s %-24s %-21s %-6s %s%.*s\n", (double)number_of(x, "age_ms") / 1000,
               text_of(x, "step"), text_of(x, "id"), text_of(x, "backend"), text_of(x, "method"),
               text_of(x, "host"), PATH_SHOWN, text_of(x, "path"));
    }
    free(sorted);
}

static int by_age(const void *a, const void *b) {
    long long x = number_of(*(const json_t *const *)a, "age_ms");
    long long y = number_of(*(const json_t *const *)b, "age_ms");
    return (x < y) - (x > y);
}

int run_kill(const struct call *c) {
    if (!c->argv[0][0]) return ctl_wrong_word("kill", "needs the ID of a request");
    struct text path;
    int status;
    text_init(&path, 4096);
    text_add(&path, SLICE("/v1/requests"));
    ctl_add_segment(&path, c->argv[0]);
    json_t *answer = ctl_ask(c, "DELETE", text_string(&path), NULL, &status);
    text_fini(&path);
    if (answer && c->as_json) ctl_print_json(answer);
    json_decref(answer);
    return status;
}

// --- top ---

int run_top(const struct call *c) {
    json_t *before = NULL;
    unsigned rounds = 0; // without end
    int status = CTL_GOOD;
    if (c->argc == 1 && !number_parse("top", c->argv[0], 1, 1000000, &rounds)) return ctl_usage();
    for (unsigned i = 0; status == CTL_GOOD && (rounds == 0 || i < rounds); i++) {
        if (i > 0) nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
        if (isatty(STDOUT_FILENO) && !c->as_json) fputs("\033[H\033[J", stdout);
        status = c->as_json ? print_top(c) : show_top(c, &before);
        fflush(stdout);
    }
    json_decref(before);
    return status;
}

// --json: a line for each round.
static int print_top(const struct call *c) {
    static const char *const PAGES[][2] = {
        {"status", "/v1/status"}, {"pools", "/v1/pools"}, {"requests", "/v1/requests"}};
    json_t *round = json_object();
    int status = CTL_GOOD;
    for (size_t i = 0; i < sizeof PAGES / sizeof *PAGES && status == CTL_GOOD; i++)
        json_object_set_new(round, PAGES[i][0], ctl_ask(c, "GET", PAGES[i][1], NULL, &status));
    if (status == CTL_GOOD) json_dumpf(round, stdout, JSON_COMPACT);
    if (status == CTL_GOOD) putchar('\n');
    json_decref(round);
    return status;
}

static int show_top(const struct call *c, json_t **before) {
    int status;
    json_t *now = ctl_ask(c, "GET", "/v1/status", NULL, &status);
    if (!now) return status;
    show_rates(*before, now);
    json_decref(*before);
    *before = now;
    putchar('\n');
    status = run_pools(c);
    if (status != CTL_GOOD) return status;
    putchar('\n');
    json_t *requests = ask_requests(c, &status);
    if (requests) show_requests(requests, TOP_REQUESTS);
    json_decref(requests);
    return requests ? CTL_GOOD : status;
}

static void show_rates(const json_t *before, const json_t *now) {
    static const char *const RATES[][2] = {
        {"requests", "requests_total"}, {"2xx", "answers_2xx_total"},
        {"3xx", "answers_3xx_total"},   {"4xx", "answers_4xx_total"},
        {"5xx", "answers_5xx_total"},   {"retries", "backend_retries_total"}};
    const json_t *counters = json_object_get(now, "counters");
    const json_t *old = before ? json_object_get(before, "counters") : counters;
    printf("generation %lld, %zu workers, up %lld s, %lld client connections\n",
           number_of(now, "generation"), json_array_size(json_object_get(now, "workers")),
           number_of(now, "uptime_s"), number_of(counters, "client_connections"));
    printf("a second:");
    for (size_t i = 0; i < sizeof RATES / sizeof RATES[0]; i++)
        printf("  %s %lld", RATES[i][0],
               number_of(counters, RATES[i][1]) - number_of(old, RATES[i][1]));
    putchar('\n');
}

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "-";
}

static long long number_of(const json_t *object, const char *key) {
    return json_integer_value(json_object_get(object, key));
}
