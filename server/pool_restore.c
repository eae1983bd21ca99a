// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/check.h"
#include "server/pool_edit.h"
#include "server/pools_parts.h"
#include "server/state.h"

// What was saved, at the start of a control. After a start of rsp the table is empty, and everything comes from the file. A control
// that takes over from one that died finds the table as that one left it; the file is as new or newer, for it is written first, so
// who the members are is taken from the file, and only slots and health from the table.

// Lists of both, to be matched by address.
struct matched {
    const char *text;
    struct table_entry *entry;
    bool is_saved;
};
struct restoring {
    struct pools *pools;
    struct matched *known; // those of the table, by text
    size_t known_count;
    bool is_full;
};

static void restore_member(void *arg, const struct state_member *saved);
static void drop_unsaved(struct restoring *r);
static int by_text(const void *a, const void *b);
static void name_if_lost(void *arg, const char *pool);

void pools_restore_old(struct pools *p, const struct pool *pool, struct text *problems) {
    struct draft *old = &p->old;
    if (!state_is_loaded(p->state)) return;
    struct restoring r = {.pools = p, .known_count = old->count};
    r.known = calloc(old->count + 1, sizeof *r.known);
    CHECK(r.known);
    for (size_t i = 0; i < old->count; i++) {
        struct table_entry *e = &old->entries[i];
        r.known[i] = (struct matched){table_text(p->table, e->slot), e, false};
    }
    qsort(r.known, r.known_count, sizeof *r.known, by_text);
    state_each(p->state, slice_of(pool->table_name), restore_member, &r);
    drop_unsaved(&r);
    free(r.known);
    if (r.is_full)
        text_printf(problems, "%s:%d: pool \"%s\": not all that was saved has room in the table\n",
                    pool->place.file, pool->place.line, pool->name);
}

static void restore_member(void *arg, const struct state_member *saved) {
    struct restoring *r = arg;
    struct draft *old = &r->pools->old;
    struct matched wanted = {.text = saved->address.at};
    struct matched *known = bsearch(&wanted, r->known, r->known_count, sizeof *r->known, by_text);
    struct table_entry fresh = {.since = (uint32_t)time(NULL)};
    if (!known && (old->count == TABLE_LIST_MAX ||
                   !table_take_slot(r->pools->writer, saved->address, &fresh.slot))) {
        r->is_full = true;
        return;
    }
    struct table_entry *e = known ? known->entry : &old->entries[old->count++];
    if (known)
        known->is_saved = true;
    else
        *e = fresh;
    r->pools->has_restored |= !known;
    e->origin = (uint8_t)saved->origin;
    e->wish = (uint8_t)saved->wish;
    e->live = saved->live;
    e->file = saved->file;
}

// A member that nothing was saved of is as the file has it, or was taken out.
static void drop_unsaved(struct restoring *r) {
    struct draft *old = &r->pools->old;
    for (size_t i = 0; i < r->known_count; i++) {
        struct table_entry *e = r->known[i].entry;
        if (r->known[i].is_saved || e->origin == ORIGIN_NAME) continue;
        if (e->origin == ORIGIN_API) {
            e->slot = TABLE_SLOTS_MAX;
            continue;
        }
        if (e->wish == WISH_READY && memcmp(&e->live, &e->file, sizeof e->live) == 0) continue;
        e->wish = WISH_READY;
        e->live = e->file;
    }
    size_t count = 0;
    for (size_t i = 0; i < old->count; i++)
        if (old->entries[i].slot != TABLE_SLOTS_MAX) old->entries[count++] = old->entries[i];
    old->count = count;
}

static int by_text(const void *a, const void *b) {
    return strcmp(((const struct matched *)a)->text, ((const struct matched *)b)->text);
}

// Only members that came from the file have slots that no list has had.
void pools_return_unused(struct pools *p) {
    if (!p->has_restored) return;
    p->has_restored = false;
    bool *is_used = calloc(TABLE_SLOTS_MAX, sizeof *is_used);
    CHECK(is_used);
    for (size_t i = 0; i < p->new.count; i++) is_used[p->new.entries[i].slot] = true;
    for (size_t i = 0; i < p->old.count; i++)
        if (!is_used[p->old.entries[i].slot]) table_return_slot(p->writer, p->old.entries[i].slot);
    free(is_used);
}

// --- all of them ---

struct losing {
    struct pools *pools;
    struct text *problems;
    bool has_lost;
};

void pools_name_lost(struct pools *p, struct text *problems) {
    struct losing l = {.pools = p, .problems = problems};
    state_each_pool(p->state, name_if_lost, &l);
    if (l.has_lost) state_keep_before(p->state, problems);
}

static void name_if_lost(void *arg, const char *pool) {
    struct losing *l = arg;
    if (pools_has(l->pools, slice_of(pool))) return;
    const char *path = state_path(l->pools->state);
    l->has_lost = true;
    text_printf(
        l->problems,
        "%s: pool \"%s\" is not in the route file any more, so %zu saved members are left out\n",
        path ? path : "edits", pool, state_count(l->pools->state, slice_of(pool)));
}

void pools_save_all(struct pools *p, const struct config *c, struct text *problems) {
    state_begin(p->state);
    for (size_t i = 0; i < c->pool_count; i++) {
        const struct pool *pool = c->pools[i];
        struct state_list list = {.table = p->table};
        if (!pools_list(p, pool, &list.entries, &list.count)) continue;
        if (!state_add(p->state, slice_of(pool->table_name), &list))
            text_printf(problems, "%s:%d: pool \"%s\": what is no UTF-8 cannot be saved\n",
                        pool->place.file, pool->place.line, pool->name);
    }
    if (!state_commit(p->state, problems)) text_add(problems, SLICE(": edits cannot be saved\n"));
}
