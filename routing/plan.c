// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "routing/plan.h"

#include <stdlib.h>

#include "core/check.h"
#include "routing/lua_route.h"

enum { ARENA_FIRST = 4096, ARENA_MAX = 16 << 20 };

struct plan {
    struct arena *members, *scratch;
    struct pool pool;
};

struct plan *plan_new(const struct pool *like, const struct member_conf *members, size_t count) {
    struct plan *p = calloc(1, sizeof *p);
    CHECK(p);
    p->members = arena_new(ARENA_FIRST, ARENA_MAX);
    p->scratch = arena_new(ARENA_FIRST, ARENA_MAX);
    p->pool = *like;
    p->pool.view = (struct view){0};
    p->pool.shared = NULL;
    p->pool.table = NULL;
    p->pool.table_row = NULL;
    p->pool.avoid_until_ms = 0;
    p->pool.configured = arena_zalloc(p->members, (count + 1) * sizeof *members);
    p->pool.configured_count = count;
    for (size_t i = 0; i < count; i++) {
        p->pool.configured[i] = members[i];
        p->pool.configured[i].text = arena_string(p->members, slice_of(members[i].text));
    }
    return p;
}

void plan_free(struct plan *p) {
    if (!p) return;
    view_fini(&p->pool.view);
    arena_free(p->members);
    arena_free(p->scratch);
    free(p);
}

bool plan_choose(struct plan *p, struct slice key, const char **address) {
    struct route_answer answer = {.kind = ANSWER_POOL};
    arena_reset(p->scratch);
    answer_set_pool(&answer, &p->pool, key, p->scratch);
    if (answer.kind != ANSWER_POOL) return false;
    struct member *m = pool_choose(&p->pool, &answer, &(struct left_out){0}, p->scratch);
    *address = m ? m->text : NULL;
    return true;
}
