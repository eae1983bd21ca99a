// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/shares.h"

#include <stdlib.h>
#include <string.h>

#include "core/check.h"

static size_t place_of_address(const struct shares *s, const char *address, bool *is_there);
static void add_copy(struct shares *s, const struct share *share);
static int by_address(const void *a, const void *b);
static const char *next_address(const struct shares *const *lists, const size_t *at, size_t count);
static const struct share *take(const struct shares *s, size_t *at, const char *address);

void shares_free(struct shares *s) {
    for (size_t i = 0; i < s->count; i++) free(s->at[i].address);
    free(s->at);
    *s = (struct shares){0};
}

bool shares_put(struct shares *s, const struct share *share) {
    bool is_there;
    size_t at = place_of_address(s, share->address, &is_there);
    if (is_there) {
        char *address = s->at[at].address;
        s->at[at] = *share;
        s->at[at].address = address;
        return true;
    }
    if (s->count == TABLE_LIST_MAX) return false;
    add_copy(s, share);
    struct share added = s->at[s->count - 1];
    memmove(&s->at[at + 1], &s->at[at], (s->count - 1 - at) * sizeof *s->at);
    s->at[at] = added;
    return true;
}

bool shares_add(struct shares *s, const struct share *share) {
    if (s->count == TABLE_LIST_MAX) return false;
    add_copy(s, share);
    return true;
}

void shares_sort(struct shares *s) {
    if (s->count > 0) qsort(s->at, s->count, sizeof *s->at, by_address);
}

static int by_address(const void *a, const void *b) {
    return strcmp(((const struct share *)a)->address, ((const struct share *)b)->address);
}

const struct share *shares_find(const struct shares *s, const char *address) {
    bool is_there;
    size_t at = place_of_address(s, address, &is_there);
    return is_there ? &s->at[at] : NULL;
}

static size_t place_of_address(const struct shares *s, const char *address, bool *is_there) {
    size_t low = 0, high = s->count;
    *is_there = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(s->at[middle].address, address);
        *is_there |= order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void add_copy(struct shares *s, const struct share *share) {
    if (s->count == s->room) {
        s->room = s->room ? s->room * 2 : 16;
        s->at = realloc(s->at, s->room * sizeof *s->at);
        CHECK(s->at);
    }
    s->at[s->count] = *share;
    s->at[s->count].address = strdup(share->address);
    CHECK(s->at[s->count].address);
    s->count++;
}

void shares_of_list(const struct table *t, const struct table_entry *entries, size_t count,
                    struct shares *out) {
    for (size_t i = 0; i < count; i++) {
        const struct table_entry *e = &entries[i];
        bool is_edited = e->origin == ORIGIN_API || e->wish != WISH_READY ||
                         memcmp(&e->live, &e->file, sizeof e->live) != 0;
        if (!is_edited || e->origin == ORIGIN_NAME) continue;
        shares_add(out, &(struct share){.address = (char *)table_text(t, e->slot),
                                        .is_added = e->origin == ORIGIN_API,
                                        .wish = e->wish,
                                        .settings = e->live});
    }
    shares_sort(out);
}

bool share_is_same(const struct share *a, const struct share *b) {
    if (!a || !b) return a == b;
    return a->wish == b->wish && a->is_added == b->is_added &&
           memcmp(&a->settings, &b->settings, sizeof a->settings) == 0;
}

bool shares_are_same(const struct shares *a, const struct shares *b) {
    for (size_t i = 0; i < a->count && i < b->count; i++)
        if (strcmp(a->at[i].address, b->at[i].address) != 0 || !share_is_same(&a->at[i], &b->at[i]))
            return false;
    return a->count == b->count;
}

void shares_merge(const struct shares *base, const struct shares *mine, const struct shares *theirs,
                  int64_t now_s, struct shares *out) {
    const struct shares *lists[] = {base, mine, theirs};
    size_t at[3] = {0};
    for (const char *address; (address = next_address(lists, at, 3));) {
        const struct share *b = take(base, &at[0], address);
        const struct share *m = take(mine, &at[1], address);
        const struct share *t = take(theirs, &at[2], address);
        bool is_due = t && t->until_s != 0 && t->until_s <= now_s;
        const struct share *result = share_is_same(b, m) ? (is_due ? NULL : t) : m;
        if (!result) continue;
        add_copy(out, result);
        if (t && !is_due) out->at[out->count - 1].until_s = t->until_s;
    }
}

void shares_settle(const struct settling *s, struct shares *out) {
    const struct shares *lists[] = {s->base, s->mine, s->now, s->after, s->agreed};
    size_t at[5] = {0};
    for (const char *address; (address = next_address(lists, at, 5));) {
        const struct share *base = take(s->base, &at[0], address);
        const struct share *mine = take(s->mine, &at[1], address);
        const struct share *now = take(s->now, &at[2], address);
        const struct share *after = take(s->after, &at[3], address);
        const struct share *agreed = take(s->agreed, &at[4], address);
        bool is_edited = !share_is_same(base, mine) || !share_is_same(mine, now);
        const struct share *settled = is_edited ? agreed : after;
        if (!settled) continue;
        add_copy(out, settled);
        out->at[out->count - 1].until_s = agreed ? agreed->until_s : 0;
    }
}

void shares_each_difference(const struct shares *was, const struct shares *is, shares_each_fn *each,
                            void *arg) {
    const struct shares *lists[] = {was, is};
    size_t at[2] = {0};
    for (const char *address; (address = next_address(lists, at, 2));) {
        const struct share *before = take(was, &at[0], address);
        const struct share *after = take(is, &at[1], address);
        if (!share_is_same(before, after)) each(arg, address, before, after);
    }
}

// The least address that is left in any list.
static const char *next_address(const struct shares *const *lists, const size_t *at, size_t count) {
    const char *least = NULL;
    for (size_t i = 0; i < count; i++) {
        if (at[i] == lists[i]->count) continue;
        const char *address = lists[i]->at[at[i]].address;
        if (!least || strcmp(address, least) < 0) least = address;
    }
    return least;
}

static const struct share *take(const struct shares *s, size_t *at, const char *address) {
    if (*at == s->count || strcmp(s->at[*at].address, address) != 0) return NULL;
    return &s->at[(*at)++];
}
