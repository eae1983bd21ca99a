// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/pool_edit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/check.h"
#include "core/log.h"
#include "routing/address_text.h"
#include "server/pools_parts.h"
#include "server/state.h"

enum { LINE_MAX_BYTES = 1024, NO_CHANGE = SIZE_MAX };

// A change, to be found by its address.
struct named {
    struct slice address;
    size_t at;
    bool is_used; // the member is there
};

// One edit on its way.
struct editing {
    struct pools *pools;
    const struct pool *pool;
    const struct pool_edit *edit;
    struct edit_report *report;
    struct table_pool *shared;
    struct named *names;                // by address
    char (*addresses)[MEMBER_TEXT_MAX]; // of the changes, in one spelling
    size_t first_added; // in the new list: those from here on are not in the old one
    size_t slots_taken;
};

static enum edit_result run(struct editing *e);
static enum edit_result name_changes(struct editing *e);
static int by_address(const void *a, const void *b);
static enum edit_result spell_address(struct editing *e, size_t i);
static enum edit_result change_members(struct editing *e);
static enum edit_result change_member(struct editing *e, size_t i, struct table_entry *entry,
                                      bool *stays);
static enum edit_result add_members(struct editing *e);
static enum edit_result add_member(struct editing *e, size_t i);
static bool remove_member(struct table_entry *entry);
static void put_settings(const struct member_change *c, struct table_entry *entry);
static void put_wish(const struct member_change *c, struct table_entry *entry);
static enum edit_result put_in_force(struct editing *e);
static void return_slots(struct editing *e);
static void log_changes(const struct editing *e);
static void log_difference(const struct editing *e, const struct table_entry *was,
                           const struct table_entry *is);
static enum edit_result refuse(struct editing *e, enum edit_result result, size_t at,
                               const char *field, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

static const struct {
    const char *name;
    size_t offset;
    uint32_t most;
} settings[] = {
#define MEMBER_SETTING(name, member, most) {#name, offsetof(struct table_settings, member), most},
#include "server/member_settings.def"
#undef MEMBER_SETTING
};

enum edit_result pools_edit(struct pools *p, const struct pool *pool, const struct pool_edit *edit,
                            struct edit_report *report) {
    struct editing e = {.pools = p, .pool = pool, .edit = edit, .report = report};
    *report = (struct edit_report){.at = NO_CHANGE, .why = report->why};
    e.names = calloc(edit->count + 1, sizeof *e.names);
    e.addresses = calloc(edit->count + 1, sizeof *e.addresses);
    CHECK(e.names && e.addresses);
    enum edit_result result = run(&e);
    if (result != EDIT_DONE) return_slots(&e);
    free(e.names);
    free(e.addresses);
    return result;
}

static enum edit_result run(struct editing *e) {
    struct pools *p = e->pools;
    const struct table_pool *found = table_find(p->table, slice_of(e->pool->table_name));
    if (!found || table_pool_head(found) == 0)
        return refuse(e, EDIT_FULL, NO_CHANGE, NULL, "the table of backends has no room for it");
    e->shared = table_add_pool(p->writer, slice_of(e->pool->table_name));
    CHECK(
        table_read(p->table, e->shared, table_pool_head(e->shared), p->old.entries, &p->old.count));
    if (e->edit->is_whole && !e->pool->is_live)
        return refuse(
            e, EDIT_NOT_LIVE, NO_CHANGE, NULL,
            "its members are the route file's; only a pool with live = true can get others");
    enum edit_result result = name_changes(e);
    if (result == EDIT_DONE) result = change_members(e);
    if (result == EDIT_DONE) result = add_members(e);
    return result == EDIT_DONE ? put_in_force(e) : result;
}

bool pools_list(struct pools *p, const struct pool *pool, const struct table_entry **entries,
                size_t *count) {
    const struct table_pool *shared = table_find(p->table, slice_of(pool->table_name));
    if (!shared || table_pool_head(shared) == 0) return false;
    CHECK(table_read(p->table, shared, table_pool_head(shared), p->old.entries, &p->old.count));
    *entries = p->old.entries;
    *count = p->old.count;
    return true;
}

// --- checking and making the new list ---

static enum edit_result name_changes(struct editing *e) {
    size_t count = e->edit->count;
    for (size_t i = 0; i < count; i++) {
        enum edit_result result = spell_address(e, i);
        if (result != EDIT_DONE) return result;
        e->names[i] = (struct named){slice_of(e->addresses[i]), i, false};
    }
    qsort(e->names, count, sizeof *e->names, by_address);
    for (size_t i = 1; i < count; i++) {
        const struct named *a = &e->names[i - 1], *b = &e->names[i];
        if (slice_equals(a->address, b->address))
            return refuse(e, EDIT_BAD, a->at > b->at ? a->at : b->at, "address",
                          "\"%.*s\" stands there twice", SLICE_ARGS(a->address));
    }
    return EDIT_DONE;
}

static int by_address(const void *a, const void *b) {
    struct slice x = ((const struct named *)a)->address, y = ((const struct named *)b)->address;
    size_t len = x.len < y.len ? x.len : y.len;
    int order = len ? memcmp(x.at, y.at, len) : 0;
    return order ? order : (x.len > y.len) - (x.len < y.len);
}

static enum edit_result spell_address(struct editing *e, size_t i) {
    struct text why;
    text_init(&why, LINE_MAX_BYTES);
    bool is_good = member_spell(e->edit->changes[i].address, e->addresses[i], &why);
    enum edit_result result =
        is_good ? EDIT_DONE : refuse(e, EDIT_BAD, i, "address", "%s", text_string(&why));
    text_fini(&why);
    return result;
}

static enum edit_result change_members(struct editing *e) {
    struct draft *old = &e->pools->old, *new = &e->pools->new;
    new->count = 0;
    for (size_t i = 0; i < old->count; i++) {
        struct table_entry *entry = &new->entries[new->count];
        struct named wanted = {.address =
                                   slice_of(table_text(e->pools->table, old->entries[i].slot))};
        struct named *named =
            bsearch(&wanted, e->names, e->edit->count, sizeof *e->names, by_address);
        bool stays = true;
        *entry = old->entries[i];
        if (named) {
            named->is_used = true;
            enum edit_result result = change_member(e, named->at, entry, &stays);
            if (result != EDIT_DONE) return result;
        } else if (e->edit->is_whole) {
            stays = remove_member(entry);
        }
        if (stays) new->count++;
    }
    e->first_added = new->count;
    return EDIT_DONE;
}

static enum edit_result change_member(struct editing *e, size_t i, struct table_entry *entry,
                                      bool *stays) {
    const struct member_change *c = &e->edit->changes[i];
    bool is_removed = entry->wish == WISH_REMOVED;
    if (c->kind == CHANGE_ADD && !is_removed)
        return refuse(e, EDIT_IS_MEMBER, i, "address", "\"%.*s\" is a member already",
                      SLICE_ARGS(c->address));
    if (is_removed && (c->kind == CHANGE_SET || c->kind == CHANGE_REMOVE))
        return refuse(e, EDIT_NO_MEMBER, i, "address",
                      "\"%.*s\" was removed by an edit; add it again first",
                      SLICE_ARGS(c->address));
    if (c->kind == CHANGE_REMOVE && !e->pool->is_live)
        return refuse(
            e, EDIT_NOT_LIVE, i, "address",
            "members of this pool are the route file's, for it has no live = true; drain it, "
            "or take it out of the file");
    if (c->kind == CHANGE_REMOVE && entry->origin == ORIGIN_NAME)
        return refuse(
            e, EDIT_BAD, i, "address",
            "\"%.*s\" is what a name of the pool stands for now; drain it, or remove the name",
            SLICE_ARGS(c->address));
    if (c->kind == CHANGE_REMOVE) {
        *stays = remove_member(entry);
        return EDIT_DONE;
    }
    put_settings(c, entry);
    put_wish(c, entry);
    return EDIT_DONE;
}

// False: it is gone. One that the file has stays, to be known; an address that a name stands for goes with the name.
static bool remove_member(struct table_entry *entry) {
    if (entry->origin == ORIGIN_API) return false;
    if (entry->wish == WISH_REMOVED || entry->origin == ORIGIN_NAME) return true;
    entry->wish = WISH_REMOVED;
    entry->since = (uint32_t)time(NULL);
    return true;
}

static enum edit_result add_members(struct editing *e) {
    for (size_t i = 0; i < e->edit->count; i++) { // in the order in which they were named
        struct named *n = bsearch(&(struct named){.address = slice_of(e->addresses[i])}, e->names,
                                  e->edit->count, sizeof *e->names, by_address);
        enum edit_result result = n->is_used ? EDIT_DONE : add_member(e, i);
        if (result != EDIT_DONE) return result;
    }
    return EDIT_DONE;
}

static enum edit_result add_member(struct editing *e, size_t i) {
    const struct member_change *c = &e->edit->changes[i];
    struct draft *new = &e->pools->new;
    struct table_entry entry = {.origin = ORIGIN_API, .since = (uint32_t)time(NULL)};
    if (c->kind == CHANGE_SET || c->kind == CHANGE_REMOVE)
        return refuse(e, EDIT_NO_MEMBER, i, "address", "\"%.*s\" is no member",
                      SLICE_ARGS(c->address));
    if (!e->pool->is_live)
        return refuse(e, EDIT_NOT_LIVE, i, "address",
                      "members of this pool are the route file's, for it has no live = true");
    if (new->count == TABLE_LIST_MAX)
        return refuse(e, EDIT_FULL, i, NULL, "a pool has at most %d members", TABLE_LIST_MAX);
    if (!table_take_slot(e->pools->writer, slice_of(e->addresses[i]), &entry.slot))
        return refuse(e, EDIT_FULL, i, NULL,
                      "the table of backends is full: %u members in all pools", TABLE_SLOTS_MAX);
    e->slots_taken++;
    put_settings(c, &entry);
    put_wish(c, &entry);
    new->entries[new->count++] = entry;
    return EDIT_DONE;
}

// What is not given stays, or, of a member that is put or added, is as the file has it.
static void put_settings(const struct member_change *c, struct table_entry *entry) {
    static const struct table_settings DEFAULTS = {.weight = 1};
    struct table_settings usual = entry->origin == ORIGIN_API ? DEFAULTS : entry->file;
    bool is_set = c->kind == CHANGE_SET;
    for (int i = 0; i < MEMBER_SETTINGS_COUNT; i++) {
        struct table_settings given = c->settings;
        uint32_t *to = member_setting_at(&entry->live, i);
        if (c->given & 1u << i)
            *to = *member_setting_at(&given, i);
        else if (!is_set || c->reset & 1u << i)
            *to = *member_setting_at(&usual, i);
    }
}

static void put_wish(const struct member_change *c, struct table_entry *entry) {
    enum table_wish wish = c->has_wish             ? c->wish
                           : c->kind == CHANGE_SET ? (enum table_wish)entry->wish
                                                   : WISH_READY;
    if (wish == entry->wish) return;
    entry->since = (uint32_t)time(NULL);
    entry->wish = (uint8_t)wish;
}

// --- in force ---

static enum edit_result put_in_force(struct editing *e) {
    struct pools *p = e->pools;
    size_t bytes = p->new.count * sizeof *p->new.entries;
    bool is_same =
        p->new.count == p->old.count &&memcmp(p->new.entries, p->old.entries, bytes) == 0;
    if (is_same) return EDIT_DONE;
    struct slice name = slice_of(e->pool->table_name);
    struct state_list is = {p->table, p->new.entries, p->new.count};
    if (p->state && !state_save(p->state, name, &is, &e->report->why))
        return refuse(e, EDIT_UNSAVED, NO_CHANGE, NULL, "; nothing has changed");
    if (pools_publish(p, e->shared) == NOT_PUBLISHED) {
        struct state_list was = {p->table, p->old.entries, p->old.count};
        if (p->state) state_save(p->state, name, &was, &e->report->why);
        return refuse(e, EDIT_FULL, NO_CHANGE, NULL, "the table of backends is full");
    }
    log_changes(e);
    pools_tell(p);
    return EDIT_DONE;
}

static void return_slots(struct editing *e) {
    const struct draft *new = &e->pools->new;
    for (size_t i = 0; i < e->slots_taken; i++)
        table_return_slot(e->pools->writer, new->entries[e->first_added + i].slot);
}

// --- what was done, for the log ---

// The new list has what is left of the old one in its order, then what was added.
static void log_changes(const struct editing *e) {
    const struct draft *old = &e->pools->old, *new = &e->pools->new;
    size_t at = 0;
    for (size_t i = 0; i < old->count; i++) {
        const struct table_entry *was = &old->entries[i], *is = &new->entries[at];
        bool stays = at < e->first_added && is->slot == was->slot;
        log_difference(e, was, stays ? is : NULL);
        if (stays) at++;
    }
    for (; at < new->count; at++) log_difference(e, NULL, &new->entries[at]);
}

static void log_difference(const struct editing *e, const struct table_entry *was,
                           const struct table_entry *is) {
    struct table_settings none = {0}, before = was ? was->live : none, after = is ? is->live : none;
    const char *wished = was ? wish_name(was->wish) : "none",
               *wishes = is ? wish_name(is->wish) : "none";
    struct text line;
    text_init(&line, LINE_MAX_BYTES);
    if (strcmp(wished, wishes) != 0) text_printf(&line, " %s -> %s", wished, wishes);
    for (int i = 0; i < MEMBER_SETTINGS_COUNT; i++) {
        uint32_t from = *member_setting_at(&before, i), to = *member_setting_at(&after, i);
        if (is && from != to) text_printf(&line, " %s %u -> %u", settings[i].name, from, to);
    }
    if (line.len)
        log_audit("%.*s: pool \"%s\": %s:%s (version %llu)", SLICE_ARGS(e->edit->who),
                  e->pool->name, table_text(e->pools->table, was ? was->slot : is->slot),
                  text_string(&line), (unsigned long long)table_version(e->pools->table));
    text_fini(&line);
}

static enum edit_result refuse(struct editing *e, enum edit_result result, size_t at,
                               const char *field, const char *format, ...) {
    char words[LINE_MAX_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    e->report->at = at;
    e->report->field = field;
    text_add(&e->report->why, slice_of(words));
    return result;
}

// --- names ---

uint32_t *member_setting_at(struct table_settings *s, enum member_setting which) {
    return (uint32_t *)(void *)((char *)s + settings[which].offset);
}

const char *member_setting_name(enum member_setting which) {
    return settings[which].name;
}

uint32_t member_setting_most(enum member_setting which) {
    return settings[which].most;
}

const char *wish_name(enum table_wish w) {
    static const char *const NAMES[] = {"ready", "drain", "maint", "removed"};
    return NAMES[w];
}
