// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/files.h"
#include "core/hostname.h"
#include "routing/decide.h"
#include "routing/table_write.h"

// What routing costs: loading 100,000 sites, a decision among them, a hash choice among 100 and 1,000 members. A line for each:
// what, found, limit and unit, with tabs between; tests/bench/run puts them into its table. The exit status is 1 when a limit is
// passed (meant for release builds on a quiet machine).

enum { SITES = 100000, ROUNDS = 500000, TURNS = 8 };

static struct config *load(struct text *lua, size_t *bytes, double *seconds);
static double decide(const struct config *c, const char *pattern, int names);
static double choose(int members, bool weighted, int busy, int hot);
static struct table *put_in_table(struct config *c, int busy, int hot);
static double least(double a, double b);
static bool no_field(void *fields, struct slice name, unsigned nth, struct slice *value);
static int report(const char *what, double found, double limit, const char *unit);

int main(void) {
    struct text lua;
    size_t bytes = 0;
    double seconds = 0;
    int failed = 0;
    text_init(&lua, 64 << 20);
    text_printf(&lua, "local p = pool \"p\" { \"10.0.0.1:80\" }\n");
    for (int i = 0; i < SITES; i++)
        text_printf(&lua, "site \"customer%d.example.com\" { to = p }\n", i);
    struct config *c = load(&lua, &bytes, &seconds);
    failed |= report("loading 100,000 sites", seconds, 2, "s");
    failed |= report("memory of a site", (double)bytes / SITES, 200 + 28, "B with its name of 28");
    failed |= report("a decision", decide(c, "customer%d.example.com", SITES), 1000, "ns");
    failed |=
        report("a name that nobody has", decide(c, "a.b.c.d%d.example.net", SITES), 1000, "ns");
    config_free(c);
    text_fini(&lua);
    text_init(&lua, 1 << 16);
    text_printf(&lua,
                "local p = pool \"p\" { \"10.0.0.1:80\" }\nsite \"*\" { route = function(req)\n"
                "if req.host:find(\"b\", 1, true) then return nil end return p end }\n"
                "site \"paths.example\" { paths = { [\"/\"] = { to = p }, "
                "[\"/user/*/webapps/{domain}/reload\"] = "
                "{ to = p }, [\"/static/*\"] = { to = p } } }");
    c = load(&lua, &bytes, &seconds);
    failed |=
        report("a decision by a function", decide(c, "customer%d.example.com", 1000), 5000, "ns");
    failed |= report("a decision by path", decide(c, "paths.example", 1000), 1000, "ns");
    config_free(c);
    text_fini(&lua);
    failed |= report("hash choice among 100", choose(100, false, 0, 0), 1000, "ns");
    failed |= report("hash choice among 1,000", choose(1000, false, 0, 0), 5000, "ns");
    failed |= report("hash choice among 100, weighted", choose(100, true, 0, 0), 1000, "ns");
    failed |= report("hash choice among 1,000, weighted", choose(1000, true, 0, 0), 5000, "ns");
    failed |= report("the same, bounded, all at work, 100", choose(100, true, 3, 0), 1000, "ns");
    failed |= report("the same, bounded, all at work, 1,000", choose(1000, true, 3, 0), 5000, "ns");
    failed |= report("the same, half of them too busy, 100", choose(100, true, 3, 2), 1000, "ns");
    failed |=
        report("the same, half of them too busy, 1,000", choose(1000, true, 3, 2), 5000, "ns");
    return failed;
}

static struct config *load(struct text *lua, size_t *bytes, double *seconds) {
    struct files *files = files_new();
    struct text errors;
    text_init(&errors, 1 << 20);
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    uint64_t begin = clock_read_us();
    struct config *c = config_load_text(files, "rsp.lua", text_slice(lua), &errors);
    *seconds = (double)(clock_read_us() - begin) / 1e6;
    if (!c) fputs(text_string(&errors), stderr), exit(2);
    text_fini(&errors);
    files_free(files); // the text of the route file
    *bytes = mallinfo2().uordblks + mallinfo2().hblkhd - before;
    return c;
}

static double least(double a, double b) {
    return a < b ? a : b;
}

static double decide(const struct config *c, const char *pattern, int names) {
    struct arena *a = arena_new(4096, 1 << 20);
    struct address client;
    struct route_answer answer;
    char(*hosts)[64] = malloc((size_t)names * sizeof *hosts);
    if (!hosts) exit(2);
    for (int i = 0; i < names; i++) snprintf(hosts[i], sizeof *hosts, pattern, (i * 7919) % names);
    address_parse(SLICE("192.0.2.1:1"), &client);
    struct route_request r = {.method = SLICE("GET"),
                              .path = SLICE("/"),
                              .uri = SLICE("/"),
                              .client = &client,
                              .field = no_field};
    double best = 1e9;
    for (int turn = 0; turn < TURNS; turn++) {
        arena_reset(a);
        uint64_t begin = clock_read_us();
        for (int i = 0; i < ROUNDS; i++) {
            if (i % 64 == 0) arena_reset(a);
            r.host = slice_of(hosts[i % names]);
            route_decide(c, &r, a, &answer);
        }
        best = least(best, (double)(clock_read_us() - begin) * 1000 / ROUNDS);
    }
    arena_free(a);
    free(hosts);
    return best;
}

// Each member has busy requests in flight for each of its weight; every second one `hot` times as many more.
static double choose(int members, bool weighted, int busy, int hot) {
    struct text lua;
    size_t bytes;
    double seconds;
    text_init(&lua, 1 << 20);
    text_printf(&lua, "pool \"p\" { balance = \"hash\", key = \"{host}\", bound = %s,\n",
                busy ? "1.25" : "0");
    for (int i = 0; i < members; i++)
        text_printf(&lua, "{ \"10.%d.%d.1:80\", weight = %d },\n", i / 250, i % 250,
                    weighted ? i % 7 + 1 : 1);
    text_printf(&lua, "} site \"*\" { to = pool \"p\" }");
    struct config *c = load(&lua, &bytes, &seconds);
    struct route_answer answer = {.kind = ANSWER_POOL, .pool = c->pools[0], .key = SLICE("k")};
    struct table *table = put_in_table(c, busy, hot);
    const int rounds = ROUNDS / members;
    double best = 1e9;
    for (int turn = 0; turn < TURNS; turn++) {
        uint64_t begin = clock_read_us();
        for (int i = 0; i < rounds; i++) {
            answer.key_hash = (uint64_t)i * 0x9e3779b97f4a7c15;
            pool_choose(answer.pool, &answer, &(struct left_out){0}, NULL);
        }
        best = least(best, (double)(clock_read_us() - begin) * 1000 / rounds);
    }
    config_free(c);
    free(table);
    text_fini(&lua);
    return best;
}

static struct table *put_in_table(struct config *c, int busy, int hot) {
    struct table *t = aligned_alloc(64, (table_bytes() + 63) / 64 * 64);
    static uint32_t row[TABLE_SLOTS_MAX];
    if (!t) exit(2);
    memset(t, 0, table_bytes());
    struct table_writer *w = table_writer_new(t);
    struct pool *p = c->pools[0];
    struct table_entry *entries = calloc(p->configured_count, sizeof *entries);
    for (size_t i = 0; entries && i < p->configured_count; i++) {
        const struct member_conf *m = &p->configured[i];
        entries[i] = (struct table_entry){.weight = m->settings.weight, .live = m->settings};
        if (!table_take_slot(w, slice_of(m->text), &entries[i].slot)) exit(2);
        *table_in_flight(t, entries[i].slot) =
            (uint32_t)(busy + (i % 2 ? busy * hot : 0)) * m->settings.weight;
    }
    table_publish(w, table_add_pool(w, slice_of(p->table_name)), entries, p->configured_count);
    config_attach(c, t, row);
    free(entries);
    table_writer_free(w);
    return t;
}

static bool no_field(void *fields, struct slice name, unsigned nth, struct slice *value) {
    (void)fields, (void)name, (void)nth, (void)value;
    return false;
}

static int report(const char *what, double found, double limit, const char *unit) {
    printf("%s\t%.2f\t%.0f\t%s\n", what, found, limit, unit);
    return found > limit;
}
