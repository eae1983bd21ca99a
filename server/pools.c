// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/pools.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/check.h"
#include "server/pools_parts.h"
#include "server/state.h"

static void apply(struct table_entry *e, const struct pools_finding *f);
static bool merge_pool(struct pools *p, struct table_pool *shared, const struct pool *pool,
                       struct text *problems);
static bool merge_member(struct pools *p, const struct member_conf *m, size_t near);
static struct table_entry *find_old(struct pools *p, const char *text, size_t near);
static void follow_file(struct table_entry *e, const struct table_settings *file);
static void forget_health(struct draft *d);
static void keep_added(struct pools *p, const struct pool *pool);
static bool find_via(const struct draft *d, size_t count, uint32_t via);
static bool put_in_force(struct pools *p, struct table_pool *shared);
static void forget_others(struct pools *p, const struct table_pool **now, size_t count);
static bool is_among(const struct table_pool *p, const struct table_pool *const *list,
                     size_t count);
static int by_address(const void *a, const void *b);

struct pools *pools_new(struct table *t) {
    struct pools *p = calloc(1, sizeof *p);
    CHECK(p);
    p->table = t;
    p->writer = table_writer_new(t);
    p->old.entries = calloc(TABLE_LIST_MAX, sizeof *p->old.entries);
    p->new.entries = calloc(TABLE_LIST_MAX, sizeof *p->new.entries);
    CHECK(p->old.entries && p->new.entries);
    return p;
}

void pools_free(struct pools *p) {
    if (!p) return;
    table_writer_free(p->writer);
    free(p->old.entries);
    free(p->new.entries);
    free(p->in_force);
    free(p);
}

void pools_watch(struct pools *p, ready_fn *on_edit, void *arg) {
    size_t i = 0;
    while (i < POOLS_WATCHERS_MAX && p->watchers[i].on_edit) i++;
    CHECK(i < POOLS_WATCHERS_MAX);
    p->watchers[i] = (struct pools_watcher){on_edit, arg};
}

void pools_unwatch(struct pools *p, const void *arg) {
    for (size_t i = 0; i < POOLS_WATCHERS_MAX; i++)
        if (p->watchers[i].arg == arg) p->watchers[i] = (struct pools_watcher){0};
}

const struct table *pools_table(const struct pools *p) {
    return p->table;
}

struct table_writer *pools_writer(struct pools *p) {
    return p->writer;
}

size_t pools_read(struct pools *p, struct slice pool, const struct table_entry **at) {
    const struct table_pool *shared = table_find(p->table, pool);
    *at = p->old.entries;
    p->old.count = 0;
    if (shared)
        CHECK(table_read(p->table, shared, table_pool_head(shared), p->old.entries, &p->old.count));
    return p->old.count;
}

bool pools_set_health(struct pools *p, struct slice pool, const struct pools_finding *at,
                      size_t count) {
    const struct table_entry *old;
    if (count == 0 || !table_find(p->table, pool)) return true;
    p->new.count = pools_read(p, pool, &old);
    memcpy(p->new.entries, old, p->new.count * sizeof *old);
    for (size_t i = 0, near = 0; i < count; i++) {
        for (size_t k = 0; k < p->new.count; k++) {
            struct table_entry *e = &p->new.entries[(near + k) % p->new.count];
            if (e->slot != at[i].slot) continue;
            apply(e, &at[i]);
            near += k + 1; // findings come in the order of the list
            break;
        }
    }
    return put_in_force(p, table_add_pool(p->writer, pool));
}

bool pools_put(struct pools *p, struct slice pool, const struct table_entry *entries,
               size_t count) {
    const struct table_entry *old;
    CHECK(count <= TABLE_LIST_MAX);
    pools_read(p, pool, &old);
    memcpy(p->new.entries, entries, count * sizeof *entries);
    p->new.count = count;
    return put_in_force(p, table_add_pool(p->writer, pool));
}

static void apply(struct table_entry *e, const struct pools_finding *f) {
    if (e->health != f->health) e->since = (uint32_t)time(NULL);
    e->health = f->health;
    e->cold = f->cold;
    e->until = f->until;
}

void pools_set_state(struct pools *p, struct state *s) {
    p->state = s;
    p->must_restore = true;
}

void pools_merge(struct pools *p, const struct config *c, struct text *problems) {
    const struct table_pool **now = calloc(c->pool_count + 1, sizeof *now);
    CHECK(now);
    size_t count = 0;
    for (size_t i = 0; i < c->pool_count; i++) {
        const struct pool *pool = c->pools[i];
        struct table_pool *shared = table_add_pool(p->writer, slice_of(pool->table_name));
        if (shared) now[count++] = shared;
        if (shared && merge_pool(p, shared, pool, problems)) continue;
        text_printf(problems, "%s:%d: pool \"%s\": the table of backends is full\n",
                    pool->place.file, pool->place.line, pool->name);
    }
    qsort(now, count, sizeof *now, by_address);
    forget_others(p, now, count);
    free(p->in_force);
    p->in_force = now;
    p->in_force_count = count;
    if (p->must_restore) pools_name_lost(p, problems);
    p->must_restore = false;
    if (p->state) pools_save_all(p, c, problems);
}

bool pools_has(const struct pools *p, struct slice table_name) {
    return is_among(table_find(p->table, table_name), p->in_force, p->in_force_count);
}

static bool merge_pool(struct pools *p, struct table_pool *shared, const struct pool *pool,
                       struct text *problems) {
    CHECK(table_read(p->table, shared, table_pool_head(shared), p->old.entries, &p->old.count));
    if (p->must_restore) pools_restore_old(p, pool, problems);
    p->new.count = 0;
    for (size_t i = 0; i < pool->configured_count; i++)
        if (!merge_member(p, &pool->configured[i], i)) return false;
    keep_added(p, pool);
    if (!pool_is_watched(pool)) forget_health(&p->new);
    return put_in_force(p, shared);
}

// False: no slot is left.
static bool merge_member(struct pools *p, const struct member_conf *m, size_t near) {
    struct table_entry *e = &p->new.entries[p->new.count];
    struct table_entry *old = find_old(p, m->text, near);
    if (p->new.count == TABLE_LIST_MAX) return false;
    if (old) {
        *e = *old;
        if (m->resolve == RESOLVE_ONE || e->origin == ORIGIN_NAME) e->via = 0;
        follow_file(e, &m->settings);
    } else {
        uint32_t slot;
        if (!table_take_slot(p->writer, slice_of(m->text), &slot)) return false;
        *e = (struct table_entry){
            .slot = slot, .since = (uint32_t)time(NULL), .live = m->settings, .file = m->settings};
    }
    p->new.count++;
    return true;
}

// Most likely at the same place as in the file.
static struct table_entry *find_old(struct pools *p, const char *text, size_t near) {
    for (size_t i = 0; i < p->old.count; i++) {
        struct table_entry *e = &p->old.entries[(near + i) % p->old.count];
        if (strcmp(table_text(p->table, e->slot), text) == 0) return e;
    }
    return NULL;
}

static void follow_file(struct table_entry *e, const struct table_settings *file) {
    if (e->origin != ORIGIN_FILE) e->live = *file;
    pools_follow_settings(e, file);
    e->origin = ORIGIN_FILE;
}

void pools_follow_settings(struct table_entry *e, const struct table_settings *now) {
    if (now->weight != e->file.weight) e->live.weight = now->weight;
    if (now->tier != e->file.tier) e->live.tier = now->tier;
    if (now->max_connections != e->file.max_connections)
        e->live.max_connections = now->max_connections;
    e->file = *now;
}

// Nobody would ever find out that a member is well again.
static void forget_health(struct draft *d) {
    for (size_t i = 0; i < d->count; i++) {
        d->entries[i].health = HEALTH_UNKNOWN;
        d->entries[i].cold = 0;
        d->entries[i].until = 0;
    }
}

// Those that came by edits, and those that a name of the file stands for, where the file does not name them by now.
static void keep_added(struct pools *p, const struct pool *pool) {
    size_t from_file = p->new.count;
    for (size_t i = 0; i < p->old.count; i++) {
        const struct table_entry *e = &p->old.entries[i];
        bool is_wanted = (e->origin == ORIGIN_API && pool->is_live) ||
                         (e->origin == ORIGIN_NAME && find_via(&p->new, from_file, e->via));
        for (size_t k = 0; is_wanted && k < from_file; k++)
            is_wanted = p->new.entries[k].slot != e->slot;
        if (is_wanted && p->new.count < TABLE_LIST_MAX) p->new.entries[p->new.count++] = *e;
    }
}

// Is the name still there that it came from?
static bool find_via(const struct draft *d, size_t count, uint32_t via) {
    for (size_t i = 0; i < count; i++)
        if (d->entries[i].via == via && d->entries[i].slot + 1 == via) return true;
    return false;
}

static bool put_in_force(struct pools *p, struct table_pool *shared) {
    enum published published = pools_publish(p, shared);
    if (published == PUBLISHED) pools_tell(p);
    return published != NOT_PUBLISHED;
}

// What was restored is compared with nothing: it never was in force.
enum published pools_publish(struct pools *p, struct table_pool *shared) {
    size_t bytes = p->new.count * sizeof *p->new.entries;
    table_weigh(p->new.entries, p->new.count);
    bool is_same =
        table_pool_head(shared) && !p->must_restore &&
        p->new.count == p->old.count &&memcmp(p->new.entries, p->old.entries, bytes) == 0;
    if (is_same) return PUBLISHED_BEFORE;
    if (!table_publish(p->writer, shared, p->new.entries, p->new.count)) return NOT_PUBLISHED;
    pools_return_unused(p);
    return PUBLISHED;
}

void pools_tell(struct pools *p) {
    for (size_t i = 0; i < POOLS_WATCHERS_MAX; i++)
        if (p->watchers[i].on_edit) p->watchers[i].on_edit(p->watchers[i].arg);
}

// Exchanges of the generation before may still ask for its pools.
static void forget_others(struct pools *p, const struct table_pool **now, size_t count) {
    uint32_t at = 0;
    for (struct table_pool *shared; (shared = table_next_pool(p->writer, &at));)
        if (!is_among(shared, now, count) && !is_among(shared, p->in_force, p->in_force_count))
            table_remove_pool(p->writer, shared);
}

static bool is_among(const struct table_pool *p, const struct table_pool *const *list,
                     size_t count) {
    return count > 0 && bsearch(&p, list, count, sizeof(struct table_pool *), by_address);
}

static int by_address(const void *a, const void *b) {
    const struct table_pool *x = *(const struct table_pool *const *)a;
    const struct table_pool *y = *(const struct table_pool *const *)b;
    return x < y ? -1 : x > y;
}
