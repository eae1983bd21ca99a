// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/state_read.h"

#include <string.h>

#include "routing/address_text.h"
#include "server/pool_edit.h"

enum { WHY_BYTES_MAX = 1000, PROBLEMS_MAX = 10 };

// What is wrong by itself falls through.
struct sieve {
    const char *path;
    struct text *problems;
    unsigned dropped;
};

static const char *check_root(const json_t *root, int format);
static bool sift_pool(struct sieve *s, const char *pool, json_t *members);
static void drop(struct sieve *s, const char *pool, const char *address, const char *wrong);
static const char *check_member(const json_t *member);
static bool is_settings(const json_t *j);
static int index_of(const json_t *j, const char *const *names, int count);
static void read_settings(const json_t *j, struct table_settings *out);

static const char *const ORIGINS[] = {[ORIGIN_FILE] = "file", [ORIGIN_API] = "api"};
static const char *const WISHES[] = {"ready", "drain", "maint", "removed"};

json_t *state_parse(struct slice text, const char *path, int format, struct text *problems) {
    json_error_t error;
    size_t flags = JSON_REJECT_DUPLICATES;
    json_t *root = json_loadb(text.at ? text.at : "", text.len, flags, &error);
    if (!root) {
        text_printf(problems, "%s:%d:%d: %s\n", path, error.line, error.column, error.text);
        return NULL;
    }
    const char *wrong = check_root(root, format);
    if (wrong) text_printf(problems, "%s: %s\n", path, wrong);
    json_t *pools = wrong ? NULL : json_incref(json_object_get(root, "pools"));
    json_decref(root);
    struct sieve sieve = {path, problems, 0};
    const char *pool;
    json_t *members;
    void *next;
    json_object_foreach_safe(pools, next, pool, members) if (!sift_pool(&sieve, pool, members))
        json_object_del(pools, pool);
    if (sieve.dropped > PROBLEMS_MAX)
        text_printf(problems, "%s: and %u more\n", path, sieve.dropped - PROBLEMS_MAX);
    return pools;
}

static const char *check_root(const json_t *root, int format) {
    const json_t *number = json_object_get(root, "format");
    const char *rsp = json_string_value(json_object_get(root, "rsp"));
    if (!rsp || strcmp(rsp, "state") != 0) return "is no state file of rsp";
    if (!json_is_integer(number) || json_integer_value(number) != format)
        return "/format: this version of rsp reads 1 only";
    if (!json_is_object(json_object_get(root, "pools"))) return "/pools: is no object";
    return json_object_size(root) == 3 ? NULL : "has other keys than rsp, format and pools";
}

// False: the pool is none.
static bool sift_pool(struct sieve *s, const char *pool, json_t *members) {
    const char *address;
    json_t *member;
    void *next;
    struct text why;
    if (!json_is_object(members) || json_object_size(members) > TABLE_LIST_MAX) {
        drop(s, pool, "", "is no object, or too large");
        return false;
    }
    text_init(&why, WHY_BYTES_MAX);
    json_object_foreach_safe(members, next, address, member) {
        bool is_spelled = member_is_spelled(slice_of(address), &why);
        const char *wrong = is_spelled ? check_member(member) : text_string(&why);
        if (wrong) drop(s, pool, address, wrong);
        if (wrong) json_object_del(members, address);
        text_clear(&why);
    }
    text_fini(&why);
    return true;
}

static void drop(struct sieve *s, const char *pool, const char *address, const char *wrong) {
    if (s->dropped++ < PROBLEMS_MAX)
        text_printf(s->problems, "%s: /pools/%s%s%s: %s\n", s->path, pool, *address ? "/" : "",
                    address, wrong);
}

static const char *check_member(const json_t *member) {
    if (json_object_size(member) != 4) return "needs origin, wish, live and file, nothing else";
    if (index_of(json_object_get(member, "origin"), ORIGINS, 2) < 0) return "origin is not known";
    int wish = index_of(json_object_get(member, "wish"), WISHES, 4);
    if (wish < 0) return "wish is not known";
    if (!is_settings(json_object_get(member, "live"))) return "live: is no set of settings";
    if (!is_settings(json_object_get(member, "file"))) return "file: is no set of settings";
    return NULL;
}

static bool is_settings(const json_t *j) {
    if (json_object_size(j) != MEMBER_SETTINGS_COUNT) return false;
    for (int i = 0; i < MEMBER_SETTINGS_COUNT; i++) {
        const json_t *number = json_object_get(j, member_setting_name(i));
        json_int_t value = json_integer_value(number);
        if (!json_is_integer(number) || value < 0 || value > member_setting_most(i)) return false;
    }
    return true;
}

static int index_of(const json_t *j, const char *const *names, int count) {
    const char *text = json_string_value(j);
    for (int i = 0; text && i < count; i++)
        if (strcmp(text, names[i]) == 0) return i;
    return -1;
}

void state_read_member(const json_t *member, struct state_member *out) {
    out->origin = (enum table_origin)index_of(json_object_get(member, "origin"), ORIGINS, 2);
    out->wish = (enum table_wish)index_of(json_object_get(member, "wish"), WISHES, 4);
    read_settings(json_object_get(member, "live"), &out->live);
    read_settings(json_object_get(member, "file"), &out->file);
}

static void read_settings(const json_t *j, struct table_settings *out) {
    *out = (struct table_settings){0};
    for (int i = 0; i < MEMBER_SETTINGS_COUNT; i++)
        *member_setting_at(out, i) =
            (uint32_t)json_integer_value(json_object_get(j, member_setting_name(i)));
}
