// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/health.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/check.h"
#include "server/health_parts.h"

static void on_edit(void *arg);
static void settle(void *arg);
static void read_list(struct health *h, struct watched_pool *p, uint64_t head);
static struct watched *take_over(struct watched **old, size_t count, size_t near,
                                 const struct table_entry *e, const char *text);
static void keep_half(struct watched_pool *p);
static struct watched *first_to_return(const struct watched_pool *p);
static void put_in_force(struct health *h, struct watched_pool *p);
static struct watched_pool *find_pool(const struct health *h, const char *name);
static void change_pool(struct watched_pool *p, const struct pool *pool);
static void free_pool(struct watched_pool *p);
static void note_faulty(void *arg, uint32_t slot);

struct health *health_new(const struct health_conf *conf) {
    struct health *h = calloc(1, sizeof *h);
    CHECK(h);
    h->conf = *conf;
    h->dice = (uint32_t)getpid();
    h->by_slot = calloc(TABLE_SLOTS_MAX, sizeof *h->by_slot);
    CHECK(h->by_slot);
    task_init(&h->settle, settle, h);
    pools_watch(conf->pools, on_edit, h);
    health_look(
        h); // what was told to a control that died before it could look is told again from now on
    return h;
}

void health_free(struct health *h) {
    if (!h) return;
    pools_unwatch(h->conf.pools, h);
    for (size_t i = 0; i < h->pool_count; i++) free_pool(h->pools[i]);
    loop_remove_task(h->conf.loop, &h->settle);
    generation_unref(h->generation);
    free(h->pools);
    free(h->by_slot);
    free(h);
}

static int by_name(const void *a, const void *b) {
    const struct watched_pool *x = *(struct watched_pool *const *)a;
    const struct watched_pool *y = *(struct watched_pool *const *)b;
    return strcmp(x->name, y->name);
}

void health_follow(struct health *h, struct generation *g) {
    const struct config *c = g->config;
    struct generation *before = h->generation; // its pools are compared with the new ones
    h->generation = generation_ref(g);
    struct watched_pool **now = calloc(c->pool_count + 1, sizeof *now);
    size_t count = 0;
    CHECK(now);
    for (size_t i = 0; i < c->pool_count; i++) {
        const struct pool *pool = c->pools[i];
        if (!pool_is_watched(pool)) continue;
        struct watched_pool *p = find_pool(h, pool->table_name);
        if (p) {
            change_pool(p, pool);
        } else {
            p = calloc(1, sizeof *p);
            CHECK(p && (p->name = strdup(pool->table_name)));
            p->pool = pool;
        }
        p->is_kept = true;
        now[count++] = p;
    }
    for (size_t i = 0; i < h->pool_count; i++)
        if (!h->pools[i]->is_kept) free_pool(h->pools[i]);
    for (size_t i = 0; i < count; i++) now[i]->is_kept = false;
    free(h->pools);
    h->pools = now;
    h->pool_count = count;
    qsort(now, count, sizeof *now, by_name);
    generation_unref(before);
    health_settle_later(h);
}

void health_settle_later(struct health *h) {
    loop_add_task(h->conf.loop, &h->settle);
}

void health_look(struct health *h) {
    table_take_faulty(pools_writer(h->conf.pools), note_faulty, h);
}

static void note_faulty(void *arg, uint32_t slot) {
    struct health *h = arg;
    if (h->by_slot[slot]) watched_count_faults(h->by_slot[slot]);
}

// --- the lists ---

static void on_edit(void *arg) {
    health_settle_later(arg);
}

// At the end of a turn: lists that were edited are read, what was found out is put in force.
static void settle(void *arg) {
    struct health *h = arg;
    for (size_t i = 0; i < h->pool_count; i++) {
        struct watched_pool *p = h->pools[i];
        const struct table_pool *shared = table_find(h->conf.table, slice_of(p->name));
        uint64_t head = shared ? table_pool_head(shared) : 0;
        if (head != p->head) read_list(h, p, head);
        keep_half(p);
        if (p->has_findings) put_in_force(h, p);
    }
}

static void read_list(struct health *h, struct watched_pool *p, uint64_t head) {
    const struct table_entry *entries;
    struct watched **old = p->members;
    size_t old_count = p->count, count = pools_read(h->conf.pools, slice_of(p->name), &entries);
    bool is_first = p->head == 0;
    p->head = head;
    p->members = calloc(count + 1, sizeof(struct watched *));
    CHECK(p->members);
    p->count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct table_entry *e = &entries[i];
        const char *text = table_text(h->conf.table, e->slot);
        if (e->wish == WISH_REMOVED || e->via == e->slot + 1) continue;
        struct watched *w = take_over(old, old_count, p->count, e, text);
        if (w)
            watched_follow(w, e);
        else
            w = watched_new(p, h, slice_of(text), e, !is_first);
        h->by_slot[e->slot] = w;
        p->members[p->count++] = w;
    }
    for (size_t i = 0; i < old_count; i++) watched_free(old[i]);
    free(old);
}

// The same member in the list before, most likely at the same place; its place there is empty afterwards.
static struct watched *take_over(struct watched **old, size_t count, size_t near,
                                 const struct table_entry *e, const char *text) {
    for (size_t i = 0; i < count; i++) {
        struct watched **place = &old[(near + i) % count];
        struct watched *w = *place;
        if (!w || w->entry.slot != e->slot || strcmp(w->member->text, text) != 0) continue;
        *place = NULL;
        return w;
    }
    return NULL;
}

// A pool that has become smaller may have more than its half ejected.
static void keep_half(struct watched_pool *p) {
    for (;;) {
        size_t wanted = 0, ejected = 0;
        for (size_t i = 0; i < p->count; i++) {
            wanted += watched_is_wanted(p->members[i]);
            ejected += watched_is_wanted(p->members[i]) && p->members[i]->faults.until_ms > 0;
        }
        if (ejected <= wanted / 2) return;
        watched_readmit(first_to_return(p), "more than half of the pool would be out");
    }
}

static struct watched *first_to_return(const struct watched_pool *p) {
    struct watched *first = NULL;
    for (size_t i = 0; i < p->count; i++) {
        struct watched *w = p->members[i];
        if (!w->faults.until_ms || !watched_is_wanted(w)) continue;
        if (!first || w->faults.until_ms < first->faults.until_ms) first = w;
    }
    CHECK(first);
    return first;
}

static void put_in_force(struct health *h, struct watched_pool *p) {
    struct pools_finding *found = calloc(p->count + 1, sizeof *found);
    CHECK(found);
    for (size_t i = 0; i < p->count; i++) found[i] = watched_finding(p->members[i]);
    p->has_findings = false;
    // the list has changed by this: it is read again, and its entries are those that were written
    if (!pools_set_health(h->conf.pools, slice_of(p->name), found, p->count))
        p->has_findings = true;
    free(found);
}

// --- the generations ---

static struct watched_pool *find_pool(const struct health *h, const char *name) {
    struct watched_pool wanted = {.name = (char *)(uintptr_t)name};
    const struct watched_pool *key = &wanted;
    if (h->pool_count == 0) return NULL;
    struct watched_pool **found =
        bsearch(&key, h->pools, h->pool_count, sizeof(struct watched_pool *), by_name);
    return found ? *found : NULL;
}

static void change_pool(struct watched_pool *p, const struct pool *pool) {
    const struct pool *old = p->pool;
    p->pool = pool;
    for (size_t i = 0; i < p->count; i++) watched_change_check(p->members[i], old, pool);
}

static void free_pool(struct watched_pool *p) {
    for (size_t i = 0; i < p->count; i++) watched_free(p->members[i]);
    free(p->members);
    free(p->name);
    free(p);
}
