// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "routing/balance.h"
#include "routing/template.h"
#include "server/api_parts.h"

// GET: what there is. `after` and `limit` of the list of pools page through it.

enum { PAGE_MOST = 10000, PAGE_USUAL = 1000, REASON_MAX = 1024 };

static bool read_query(struct api_call *c, size_t *after, size_t *limit, bool *has_all);
static bool is_named(const struct pool *p);
static json_t *summary_json(struct api_call *c, const struct pool *p);
static void count_members(struct api_call *c, const struct table_entry *entries, size_t count,
                          json_t *out);
static json_t *reason_json(struct api_call *c, const struct table_entry *e);
static json_t *settings_json(const struct table_settings *s);

void api_list_pools(struct api_call *c) {
    const struct config *config = c->conf->generation(c->conf->arg)->config;
    size_t i = 0, limit = PAGE_USUAL;
    bool has_all = false;
    if (!read_query(c, &i, &limit, &has_all)) return;
    json_t *pools = json_array();
    for (; i < config->pool_count && json_array_size(pools) < limit; i++) {
        c->pool = config->pools[i];
        if (has_all || is_named(c->pool)) json_array_append_new(pools, summary_json(c, c->pool));
    }
    uint64_t version = table_version(scoreboard_table(c->conf->board));
    json_t *answer = json_pack("{s:I, s:o}", "version", (json_int_t)version, "pools", pools);
    if (i < config->pool_count) json_object_set_new(answer, "next", json_integer((json_int_t)i));
    api_give(c, 200, answer);
}

// "all", "after=N", "limit=N".
static bool read_query(struct api_call *c, size_t *after, size_t *limit, bool *has_all) {
    for (struct slice rest = c->request->query; rest.at && rest.len > 0;) {
        struct slice value = slice_cut(&rest, '&'), name = slice_cut(&value, '=');
        uint64_t n = 0;
        bool is_number = value.at && slice_to_u64(value, &n);
        if (slice_equals(name, SLICE("all")) && !value.at)
            *has_all = true;
        else if (slice_equals(name, SLICE("after")) && is_number)
            *after = n;
        else if (slice_equals(name, SLICE("limit")) && is_number && n > 0 && n <= PAGE_MOST)
            *limit = n;
        else {
            api_refuse(c, 400, "", "the query may have all, after=N and limit=N (at most %d)",
                       PAGE_MOST);
            return false;
        }
    }
    return true;
}

// The others are those of addresses that a site gave.
static bool is_named(const struct pool *p) {
    return strcmp(p->name, p->table_name) == 0;
}

void api_show_pool(struct api_call *c) {
    const struct table_entry *entries;
    size_t count;
    if (!api_list(c, &entries, &count)) return;
    api_tag(c, entries, count);
    json_t *answer = summary_json(c, c->pool), *members = json_array();
    if (!pools_list(c->conf->pools, c->pool, &entries, &count)) count = 0;
    for (size_t i = 0; i < count; i++)
        json_array_append_new(members, api_member_json(c, &entries[i]));
    json_object_set_new(answer, "members", members);
    api_give(c, 200, answer);
}

void api_show_member(struct api_call *c) {
    const struct table_entry *entries, *found;
    size_t count;
    if (!api_list(c, &entries, &count)) return;
    found = api_find(c, entries, count, c->address);
    api_tag(c, entries, count);
    if (found)
        api_give(c, 200, api_member_json(c, found));
    else
        api_refuse(c, 404, "", "the pool has no member \"%.*s\"", SLICE_ARGS(c->address));
}

const struct table_entry *api_find(struct api_call *c, const struct table_entry *entries,
                                   size_t count, struct slice address) {
    const struct table *t = scoreboard_table(c->conf->board);
    char spelled[MEMBER_TEXT_MAX];
    struct text unused;
    text_init(&unused, 1024);
    if (member_spell(address, spelled, &unused)) address = slice_of(spelled);
    text_fini(&unused);
    for (size_t i = 0; i < count; i++)
        if (slice_equals(slice_of(table_text(t, entries[i].slot)), address)) return &entries[i];
    return NULL;
}

static json_t *summary_json(struct api_call *c, const struct pool *p) {
    const struct table *t = scoreboard_table(c->conf->board);
    const struct table_pool *shared = table_find(t, slice_of(p->table_name));
    uint64_t head = shared ? table_pool_head(shared) : 0;
    char place[512];
    snprintf(place, sizeof place, "%s:%d", p->place.file ? p->place.file : "", p->place.line);
    json_t *j = json_object();
    json_object_set_new(j, "name", api_text_json(slice_of(p->table_name)));
    json_object_set_new(j, "place", api_text_json(slice_of(place)));
    json_object_set_new(j, "live", json_boolean(p->is_live));
    json_object_set_new(j, "balance", api_text_json(conf_choice(BALANCE_NAMES, (int)p->balance)));
    if (p->key) json_object_set_new(j, "key", api_text_json(slice_of(template_text(p->key))));
    json_object_set_new(j, "version", json_integer((json_int_t)(head >> 32)));
    const struct table_entry *entries;
    size_t count;
    if (pools_list(c->conf->pools, p, &entries, &count)) count_members(c, entries, count, j);
    return j;
}

static void count_members(struct api_call *c, const struct table_entry *entries, size_t count,
                          json_t *out) {
    struct table *t = scoreboard_table(c->conf->board);
    json_int_t there = 0, able = 0, in_flight = 0;
    for (size_t i = 0; i < count; i++) {
        const struct table_entry *e = &entries[i];
        bool is_up = e->health != HEALTH_DOWN && e->health != HEALTH_EJECTED;
        there += e->wish != WISH_REMOVED;
        able += e->wish == WISH_READY && e->weight > 0 && is_up;
        in_flight += __atomic_load_n(table_in_flight(t, e->slot), __ATOMIC_RELAXED);
    }
    json_object_set_new(out, "count", json_integer(there));
    json_object_set_new(out, "able", json_integer(able));
    json_object_set_new(out, "in_flight", json_integer(in_flight));
}

json_t *api_member_json(struct api_call *c, const struct table_entry *e) {
    static const char *const ORIGINS[] = {"file", "api", "name"};
    static const char *const HEALTH[] = {"unknown", "up", "down", "ejected"};
    struct table *t = scoreboard_table(c->conf->board);
    json_t *j = settings_json(&e->live);
    uint32_t in_flight = __atomic_load_n(table_in_flight(t, e->slot), __ATOMIC_RELAXED);
    bool has_file = e->origin != ORIGIN_API;
    json_object_set_new(j, "address", api_text_json(slice_of(table_text(t, e->slot))));
    json_object_set_new(j, "origin", json_string(ORIGINS[e->origin]));
    json_object_set_new(j, "wish", json_string(wish_name(e->wish)));
    json_object_set_new(j, "health", json_string(HEALTH[e->health]));
    json_object_set_new(j, "since", json_integer(e->since));
    json_object_set_new(j, "reason", reason_json(c, e));
    json_object_set_new(j, "weight_now", json_integer(e->weight));
    json_object_set_new(j, "in_flight", json_integer(in_flight));
    json_object_set_new(j, "file", has_file ? settings_json(&e->file) : json_null());
    return j;
}

static json_t *reason_json(struct api_call *c, const struct table_entry *e) {
    struct text reason;
    text_init(&reason, REASON_MAX);
    bool has_one = c->conf->describe_member(c->conf->arg, e->slot, &reason);
    json_t *j = has_one ? api_text_json(text_slice(&reason)) : json_null();
    text_fini(&reason);
    return j;
}

static json_t *settings_json(const struct table_settings *s) {
    struct table_settings from = *s;
    json_t *j = json_object();
    CHECK(j);
    for (int i = 0; i < MEMBER_SETTINGS_COUNT; i++)
        json_object_set_new(j, member_setting_name(i), json_integer(*member_setting_at(&from, i)));
    return j;
}

json_t *api_text_json(struct slice s) {
    json_t *j = json_stringn(s.at ? s.at : "", s.len);
    return j ? j : json_string("(no UTF-8)");
}
