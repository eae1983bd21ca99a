// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/state.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/check.h"
#include "server/pool_edit.h"
#include "server/state_edits.h"
#include "server/state_file.h"
#include "server/state_read.h"

enum { FORMAT = 1 };

struct state {
    int folder_fd;
    char *path;    // NULL: nothing is saved
    json_t *pools; // name: members, those that differ only
    json_t *before,
        *merged;    // the same before the last merge, and when it was done; NULL: there was none
    char *in_file;  // what the file has, to be put back; NULL: there is none
    bool has_begun; // state_load() was called,
    bool is_loaded; // with success
};

static json_t *differences(const struct state_list *list, bool *is_good);
static bool differs(const struct table_entry *e);
static json_t *member_json(const struct table_entry *e);
static json_t *settings_json(const struct table_settings *s);
static bool put_pool(struct state *s, struct slice pool, json_t *members);
static bool write_out(struct state *s, struct text *why);
static void put_back(struct state *s);
static void set_aside(struct state *s, const char *end, const char *done, struct text *problems);

struct state *state_new(void) {
    struct state *s = calloc(1, sizeof *s);
    CHECK(s);
    *s = (struct state){.folder_fd = -1, .pools = json_object()};
    CHECK(s->pools);
    return s;
}

void state_free(struct state *s) {
    if (!s) return;
    if (s->folder_fd >= 0) close(s->folder_fd);
    json_decref(s->pools);
    json_decref(s->before);
    json_decref(s->merged);
    free(s->in_file);
    free(s->path);
    free(s);
}

void state_open(struct state *s, int folder_fd, const char *path, struct text *problems) {
    bool is_same = s->path && path && strcmp(s->path, path) == 0;
    if (s->folder_fd >= 0) close(s->folder_fd);
    s->folder_fd = folder_fd;
    if (is_same && folder_fd >= 0) return;
    free(s->path);
    s->path = folder_fd >= 0 ? strdup(path) : NULL;
    if (!s->has_begun || !s->path) return;
    state_keep_before(s, problems);
}

void state_keep_before(struct state *s, struct text *problems) {
    if (s->path) set_aside(s, ".before", NULL, problems);
}

// What is in force next is written anew. done: what is said of it; NULL: nothing.
static void set_aside(struct state *s, const char *end, const char *done, struct text *problems) {
    char aside[STATE_ASIDE_MAX];
    free(s->in_file);
    s->in_file = NULL;
    bool is_good = state_file_set_aside(s->folder_fd, s->path, end, aside, problems);
    if (is_good && done) text_printf(problems, "%s: %s as %s", s->path, done, aside);
    if (!is_good || done) text_add_char(problems, '\n');
}

const char *state_path(const struct state *s) {
    return s->path;
}

bool state_load(struct state *s, struct text *problems) {
    struct text content;
    s->has_begun = true;
    if (!s->path) return false;
    text_init(&content, STATE_BYTES_MAX);
    size_t before = problems->len;
    bool is_there = state_file_read(s->folder_fd, s->path, &content, problems);
    if (problems->len > before) text_add_char(problems, '\n');
    json_t *pools = is_there ? state_parse(text_slice(&content), s->path, FORMAT, problems) : NULL;
    if (pools) {
        json_decref(s->pools);
        s->pools = pools;
        s->in_file = strdup(text_string(&content));
    }
    if (problems->len > before)
        set_aside(s, ".damaged",
                  pools ? "what is good of it is in force; it is kept"
                        : "the members are those of the route file; it was set aside",
                  problems);
    text_fini(&content);
    s->is_loaded = pools != NULL;
    return s->is_loaded;
}

bool state_is_loaded(const struct state *s) {
    return s->is_loaded;
}

// --- saving ---

bool state_save(struct state *s, struct slice pool, const struct state_list *list,
                struct text *why) {
    bool is_good;
    json_t *members = differences(list, &is_good);
    if (!s->path) {
        put_pool(s, pool, members);
        return true;
    }
    json_t *was = json_incref(json_object_getn(s->pools, pool.at, pool.len));
    if (!put_pool(s, pool, members) || !is_good)
        text_add(why, SLICE("a name or an address that is no UTF-8 cannot be saved"));
    else if (write_out(s, why)) {
        json_decref(was);
        return true;
    }
    put_pool(s, pool, was ? was : json_object());
    return false;
}

void state_begin(struct state *s) {
    json_decref(s->before);
    s->before = s->pools;
    s->pools = json_object();
    CHECK(s->pools);
}

bool state_add(struct state *s, struct slice pool, const struct state_list *list) {
    bool is_good;
    json_t *members = differences(list, &is_good);
    return put_pool(s, pool, members) && is_good;
}

bool state_commit(struct state *s, struct text *why) {
    json_decref(s->merged);
    s->merged = json_deep_copy(s->pools);
    return !s->path || write_out(s, why);
}

bool state_go_back(struct state *s) {
    if (!s->before || !s->merged) return false;
    state_repeat_edits(s->before, s->merged, s->pools);
    json_decref(s->pools);
    s->pools = s->before;
    s->before = NULL;
    s->is_loaded = true;
    return true;
}

static json_t *differences(const struct state_list *list, bool *is_good) {
    json_t *members = json_object();
    *is_good = true;
    CHECK(members);
    for (size_t i = 0; i < list->count; i++) {
        const struct table_entry *e = &list->entries[i];
        if (!differs(e)) continue;
        const char *address = table_text(list->table, e->slot);
        *is_good &= json_object_set_new(members, address, member_json(e)) == 0;
    }
    return members;
}

static bool differs(const struct table_entry *e) {
    if (e->origin == ORIGIN_NAME) return false; // names are resolved anew
    return e->origin == ORIGIN_API || e->wish != WISH_READY ||
           memcmp(&e->live, &e->file, sizeof e->live) != 0;
}

static json_t *member_json(const struct table_entry *e) {
    const char *origin = e->origin == ORIGIN_API ? "api" : "file";
    json_t *j = json_pack("{s:s, s:s, s:o, s:o}", "origin", origin, "wish", wish_name(e->wish),
                          "live", settings_json(&e->live), "file", settings_json(&e->file));
    CHECK(j);
    return j;
}

static json_t *settings_json(const struct table_settings *s) {
    struct table_settings from = *s;
    json_t *j = json_object();
    for (int i = 0; i < MEMBER_SETTINGS_COUNT; i++)
        json_object_set_new(j, member_setting_name(i), json_integer(*member_setting_at(&from, i)));
    return j;
}

// Takes `members`. False: the name is no UTF-8.
static bool put_pool(struct state *s, struct slice pool, json_t *members) {
    if (json_object_size(members) > 0)
        return json_object_setn_new(s->pools, pool.at, pool.len, members) == 0;
    json_decref(members);
    json_object_deln(s->pools, pool.at, pool.len);
    return true;
}

static bool write_out(struct state *s, struct text *why) {
    json_t *root =
        json_pack("{s:s, s:i, s:O}", "rsp", "state", "format", FORMAT, "pools", s->pools);
    char *content = root ? json_dumps(root, JSON_INDENT(1)) : NULL;
    CHECK(content);
    json_decref(root);
    enum saved saved = SAVED;
    if (strlen(content) > STATE_BYTES_MAX) {
        text_printf(why, "%s: would be longer than %u bytes", s->path, STATE_BYTES_MAX);
        saved = NOT_SAVED;
    } else if (!s->in_file || strcmp(content, s->in_file) != 0) {
        saved = state_file_write(s->folder_fd, s->path, slice_of(content), why);
    }
    if (saved == UNSURE && s->in_file) put_back(s);
    if (saved == SAVED) {
        free(s->in_file);
        s->in_file = content;
    } else {
        free(content);
    }
    return saved == SAVED;
}

// What was refused must not come into force at the next start.
static void put_back(struct state *s) {
    struct text unused;
    text_init(&unused, 1024);
    state_file_write(s->folder_fd, s->path, slice_of(s->in_file), &unused);
    text_fini(&unused);
}

// --- asking ---

size_t state_count(const struct state *s, struct slice pool) {
    return json_object_size(json_object_getn(s->pools, pool.at, pool.len));
}

void state_each(const struct state *s, struct slice pool, state_each_fn *each, void *arg) {
    const char *address;
    json_t *member, *members = json_object_getn(s->pools, pool.at, pool.len);
    json_object_foreach(members, address, member) {
        struct state_member m = {.address = slice_of(address)};
        state_read_member(member, &m);
        each(arg, &m);
    }
}

void state_each_pool(const struct state *s, void (*each)(void *arg, const char *pool), void *arg) {
    const char *name;
    json_t *members;
    json_object_foreach(s->pools, name, members) each(arg, name);
}
