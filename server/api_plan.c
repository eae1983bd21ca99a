// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <stdlib.h>
#include <string.h>

#include "routing/plan.h"
#include "server/api_parts.h"
#include "server/entry_index.h"

// POST .../plan: how many of these keys would move if these were the members.

// Each key is compared with each member, and control does nothing else meanwhile: some 20 ms.
enum { KEYS_MOST = 100000, COMPARED_MOST = 2000000, EXAMPLES_MOST = 10 };

struct planning {
    struct plan *now, *then;
    json_t *examples, *from, *to; // from, to: address: how many leave it, come to it
    json_int_t moved, refused;
};

static struct plan *plan_of_table(struct api_call *c);
static struct plan *plan_of_changes(struct api_call *c, const struct member_change *changes,
                                    size_t count);
static bool is_short(struct api_call *c, const json_t *keys, size_t members);
static bool are_texts(struct api_call *c, const json_t *keys);
static void plan_keys(struct planning *p, const json_t *keys);
static void plan_key(struct planning *p, struct slice key);
static void count_up(json_t *counts, const char *address);
static void give_plan(struct api_call *c, struct planning *p, size_t keys);

void api_plan(struct api_call *c) {
    struct json_reader r = {0};
    struct planning p = {0};
    const json_t *keys;
    size_t count;
    struct member_change *changes = NULL;
    json_t *root = json_read_text(&r, c->request->body);
    if (!root || !json_has_only(&r, root, "members|keys") ||
        !json_read_array(&r, root, "keys", KEYS_MOST, &keys))
        api_refuse_json(c, &r);
    else if (c->pool->balance != BALANCE_HASH)
        api_refuse(c, 409, "", "the pool has no keys: its balance is not \"hash\"");
    else if (are_texts(c, keys) && (changes = api_read_members(c, root, &count)) &&
             is_short(c, keys, count) && (p.now = plan_of_table(c))) {
        p.then = plan_of_changes(c, changes, count);
        plan_keys(&p, keys);
        give_plan(c, &p, json_array_size(keys));
    }
    plan_free(p.now);
    plan_free(p.then);
    json_decref(root);
}

static bool is_short(struct api_call *c, const json_t *keys, size_t members) {
    const struct table_entry *entries;
    size_t count = 0;
    if (!api_list(c, &entries, &count)) return false;
    if (members < count) members = count;
    size_t most = members > 0 ? COMPARED_MOST / members : KEYS_MOST;
    if (json_array_size(keys) <= most) return true;
    api_refuse(c, 413, "/keys", "of a pool of %zu members at most %zu keys at a time", members,
               most);
    return false;
}

static struct plan *plan_of_table(struct api_call *c) {
    const struct table_entry *entries;
    size_t count, n = 0;
    if (!api_list(c, &entries, &count)) return NULL;
    struct member_conf *members = arena_zalloc(c->arena, (count + 1) * sizeof *members);
    for (size_t i = 0; i < count; i++) {
        const char *text = table_text(scoreboard_table(c->conf->board), entries[i].slot);
        if (entries[i].wish != WISH_READY) continue;
        members[n].text = arena_string(c->arena, slice_of(text));
        members[n++].settings = entries[i].live;
    }
    return plan_new(c->pool, members, n);
}

// As pools_edit() would put them: what is not given is the default, or the file's.
static struct plan *plan_of_changes(struct api_call *c, const struct member_change *changes,
                                    size_t count) {
    const struct table_entry *entries = NULL, *known;
    size_t known_count = 0, n = 0;
    pools_list(c->conf->pools, c->pool, &entries, &known_count);
    struct entry_index *index =
        entry_index_new(scoreboard_table(c->conf->board), entries, known_count);
    struct member_conf *members = arena_zalloc(c->arena, (count + 1) * sizeof *members);
    for (size_t i = 0; i < count; i++) {
        const struct member_change *change = &changes[i];
        struct table_settings given = change->settings, usual = {.weight = 1};
        if (change->has_wish && change->wish != WISH_READY) continue;
        known = entry_index_find(index, change->address);
        if (known && known->origin != ORIGIN_API) usual = known->file;
        for (int s = 0; s < MEMBER_SETTINGS_COUNT; s++)
            if (change->given & 1u << s)
                *member_setting_at(&usual, s) = *member_setting_at(&given, s);
        members[n].text = arena_string(c->arena, change->address);
        members[n++].settings = usual;
    }
    entry_index_free(index);
    return plan_new(c->pool, members, n);
}

static bool are_texts(struct api_call *c, const json_t *keys) {
    struct json_reader r = {0};
    json_enter(&r, "keys", 0);
    for (size_t i = 0; i < json_array_size(keys); i++) {
        if (json_is_string(json_array_get(keys, i))) continue;
        json_enter(&r, NULL, i);
        json_complain(&r, "needs a string");
        api_refuse_json(c, &r);
        return false;
    }
    return true;
}

static void plan_keys(struct planning *p, const json_t *keys) {
    p->examples = json_array();
    p->from = json_object();
    p->to = json_object();
    for (size_t i = 0; i < json_array_size(keys); i++) {
        const json_t *key = json_array_get(keys, i);
        plan_key(p, (struct slice){json_string_value(key), json_string_length(key)});
    }
}

static void plan_key(struct planning *p, struct slice key) {
    const char *from, *to;
    if (!plan_choose(p->now, key, &from) || !plan_choose(p->then, key, &to)) {
        p->refused++;
        return;
    }
    if (!from) from = "(none)";
    if (!to) to = "(none)";
    if (strcmp(from, to) == 0) return;
    p->moved++;
    count_up(p->from, from);
    count_up(p->to, to);
    if (json_array_size(p->examples) < EXAMPLES_MOST)
        json_array_append_new(p->examples, json_pack("{s:s%, s:s, s:s}", "key", key.at, key.len,
                                                     "from", from, "to", to));
}

static void count_up(json_t *counts, const char *address) {
    json_int_t n = json_integer_value(json_object_get(counts, address));
    json_object_set_new(counts, address, json_integer(n + 1));
}

static void give_plan(struct api_call *c, struct planning *p, size_t keys) {
    api_give(c, 200,
             json_pack("{s:o, s:I, s:I, s:I, s:o, s:o, s:o}", "pool", api_text_json(c->name),
                       "keys", (json_int_t)keys, "refused", p->refused, "moved", p->moved, "from",
                       p->from, "to", p->to, "examples", p->examples));
}
