// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <stdlib.h>

#include "routing/loader.h"
#include "routing/path.h"
#include "routing/route_test.h"

// Which rules of a route file its tests have asked.

enum { LINES_MAX = 20 };

struct coverage {
    struct pointers *asked; // sorted
    size_t count, missed;
    struct text *out;
};

static void look_at(struct coverage *c, const struct site *site, const struct rule *rule);
static bool was_asked(const struct coverage *c, const struct rule *rule);
static int by_address(const void *a, const void *b);

void coverage_report(const struct config *config, struct pointers *asked, struct text *out) {
    struct text missing;
    text_init(&missing, 1 << 16);
    struct coverage c = {.asked = asked, .out = &missing};
    if (asked->count > 0) qsort(asked->at, asked->count, sizeof *asked->at, by_address);
    for (size_t i = 0; i < config->site_count; i++) {
        const struct site *site = config->sites[i];
        bool has_paths = site->rule->action == ACTION_PATHS;
        size_t paths = has_paths ? path_tree_count(site->rule->paths) : 0;
        for (size_t k = 0; k < paths; k++) look_at(&c, site, path_tree_rule(site->rule->paths, k));
        if (!has_paths) look_at(&c, site, site->rule);
    }
    text_printf(out, "coverage: %zu of %zu rules\n", c.count - c.missed, c.count);
    text_add(out, text_slice(&missing));
    if (c.missed > LINES_MAX) text_printf(out, "  not asked: %zu more\n", c.missed - LINES_MAX);
    text_fini(&missing);
}

static void look_at(struct coverage *c, const struct site *site, const struct rule *rule) {
    c->count++;
    if (was_asked(c, rule) || c->missed++ >= LINES_MAX) return;
    const struct place *place = rule->pattern ? &rule->place : &site->place;
    text_printf(c->out, "  not asked: site \"%s\"", site->name);
    if (rule->pattern) text_printf(c->out, ", path \"%s\"", rule->pattern);
    text_printf(c->out, " (%s:%d)\n", place->file, place->line);
}

static bool was_asked(const struct coverage *c, const struct rule *rule) {
    const struct pointers *asked = c->asked;
    return asked->count > 0 &&
           bsearch(&rule, asked->at, asked->count, sizeof *asked->at, by_address);
}

static int by_address(const void *a, const void *b) {
    uintptr_t x = (uintptr_t) * (void *const *)a, y = (uintptr_t) * (void *const *)b;
    return x < y ? -1 : x > y;
}
