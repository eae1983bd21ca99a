// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/shares_apply.h"

#include <stdlib.h>

#include "core/check.h"
#include "core/log.h"
#include "server/entry_index.h"
#include "server/pool_edit.h"

enum { WHY_BYTES_MAX = 4096 };

struct applying {
    struct entry_index *entries;
    struct member_change *changes;
    size_t count;
};

static void add_change(void *arg, const char *address, const struct share *was,
                       const struct share *is) {
    struct applying *a = arg;
    const struct table_entry *entry = entry_index_find(a->entries, slice_of(address));
    bool is_ours = entry && entry->origin == ORIGIN_FILE;
    bool is_shown = entry && entry->wish != WISH_REMOVED;
    struct member_change change = {.kind = CHANGE_PUT, .address = slice_of(address)};
    unsigned all = (1u << MEMBER_SETTINGS_COUNT) - 1;
    (void)was;
    if (is && !is->is_added && !is_ours) return; // of a route file that is not ours
    if (is && is->wish != WISH_REMOVED) {
        change.has_wish = true;
        change.wish = is->wish;
        change.given = is->given;
        change.settings = is->settings;
    } else if (is || !is_ours) {
        if (!is_shown) return;
        change.kind = CHANGE_REMOVE;
    } else {
        change.has_wish = true;
        change.wish = WISH_READY;
        change.reset = all;
    }
    a->changes[a->count++] = change;
}

void shares_apply(struct pools *pools, const struct pool *pool, const struct shares *mine,
                  const struct shares *result) {
    struct applying a = {0};
    const struct table_entry *entries;
    size_t count;
    a.changes = calloc(mine->count + result->count + 1, sizeof *a.changes);
    CHECK(a.changes);
    if (pools_list(pools, pool, &entries, &count)) {
        a.entries = entry_index_new(pools_table(pools), entries, count);
        shares_each_difference(mine, result, add_change, &a);
        entry_index_free(a.entries);
    }
    struct pool_edit edit = {.changes = a.changes, .count = a.count, .who = SLICE("cluster")};
    struct edit_report report;
    text_init(&report.why, WHY_BYTES_MAX);
    if (a.count > 0 && pools_edit(pools, pool, &edit, &report) != EDIT_DONE)
        log_repeated(LOG_LEVEL_ERROR, "cluster edit", "cluster: pool \"%s\": %s", pool->name,
                     text_string(&report.why));
    text_fini(&report.why);
    free(a.changes);
}

void shares_of_pool(struct pools *pools, const struct pool *pool, struct shares *out) {
    const struct table_entry *entries;
    size_t count;
    if (pools_list(pools, pool, &entries, &count))
        shares_of_list(pools_table(pools), entries, count, out);
}

uint64_t shares_digest(struct pools *pools, const struct pool *pool) {
    const struct table_entry *entries;
    size_t count;
    if (!pools_list(pools, pool, &entries, &count)) return 0;
    return table_digest(pools_table(pools), entries, count);
}
