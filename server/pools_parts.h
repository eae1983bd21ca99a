// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "server/pools.h"

// What is inside struct pools: for pools.c, which merges, pool_edit.c, which edits, and pool_restore.c.

// A list in the making.
struct draft {
    struct table_entry *entries;
    size_t count;
};

struct pools {
    struct table *table;
    struct table_writer *writer;
    struct draft old, new; // room for TABLE_LIST_MAX each
    const struct table_pool *
        *in_force; // the pools of the generation that was merged last, by address
    size_t in_force_count;
    struct state *state; // borrowed; NULL: nothing is saved
    bool must_restore;   // the next merge begins with what was saved
    bool has_restored;   // to p->old, with slots of its own
    struct pools_watcher {
        ready_fn *on_edit; // NULL: free
        void *arg;
    } watchers[POOLS_WATCHERS_MAX];
};

// Puts p->new in force in place of p->old, with the weights that follow from it; then pools_tell() is due.
enum published { PUBLISHED, PUBLISHED_BEFORE, NOT_PUBLISHED }; // BEFORE: it is the same
enum published pools_publish(struct pools *p, struct table_pool *shared);
void pools_tell(struct pools *p);
// Is it a pool of the generation that was merged last?
bool pools_has(const struct pools *p, struct slice table_name);

// pool_restore.c, for a merge that begins with what was saved: makes p->old that; gives back the slots of what the merge left out;
// says which pools are lost because the route file has them no more.
void pools_restore_old(struct pools *p, const struct pool *pool, struct text *problems);
void pools_return_unused(struct pools *p);
void pools_name_lost(struct pools *p, struct text *problems);
// Has the differences of all pools of the configuration, and only those, saved.
void pools_save_all(struct pools *p, const struct config *c, struct text *problems);
