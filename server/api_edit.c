// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <stdio.h>
#include <string.h>

#include "http/message/field.h"
#include "server/api_parts.h"

// PATCH, PUT and DELETE: what is sent becomes the changes of one edit.

#define MEMBER_SETTING(name, member, most) "|" #name
static const char EDIT_KEYS[] = "do|address|wish"
#include "server/member_settings.def"
    ;
static const char ITEM_KEYS[] = "address|wish"
#include "server/member_settings.def"
    ;
static const char MEMBER_KEYS[] = "wish"
#include "server/member_settings.def"
    ;
#undef MEMBER_SETTING

// How the problem of a change is pointed at.
enum points { POINTS_NOWHERE, POINTS_EDITS, POINTS_MEMBERS };

static bool read_edit(struct json_reader *r, const json_t *item, struct member_change *out);
static bool read_verb(struct json_reader *r, const json_t *item, struct member_change *out);
static bool read_item(struct json_reader *r, const json_t *item, struct member_change *out);
static bool read_settings(struct json_reader *r, const json_t *item, struct member_change *out);
static bool read_wish(struct json_reader *r, const json_t *item, struct member_change *out);
static void edit_member(struct api_call *c, enum change_kind kind);
static bool forbids_replacing(struct api_call *c);
static bool carry_out(struct api_call *c, const struct pool_edit *edit, enum points points);
static int status_of(enum edit_result result, enum points points);
static void give_summary(struct api_call *c);

static const struct {
    const char *word;
    enum change_kind kind;
    bool has_wish;
    enum table_wish wish;
} verbs[] = {
    {"add", CHANGE_ADD, false, 0},           {"put", CHANGE_PUT, false, 0},
    {"set", CHANGE_SET, false, 0},           {"remove", CHANGE_REMOVE, false, 0},
    {"drain", CHANGE_SET, true, WISH_DRAIN}, {"ready", CHANGE_SET, true, WISH_READY},
    {"maint", CHANGE_SET, true, WISH_MAINT},
};

// --- the pool ---

void api_patch_pool(struct api_call *c) {
    struct json_reader r = {0};
    const json_t *edits = NULL;
    json_t *root = json_read_text(&r, c->request->body);
    bool is_good = root && json_has_only(&r, root, "edits") &&
                   json_read_array(&r, root, "edits", TABLE_LIST_MAX, &edits);
    size_t count = json_array_size(edits);
    struct member_change *changes = arena_zalloc(c->arena, (count + 1) * sizeof *changes);
    size_t before = json_enter(&r, "edits", 0);
    for (size_t i = 0; is_good && i < count; i++) {
        size_t outer = json_enter(&r, NULL, i);
        is_good = read_edit(&r, json_array_get(edits, i), &changes[i]);
        json_leave(&r, outer);
    }
    json_leave(&r, before);
    if (!is_good)
        api_refuse_json(c, &r);
    else if (carry_out(c, &(struct pool_edit){.changes = changes, .count = count}, POINTS_EDITS))
        give_summary(c);
    json_decref(root);
}

void api_put_pool(struct api_call *c) {
    struct json_reader r = {0};
    struct pool_edit edit = {.is_whole = true};
    json_t *root = json_read_text(&r, c->request->body);
    if (!root || !json_has_only(&r, root, "members"))
        api_refuse_json(c, &r);
    else if ((edit.changes = api_read_members(c, root, &edit.count)) &&
             carry_out(c, &edit, POINTS_MEMBERS))
        give_summary(c);
    json_decref(root);
}

struct member_change *api_read_members(struct api_call *c, const json_t *root, size_t *count) {
    struct json_reader r = {0};
    const json_t *members;
    if (!json_read_array(&r, root, "members", TABLE_LIST_MAX, &members)) {
        api_refuse_json(c, &r);
        return NULL;
    }
    *count = json_array_size(members);
    struct member_change *changes = arena_zalloc(c->arena, (*count + 1) * sizeof *changes);
    size_t before = json_enter(&r, "members", 0);
    for (size_t i = 0; i < *count; i++) {
        size_t outer = json_enter(&r, NULL, i);
        if (!read_item(&r, json_array_get(members, i), &changes[i])) {
            api_refuse_json(c, &r);
            return NULL;
        }
        json_leave(&r, outer);
    }
    json_leave(&r, before);
    return changes;
}

static bool read_edit(struct json_reader *r, const json_t *item, struct member_change *out) {
    return json_has_only(r, item, EDIT_KEYS) && read_verb(r, item, out) &&
           json_read_string(r, item, "address", true, &out->address) && read_settings(r, item, out);
}

static bool read_verb(struct json_reader *r, const json_t *item, struct member_change *out) {
    struct slice word;
    if (!json_read_string(r, item, "do", true, &word)) return false;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (!slice_equals(word, slice_of(verbs[i].word))) continue;
        out->kind = verbs[i].kind;
        out->has_wish = verbs[i].has_wish;
        out->wish = verbs[i].wish;
        return true;
    }
    json_enter(r, "do", 0);
    return json_complain(r, "needs add, put, set, remove, drain, ready or maint");
}

// "address", or an object with one.
static bool read_item(struct json_reader *r, const json_t *item, struct member_change *out) {
    out->kind = CHANGE_PUT;
    if (json_is_string(item)) {
        out->address = (struct slice){json_string_value(item), json_string_length(item)};
        return true;
    }
    return json_has_only(r, item, ITEM_KEYS) &&
           json_read_string(r, item, "address", true, &out->address) && read_settings(r, item, out);
}

// null: back to what the file has.
static bool read_settings(struct json_reader *r, const json_t *item, struct member_change *out) {
    for (int i = 0; i < MEMBER_SETTINGS_COUNT; i++) {
        const json_t *value = json_object_get(item, member_setting_name(i));
        if (!value) continue;
        if (out->kind == CHANGE_REMOVE) {
            json_enter(r, member_setting_name(i), 0);
            return json_complain(r, "a member that is removed has no settings");
        }
        size_t before = json_enter(r, member_setting_name(i), 0);
        uint32_t *to = member_setting_at(&out->settings, i);
        bool is_reset = json_is_null(value);
        if (!is_reset && !json_read_number(r, value, member_setting_most(i), to)) return false;
        json_leave(r, before);
        if (is_reset)
            out->reset |= 1u << i;
        else
            out->given |= 1u << i;
    }
    return read_wish(r, item, out);
}

static bool read_wish(struct json_reader *r, const json_t *item, struct member_change *out) {
    struct slice word = {0};
    if (!json_read_string(r, item, "wish", false, &word)) return false;
    if (!word.at) return true;
    size_t before = json_enter(r, "wish", 0);
    for (enum table_wish w = WISH_READY; w < WISH_REMOVED; w++) {
        if (!slice_equals(word, slice_of(wish_name(w)))) continue;
        if (out->has_wish || out->kind == CHANGE_REMOVE)
            return json_complain(r, "does not go with this \"do\"");
        out->has_wish = true;
        out->wish = w;
        json_leave(r, before);
        return true;
    }
    return json_complain(r, "needs ready, drain or maint");
}

// --- a member ---

void api_put_member(struct api_call *c) {
    if (!forbids_replacing(c)) edit_member(c, CHANGE_PUT);
}

void api_patch_member(struct api_call *c) {
    edit_member(c, CHANGE_SET);
}

void api_delete_member(struct api_call *c) {
    struct member_change change = {.kind = CHANGE_REMOVE, .address = c->address};
    struct pool_edit edit = {.changes = &change, .count = 1};
    if (carry_out(c, &edit, POINTS_NOWHERE)) give_summary(c);
}

static void edit_member(struct api_call *c, enum change_kind kind) {
    struct json_reader r = {0};
    struct member_change change = {.kind = kind, .address = c->address};
    struct pool_edit edit = {.changes = &change, .count = 1};
    bool is_empty = kind == CHANGE_PUT && c->request->body.len == 0;
    json_t *root = is_empty ? json_object() : json_read_text(&r, c->request->body);
    bool is_good = root && json_has_only(&r, root, MEMBER_KEYS) && read_settings(&r, root, &change);
    json_decref(root);
    if (!is_good)
        api_refuse_json(c, &r);
    else if (carry_out(c, &edit, POINTS_NOWHERE))
        api_show_member(c);
}

// If-None-Match: *, so that two who add the same member do not both believe that they did (RFC 9110 section 13.1.2).
static bool forbids_replacing(struct api_call *c) {
    const struct field *f = fields_find_name(c->request->fields, SLICE("If-None-Match"));
    const struct table_entry *entries, *found;
    size_t count;
    if (!f || !slice_equals(f->value, SLICE("*"))) return false;
    if (!api_list(c, &entries, &count)) return true;
    found = api_find(c, entries, count, c->address);
    if (!found || found->wish == WISH_REMOVED) return false;
    api_tag(c, entries, count);
    api_refuse(c, 412, "", "\"%.*s\" is a member already", SLICE_ARGS(c->address));
    return true;
}

// --- both ---

// False: it was refused, and that was answered.
static bool carry_out(struct api_call *c, const struct pool_edit *edit, enum points points) {
    static const char *const LISTS[] = {"", "/edits", "/members"};
    const struct table_entry *entries;
    size_t count;
    char who[API_WHO_MAX], pointer[JSON_POINTER_MAX] = "";
    struct edit_report report;
    struct pool_edit asked = *edit;
    if (!api_list(c, &entries, &count) || !api_is_match(c, entries, count)) return false;
    asked.who = slice_of(api_who(c->request, who));
    text_init(&report.why, 4096);
    enum edit_result result = pools_edit(c->conf->pools, c->pool, &asked, &report);
    if (points != POINTS_NOWHERE && report.at < asked.count)
        snprintf(pointer, sizeof pointer, "%s/%zu%s%s", LISTS[points], report.at,
                 report.field ? "/" : "", report.field ? report.field : "");
    if (result != EDIT_DONE)
        api_refuse(c, status_of(result, points), pointer, "%s", text_string(&report.why));
    text_fini(&report.why);
    return result == EDIT_DONE;
}

static int status_of(enum edit_result result, enum points points) {
    switch (result) {
    case EDIT_BAD: return 400;
    case EDIT_NO_MEMBER: return points == POINTS_NOWHERE ? 404 : 409;
    case EDIT_IS_MEMBER:
    case EDIT_NOT_LIVE: return 409;
    case EDIT_FULL: return 507;
    case EDIT_UNSAVED: return 503;
    case EDIT_DONE: break;
    }
    return 200;
}

static void give_summary(struct api_call *c) {
    const struct table_entry *entries;
    size_t count;
    if (!api_list(c, &entries, &count)) return;
    const struct table *t = scoreboard_table(c->conf->board);
    uint64_t head = table_pool_head(table_find(t, slice_of(c->pool->table_name)));
    api_tag(c, entries, count);
    api_give(c, 200,
             json_pack("{s:o, s:I, s:I}", "pool", api_text_json(c->name), "version",
                       (json_int_t)(head >> 32), "table_version", (json_int_t)table_version(t)));
}
