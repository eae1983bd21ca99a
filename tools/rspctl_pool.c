// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/rspctl.h"

// What there is: pools, the members of one, what differs from the route file.

enum { AGE_MAX = 24 };

typedef void each_pool_fn(const struct call *c, const json_t *pool, void *arg);

static int for_each_pool(const struct call *c, each_pool_fn *each, void *arg);
static int show_pool(const struct call *c, const char *name);
static void show_summary(const struct call *c, const json_t *pool, void *arg);
static void show_members(const json_t *pool);
static void show_member(const json_t *m, int width);
static void show_differences(const struct call *c, const json_t *pool, void *arg);
static bool differs(const json_t *m);
static void show_difference(const json_t *m);
static json_t *json_of_lua(const char *text);
static int width_of(const json_t *members);
static bool is_text(const json_t *object, const char *key, const char *wanted);
static long long number_of(const json_t *object, const char *key);
static const char *age_of(long long since, char buf[AGE_MAX]);

int run_pools(const struct call *c) {
    json_t *all = json_array();
    if (!c->as_json)
        printf("%-24s %-12s %-5s %8s %8s %10s\n", "POOL", "BALANCE", "LIVE", "MEMBERS", "ABLE",
               "IN FLIGHT");
    int status = for_each_pool(c, show_summary, all);
    if (c->as_json && status == CTL_GOOD) ctl_print_json(all);
    json_decref(all);
    return status;
}

static int for_each_pool(const struct call *c, each_pool_fn *each, void *arg) {
    int status = CTL_GOOD;
    long long after = 0;
    while (status == CTL_GOOD && after >= 0) {
        char path[64];
        snprintf(path, sizeof path, "/v1/pools?after=%lld", after);
        json_t *page = ctl_ask(c, "GET", path, NULL, &status);
        const json_t *next = json_object_get(page, "next"), *pools = json_object_get(page, "pools");
        for (size_t i = 0; i < json_array_size(pools); i++) each(c, json_array_get(pools, i), arg);
        after = json_integer_value(next) > after ? json_integer_value(next) : -1;
        json_decref(page);
    }
    return status;
}

static void show_summary(const struct call *c, const json_t *pool, void *arg) {
    if (c->as_json) {
        json_array_append(arg, (json_t *)pool);
        return;
    }
    bool is_live = json_is_true(json_object_get(pool, "live"));
    printf("%-24s %-12s %-5s %8lld %8lld %10lld\n", ctl_text_of(pool, "name"),
           ctl_text_of(pool, "balance"), is_live ? "yes" : "no", number_of(pool, "count"),
           number_of(pool, "able"), number_of(pool, "in_flight"));
}

int run_pool(const struct call *c) {
    if (!c->argv[0][0]) return ctl_wrong_word("pool", "needs the name of a pool");
    if (c->argc == 1) return show_pool(c, c->argv[0]);
    if (is_pause_verb(c->argv[1])) return pause_pool(c, c->argv[0], c->argv[1]);
    return edit_pool(c, c->argv[0], c->argv[1]);
}

static int show_pool(const struct call *c, const char *name) {
    int status;
    char *path = ctl_path(name, "");
    json_t *pool = ctl_ask(c, "GET", path, NULL, &status);
    free(path);
    if (pool && c->as_json)
        ctl_print_json(pool);
    else if (pool)
        show_members(pool);
    json_decref(pool);
    return status;
}

static void show_members(const json_t *pool) {
    const json_t *members = json_object_get(pool, "members");
    int width = width_of(members);
    printf("%-*s %-6s %-8s %-8s %-8s %-11s %10s\n", width, "MEMBER", "ORIGIN", "WISH", "HEALTH",
           "SINCE", "WEIGHT/FILE", "IN FLIGHT");
    for (size_t i = 0; i < json_array_size(members); i++)
        show_member(json_array_get(members, i), width);
}

static int width_of(const json_t *members) {
    size_t width = strlen("MEMBER");
    for (size_t i = 0; i < json_array_size(members); i++) {
        size_t len = strlen(ctl_text_of(json_array_get(members, i), "address"));
        if (len > width) width = len;
    }
    return (int)width;
}

static void show_member(const json_t *m, int width) {
    char weights[32], age[AGE_MAX];
    const json_t *file = json_object_get(m, "file");
    long long weight = number_of(m, "weight"), tier = number_of(m, "priority");
    if (json_is_object(file))
        snprintf(weights, sizeof weights, "%lld/%lld", weight, number_of(file, "weight"));
    else
        snprintf(weights, sizeof weights, "%lld/-", weight);
    printf("%-*s %-6s %-8s %-8s %-8s %-11s %10lld", width, ctl_text_of(m, "address"),
           ctl_text_of(m, "origin"), ctl_text_of(m, "wish"), ctl_text_of(m, "health"),
           age_of(number_of(m, "since"), age), weights, number_of(m, "in_flight"));
    if (tier > 0) printf(tier == 1 ? "  backup" : "  priority=%lld", tier);
    if (number_of(m, "max_connections") > 0)
        printf("  max_connections=%lld", number_of(m, "max_connections"));
    putchar('\n');
    if (json_is_string(json_object_get(m, "reason"))) printf("  %s\n", ctl_text_of(m, "reason"));
}

// --- live against file ---

struct differing {
    int status;
    bool has_any;
    json_t *all; // of --json
};

int run_diff(const struct call *c) {
    struct differing d = {.all = json_array()};
    int status = for_each_pool(c, show_differences, &d);
    if (status == CTL_GOOD) status = d.status;
    if (c->as_json && status == CTL_GOOD) ctl_print_json(d.all);
    json_decref(d.all);
    return status == CTL_GOOD && d.has_any ? CTL_FAILED : status;
}

static void show_differences(const struct call *c, const json_t *pool, void *arg) {
    struct differing *d = arg;
    if (d->status != CTL_GOOD) return;
    char *path = ctl_path(ctl_text_of(pool, "name"), "");
    json_t *whole = ctl_ask(c, "GET", path, NULL, &d->status);
    const json_t *members = json_object_get(whole, "members");
    for (size_t i = 0; i < json_array_size(members); i++) {
        json_t *m = json_array_get(members, i);
        if (!differs(m)) continue;
        d->has_any = true;
        json_object_set(m, "pool", json_object_get(pool, "name"));
        if (c->as_json)
            json_array_append(d->all, m);
        else
            show_difference(m);
    }
    json_decref(whole);
    free(path);
}

static bool differs(const json_t *m) {
    const char *key;
    json_t *value, *file = json_object_get(m, "file");
    json_object_foreach(file, key,
                        value) if (!json_equal(value, json_object_get(m, key))) return true;
    return is_text(m, "origin", "api") || !is_text(m, "wish", "ready");
}

// "+": not in the file, "-": taken out of it by an edit, "~": with other settings, or not ready.
static void show_difference(const json_t *m) {
    const char *key;
    json_t *value, *file = json_object_get(m, "file");
    char sign = is_text(m, "origin", "api") ? '+' : is_text(m, "wish", "removed") ? '-' : '~';
    printf("%s: %c %s", ctl_text_of(m, "pool"), sign, ctl_text_of(m, "address"));
    if (sign == '+') printf(" weight=%lld", number_of(m, "weight"));
    if (sign != '-' && !is_text(m, "wish", "ready")) printf(" %s", ctl_text_of(m, "wish"));
    if (sign == '~') json_object_foreach(file, key, value) {
            long long from = json_integer_value(value), to = number_of(m, key);
            if (from != to) printf(" %s %lld -> %lld", key, from, to);
        }
    putchar('\n');
}

int run_save(const struct call *c) {
    return ctl_show_page(c, "/v1/lua", c->as_json ? json_of_lua : NULL);
}

static json_t *json_of_lua(const char *text) {
    return json_pack("{s:s}", "lua", text);
}

// --- values ---

static bool is_text(const json_t *object, const char *key, const char *wanted) {
    return strcmp(ctl_text_of(object, key), wanted) == 0;
}

static long long number_of(const json_t *object, const char *key) {
    return json_integer_value(json_object_get(object, key));
}

static const char *age_of(long long since, char buf[AGE_MAX]) {
    static const struct {
        long long seconds;
        char letter;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    long long age = (long long)time(NULL) - since;
    if (age < 0) age = 0;
    size_t i = 0;
    while (i < 3 && age < 2 * units[i].seconds) i++;
    snprintf(buf, AGE_MAX, "%lld%c", age / units[i].seconds, units[i].letter);
    return buf;
}
