// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/shares.h"

#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "server/pool_edit.h"

enum { ALL_SETTINGS = (1u << MEMBER_SETTINGS_COUNT) - 1 };

static size_t place_of_address(const struct shares *s, const char *address, bool *is_there);
static void add_copy(struct shares *s, const char *address, const struct share *share);
static int by_address(const void *a, const void *b);
static void keep_edited(struct share *s, struct table_settings file);
static bool are_alike(const struct share *const *all, size_t count);
static const struct share *or_nothing(const struct share *s);
static const struct share *join(const struct share *base, const struct share *mine,
                                const struct share *theirs, struct share *out);
static bool has_same(const struct share *a, const struct share *b, int setting);
static uint32_t value_of(const struct share *s, int setting);
static void copy_setting(struct share *to, const struct share *from, int setting);
static bool is_nothing(const struct share *s);
static const struct share *settle_parts(const struct share *const *all, struct share *out);
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
    add_copy(s, share->address, share);
    struct share added = s->at[s->count - 1];
    memmove(&s->at[at + 1], &s->at[at], (s->count - 1 - at) * sizeof *s->at);
    s->at[at] = added;
    return true;
}

bool shares_add(struct shares *s, const struct share *share) {
    if (s->count == TABLE_LIST_MAX) return false;
    add_copy(s, share->address, share);
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

static void add_copy(struct shares *s, const char *address, const struct share *share) {
    if (s->count == s->room) {
        s->room = s->room ? s->room * 2 : 16;
        s->at = realloc(s->at, s->room * sizeof *s->at);
        CHECK(s->at);
    }
    s->at[s->count] = *share;
    s->at[s->count].address = strdup(address);
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
        struct share share = {.address = (char *)table_text(t, e->slot),
                              .is_added = e->origin == ORIGIN_API,
                              .wish = e->wish,
                              .given = ALL_SETTINGS,
                              .settings = e->live};
        if (!share.is_added) keep_edited(&share, e->file);
        shares_add(out, &share);
    }
    shares_sort(out);
}

static void keep_edited(struct share *s, struct table_settings file) {
    for (int i = 0; i < MEMBER_SETTINGS_COUNT; i++) {
        uint32_t *live = member_setting_at(&s->settings, i);
        if (*live != *member_setting_at(&file, i)) continue;
        *live = 0;
        s->given &= ~(1u << i);
    }
}

bool share_is_same(const struct share *a, const struct share *b) {
    if (!a || !b) return a == b;
    return a->wish == b->wish && a->is_added == b->is_added && a->given == b->given &&
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
        if (t && t->until_s != 0 && t->until_s <= now_s) t = NULL;
        const struct share *all[] = {b, m, t};
        struct share joined;
        const struct share *result = m;
        if (share_is_same(b, m))
            result = t;
        else if (are_alike(all, 3))
            result = join(or_nothing(b), or_nothing(m), or_nothing(t), &joined);
        if (!result) continue;
        add_copy(out, address, result);
        if (t) out->at[out->count - 1].until_s = t->until_s;
    }
}

// Added and there in all of them, or a member of route files in all of them: there, one that is missing is one that is not edited.
static bool are_alike(const struct share *const *all, size_t count) {
    size_t added = 0, missing = 0;
    for (size_t i = 0; i < count; i++) {
        added += all[i] && all[i]->is_added;
        missing += !all[i];
    }
    return added == 0 || (added == count && missing == 0);
}

static const struct share *or_nothing(const struct share *s) {
    static const struct share NOTHING = {.wish = WISH_READY};
    return s ? s : &NOTHING;
}

// What is different from `base` to `mine`, done to theirs. NULL: nothing is left.
static const struct share *join(const struct share *base, const struct share *mine,
                                const struct share *theirs, struct share *out) {
    *out = *theirs;
    if (base->wish != mine->wish) out->wish = mine->wish;
    for (int i = 0; i < MEMBER_SETTINGS_COUNT; i++)
        if (!has_same(base, mine, i)) copy_setting(out, mine, i);
    return is_nothing(out) ? NULL : out;
}

static bool has_same(const struct share *a, const struct share *b, int setting) {
    return (a->given >> setting & 1) == (b->given >> setting & 1) &&
           value_of(a, setting) == value_of(b, setting);
}

static uint32_t value_of(const struct share *s, int setting) {
    struct table_settings settings = s->settings;
    return *member_setting_at(&settings, setting);
}

static void copy_setting(struct share *to, const struct share *from, int setting) {
    *member_setting_at(&to->settings, setting) = value_of(from, setting);
    to->given = (to->given & ~(1u << setting)) | (from->given & 1u << setting);
}

static bool is_nothing(const struct share *s) {
    return !s->is_added && s->wish == WISH_READY && s->given == 0;
}

void shares_settle(const struct settling *s, struct shares *out) {
    const struct shares *lists[] = {s->base, s->mine, s->now, s->after, s->agreed};
    size_t at[5] = {0};
    for (const char *address; (address = next_address(lists, at, 5));) {
        const struct share *all[5];
        for (int i = 0; i < 5; i++) all[i] = take(lists[i], &at[i], address);
        const struct share *after = all[3], *agreed = all[4];
        bool is_edited = !share_is_same(all[0], all[1]) || !share_is_same(all[1], all[2]);
        const struct share *settled = is_edited ? agreed : after;
        struct share parts;
        if (is_edited && are_alike(all, 5)) settled = settle_parts(all, &parts);
        if (!settled) continue;
        add_copy(out, address, settled);
        out->at[out->count - 1].until_s = agreed ? agreed->until_s : 0;
    }
}

// The same, setting by setting: one that our file has as it was agreed is not to be seen here, and yet nobody took it back.
static const struct share *settle_parts(const struct share *const *all, struct share *out) {
    const struct share *base = or_nothing(all[0]), *mine = or_nothing(all[1]),
                       *now = or_nothing(all[2]), *agreed = or_nothing(all[4]);
    *out = *or_nothing(all[3]);
    if (base->wish != mine->wish || mine->wish != now->wish) out->wish = agreed->wish;
    for (int i = 0; i < MEMBER_SETTINGS_COUNT; i++)
        if (!has_same(base, mine, i) || !has_same(mine, now, i)) copy_setting(out, agreed, i);
    return is_nothing(out) ? NULL : out;
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
