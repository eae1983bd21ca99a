// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "certcheck/walk.h"

#include <stdlib.h>

#include "core/check.h"

struct walk {
    struct trial *trial;
    walk_order_fn *order;
    walk_found_fn *found;
    void *arg;
    unsigned char *distances; // of names to anchors
    bool has_anchor;          // then ways that lead to none are passed over
    size_t length_max;
    int visits;
    bool is_over;
    struct path path;
    uint32_t numbers[PATH_LENGTH_MAX];
};

static void follow(struct walk *w);
static size_t collect_issuers(struct walk *w, uint32_t below, uint32_t *issuers);
static bool may_follow(const struct walk *w, uint32_t below, uint32_t number);
static void take(struct walk *w, uint32_t number);

bool walk_up(struct trial *t, walk_order_fn *order, walk_found_fn *found, void *arg) {
    struct walk w = {.trial = t, .order = order, .found = found, .arg = arg};
    const struct version *leaf = graph_version(t->graph, t->leaf_number);
    w.distances = calloc(graph_names(t->graph), 1);
    CHECK(w.distances);
    graph_reach(t->graph, 0, NULL, NULL, w.distances);
    w.has_anchor = leaf->is_anchor || w.distances[leaf->issuer] > 0;
    w.length_max = (w.has_anchor ? w.distances[leaf->issuer] + 1u : 2) + WALK_DETOUR_MAX;
    if (w.length_max > PATH_LENGTH_MAX) w.length_max = PATH_LENGTH_MAX;
    w.path = (struct path){.steps = {&leaf->step}, .length = 1, .bits = STRENGTH_MAX};
    w.numbers[0] = t->leaf_number;
    if (leaf->is_anchor)
        found(arg, &w.path, true);
    else
        follow(&w);
    free(w.distances);
    return w.visits < WALK_VISITS_MAX;
}

static void follow(struct walk *w) {
    uint32_t issuers[WALK_ISSUERS_MAX], below = w->numbers[w->path.length - 1];
    size_t count = w->path.length < w->length_max ? collect_issuers(w, below, issuers) : 0;
    if (count == 0 && !w->has_anchor) w->is_over = !w->found(w->arg, &w->path, false);
    for (size_t i = 0; i < count && !w->is_over; i++) {
        const struct path before = w->path;
        take(w, issuers[i]);
        if (!graph_version(w->trial->graph, issuers[i])->is_anchor)
            follow(w);
        else
            w->is_over = !w->found(w->arg, &w->path, true);
        w->path = before;
    }
}

// In order. The graph lists versions of a name with the last one first.
static size_t collect_issuers(struct walk *w, uint32_t below, uint32_t *issuers) {
    struct graph *g = w->trial->graph;
    size_t count = 0;
    for (uint32_t n = graph_first(g, graph_version(g, below)->issuer); n != GRAPH_NOBODY;
         n = graph_version(g, n)->next) {
        if (++w->visits >= WALK_VISITS_MAX) w->is_over = true;
        if (w->is_over || count == WALK_ISSUERS_MAX) break;
        if (!may_follow(w, below, n)) continue;
        size_t i = count++;
        for (; i > 0; i--) {
            int order = w->order ? w->order(w->trial, below, n, issuers[i - 1]) : 0;
            if (order > 0 || (order == 0 && n > issuers[i - 1])) break;
            issuers[i] = issuers[i - 1];
        }
        issuers[i] = n;
    }
    return count;
}

static bool may_follow(const struct walk *w, uint32_t below, uint32_t number) {
    struct graph *g = w->trial->graph;
    const struct version *v = graph_version(g, number);
    size_t rest = w->distances[v->issuer];
    if (!v->is_anchor && w->has_anchor && (rest == 0 || w->path.length + 1 + rest > w->length_max))
        return false;
    for (size_t i = 0; i < w->path.length; i++)
        if (graph_version(g, w->numbers[i])->entity == v->entity) return false;
    return trial_may_issue(w->trial, number, below);
}

static void take(struct walk *w, uint32_t number) {
    size_t depth = w->path.length++;
    int bits = trial_bits(w->trial, number, w->numbers[depth - 1]);
    w->numbers[depth] = number;
    w->path.steps[depth] = &graph_version(w->trial->graph, number)->step;
    if (bits < w->path.bits) w->path.bits = bits;
}
