// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/chain/ranking.h"

#include <stdlib.h>
#include <string.h>

#include "core/check.h"

struct ranking {
    uint32_t *numbers; // by name, then in order
    size_t *first;     // of each name, its place among the numbers; one more than there are names
};
// What is sorted.
struct place {
    const struct version *version;
    uint32_t number;
};

static struct place *list_places(struct graph *g);
static int compare(const void *a, const void *b);

struct ranking *ranking_new(struct graph *g) {
    struct ranking *r = malloc(sizeof *r);
    size_t count = graph_count(g), names = graph_names(g);
    struct place *places = list_places(g);
    CHECK(r);
    r->numbers = calloc(count + 1, sizeof *r->numbers);
    r->first = calloc(names + 1, sizeof *r->first);
    CHECK(r->numbers && r->first);
    qsort(places, count, sizeof *places, compare);
    for (size_t k = 0; k < count; k++) {
        r->numbers[k] = places[k].number;
        r->first[places[k].version->subject + 1] = k + 1;
    }
    // A name without versions begins where the one before it ends.
    for (size_t name = 1; name <= names; name++)
        if (r->first[name] < r->first[name - 1]) r->first[name] = r->first[name - 1];
    free(places);
    return r;
}

void ranking_free(struct ranking *r) {
    if (!r) return;
    free(r->numbers);
    free(r->first);
    free(r);
}

const uint32_t *ranking_of(const struct ranking *r, uint32_t name, size_t *count) {
    *count = r->first[name + 1] - r->first[name];
    return r->numbers + r->first[name];
}

static struct place *list_places(struct graph *g) {
    size_t count = graph_count(g);
    struct place *places = calloc(count + 1, sizeof *places);
    CHECK(places);
    for (uint32_t k = 0; k < count; k++) places[k] = (struct place){graph_version(g, k), k};
    return places;
}

static int compare(const void *a, const void *b) {
    const struct version *v = ((const struct place *)a)->version;
    const struct version *w = ((const struct place *)b)->version;
    if (v->subject != w->subject) return v->subject < w->subject ? -1 : 1;
    if (v->step.ends != w->step.ends) return v->step.ends > w->step.ends ? -1 : 1;
    if (v->step.begins != w->step.begins) return v->step.begins > w->step.begins ? -1 : 1;
    return memcmp(v->step.print, w->step.print, PRINT_BYTES);
}
