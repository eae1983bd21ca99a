// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "routing/view.h"

#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "routing/config.h"

// Entries with their texts, before they are members.
struct listing {
    struct table_entry *entries;
    size_t count;
};

static void refresh(struct pool *p, uint64_t head);
static struct listing read_file(const struct pool *p);
static bool read_table(const struct pool *p, uint64_t head, struct listing *out);
static struct member *carry_over(const struct view *old, size_t near, const struct table_entry *e,
                                 const char *text);
static struct member *make_member(const struct pool *p, size_t i, const struct table_entry *e);
static const char *text_of(const struct pool *p, size_t i, const struct table_entry *e);
static void gather_able(struct view *v, unsigned panic);
static bool is_panic(const struct view *v, unsigned panic);
static void end_tiers(struct view *v);
static int by_tier(const void *a, const void *b);

const struct view *pool_view(struct pool *p) {
    uint64_t head;
    while ((head = p->shared ? table_pool_head(p->shared) : VIEW_OF_FILE) != p->view.head)
        refresh(p, head);
    return &p->view;
}

struct member *view_find(const struct view *v, struct slice text) {
    for (size_t i = 0; i < v->all_count; i++)
        if (slice_equals(slice_of(v->all[i]->text), text)) return v->all[i];
    return NULL;
}

void view_fini(struct view *v) {
    for (size_t i = 0; i < v->all_count; i++) member_unref(v->all[i]);
    free(v->all);
    free(v->able);
    free(v->tier_ends);
    *v = (struct view){0};
}

// An edit that comes while we read gives another head, and pool_view() begins anew.
static void refresh(struct pool *p, uint64_t head) {
    struct listing list;
    if (!p->shared)
        list = read_file(p);
    else if (!read_table(p, head, &list))
        return;
    struct view old = p->view, v = {.head = head};
    v.all = calloc(list.count + 1, sizeof *v.all);
    CHECK(v.all);
    for (size_t i = 0; i < list.count; i++) {
        const struct table_entry *e = &list.entries[i];
        if (e->wish == WISH_REMOVED) continue;
        struct member *m = carry_over(&old, v.all_count, e, text_of(p, i, e));
        if (!m) m = make_member(p, i, e);
        m->entry = *e;
        if (m->weight != e->weight) m->credit = 0; // earned by another measure
        m->weight = e->weight;
        v.all[v.all_count++] = m;
    }
    free(list.entries);
    gather_able(&v, p->panic);
    p->view = v;
    view_fini(&old);
}

static struct listing read_file(const struct pool *p) {
    struct listing list = {.count = p->configured_count};
    list.entries = calloc(list.count + 1, sizeof *list.entries);
    CHECK(list.entries);
    for (size_t i = 0; i < list.count; i++) {
        const struct table_settings *s = &p->configured[i].settings;
        list.entries[i] =
            (struct table_entry){.slot = (uint32_t)i, .weight = s->weight, .live = *s, .file = *s};
    }
    return list;
}

static bool read_table(const struct pool *p, uint64_t head, struct listing *out) {
    out->entries = malloc(TABLE_LIST_MAX * sizeof *out->entries);
    CHECK(out->entries);
    if (table_read(p->table, p->shared, head, out->entries, &out->count)) return true;
    free(out->entries);
    return false;
}

// The same member in the version before, most likely at the same place.
static struct member *carry_over(const struct view *old, size_t near, const struct table_entry *e,
                                 const char *text) {
    for (size_t i = 0; i < old->all_count; i++) {
        struct member *m = old->all[(near + i) % old->all_count];
        if (m->entry.slot == e->slot && strcmp(m->text, text) == 0) return member_ref(m);
    }
    return NULL;
}

static struct member *make_member(const struct pool *p, size_t i, const struct table_entry *e) {
    struct slice text = slice_of(text_of(p, i, e));
    struct member *m =
        p->shared ? member_new(text, table_in_flight(p->table, e->slot), &p->table_row[e->slot])
                  : member_new(text, NULL, NULL);
    if (p->sticky.cookie) m->sticky = sticky_value(&p->sticky, text);
    return m;
}

static const char *text_of(const struct pool *p, size_t i, const struct table_entry *e) {
    return p->shared ? table_text(p->table, e->slot) : p->configured[i].text;
}

bool member_is_wanted(const struct member *m) {
    return m->is_good && m->weight > 0;
}

bool member_is_up(const struct member *m) {
    return m->entry.health != HEALTH_DOWN && m->entry.health != HEALTH_EJECTED;
}

// Those that are wanted and up; all that are wanted when too few are up.
static void gather_able(struct view *v, unsigned panic) {
    v->able = calloc(v->all_count + 1, sizeof *v->able);
    v->tier_ends = calloc(v->all_count + 1, sizeof *v->tier_ends);
    CHECK(v->able && v->tier_ends);
    bool is_sorted = true;
    for (size_t i = 0; i < v->all_count; i++) {
        struct member *m = v->all[i];
        v->has_limits |= m->entry.live.max_connections > 0;
        if (!member_is_wanted(m)) continue;
        v->up_count += member_is_up(m);
        if (v->able_count > 0) is_sorted &= by_tier(&v->able[v->able_count - 1], &m) <= 0;
        v->able[v->able_count++] = m;
    }
    if (!is_sorted) qsort(v->able, v->able_count, sizeof *v->able, by_tier);
    end_tiers(v);
    if (v->up_count == v->able_count) return;
    v->ignores_health = is_panic(v, panic);
    if (v->ignores_health) return;
    size_t kept = 0;
    for (size_t i = 0; i < v->able_count; i++)
        if (member_is_up(v->able[i])) v->able[kept++] = v->able[i];
    v->able_count = kept;
    end_tiers(v);
}

// No tier has enough members that are up: as long as one has, there is somebody to ask without guessing.
static bool is_panic(const struct view *v, unsigned panic) {
    size_t begin = 0;
    for (size_t tier = 0; tier < v->tier_count; begin = v->tier_ends[tier++]) {
        size_t up = 0, count = v->tier_ends[tier] - begin;
        for (size_t i = begin; i < v->tier_ends[tier]; i++) up += member_is_up(v->able[i]);
        if (up > 0 && up * 1000 >= count * panic) return false;
    }
    return panic > 0;
}

static void end_tiers(struct view *v) {
    v->tier_count = 0;
    for (size_t i = 1; i <= v->able_count; i++) {
        bool is_end =
            i == v->able_count || v->able[i]->entry.live.tier != v->able[i - 1]->entry.live.tier;
        if (is_end) v->tier_ends[v->tier_count++] = i;
    }
}

bool view_keeps(const struct view *v, const struct member *m) {
    bool is_kept = m->entry.wish == WISH_READY || m->entry.wish == WISH_DRAIN;
    return m->is_good && is_kept && (member_is_up(m) || v->ignores_health);
}

// Within a tier by slot, which is the order of the list unless slots were used again.
static int by_tier(const void *a, const void *b) {
    const struct member *x = *(struct member *const *)a, *y = *(struct member *const *)b;
    if (x->entry.live.tier != y->entry.live.tier)
        return x->entry.live.tier < y->entry.live.tier ? -1 : 1;
    return x->entry.slot < y->entry.slot ? -1 : x->entry.slot > y->entry.slot;
}
