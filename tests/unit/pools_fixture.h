// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/pool_edit.h"
#include "server/state.h"
#include "tests/unit/routing_fixture.h"

// A backend table with control's hand on it, a state file in a folder of its own, and edits as words: "add a:1", "drain b:1",
// "set a:1 weight=3".

#define STATE_FOLDER_MAX 64

struct desk {
    struct table *table;
    uint32_t *row;
    struct pools *pools;
    struct state *state;
    char folder[STATE_FOLDER_MAX], path[STATE_FOLDER_MAX + 16];
    struct text problems;
    struct text why; // of the last edit
    struct edit_report report;
};

static inline void *desk_map(size_t bytes) {
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE,
                    -1, 0);
    assert_ptr_not_equal(at, MAP_FAILED);
    return at;
}

static inline void desk_begin_control(struct desk *d) {
    d->pools = pools_new(d->table);
    d->state = state_new();
    state_open(d->state, open(d->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), d->path,
               &d->problems);
    state_load(d->state, &d->problems);
    pools_set_state(d->pools, d->state);
}

static inline void desk_end_control(struct desk *d) {
    pools_free(d->pools);
    state_free(d->state);
}

static inline struct desk desk_new(void) {
    struct desk d = {.table = desk_map(table_bytes()), .row = desk_map(table_row_bytes())};
    snprintf(d.folder, sizeof d.folder, "/tmp/rsp-test-state-XXXXXX");
    assert_non_null(mkdtemp(d.folder));
    snprintf(d.path, sizeof d.path, "%s/state.json", d.folder);
    text_init(&d.problems, 1 << 16);
    text_init(&d.why, 1 << 16);
    desk_begin_control(&d);
    return d;
}

static inline void desk_free(struct desk *d) {
    char command[2 * STATE_FOLDER_MAX];
    desk_end_control(d);
    snprintf(command, sizeof command, "rm -r %s", d->folder);
    assert_int_equal(system(command), 0);
    text_fini(&d->problems);
    text_fini(&d->why);
    munmap(d->table, table_bytes());
    munmap(d->row, table_row_bytes());
}

static inline void desk_merge(struct desk *d, struct fixture *f) {
    pools_merge(d->pools, f->config, &d->problems);
    config_attach(f->config, d->table, d->row);
}

// As after a start of rsp: nothing is left but the file.
static inline void desk_start_anew(struct desk *d, struct fixture *f) {
    desk_end_control(d);
    munmap(d->table, table_bytes());
    d->table = desk_map(table_bytes());
    text_clear(&d->problems);
    desk_begin_control(d);
    desk_merge(d, f);
}

// As after the death of a control: the table is as it was.
static inline void desk_replace_control(struct desk *d, struct fixture *f) {
    desk_end_control(d);
    text_clear(&d->problems);
    desk_begin_control(d);
    desk_merge(d, f);
}

static inline struct member_change change_of_words(char *words) {
    struct member_change c = {0};
    char *rest = NULL;
    const char *verb = strtok_r(words, " ", &rest);
    c.address = slice_of(strtok_r(NULL, " ", &rest));
    c.kind = strcmp(verb, "add") == 0      ? CHANGE_ADD
             : strcmp(verb, "put") == 0    ? CHANGE_PUT
             : strcmp(verb, "remove") == 0 ? CHANGE_REMOVE
                                           : CHANGE_SET;
    c.has_wish =
        strcmp(verb, "drain") == 0 || strcmp(verb, "ready") == 0 || strcmp(verb, "maint") == 0;
    c.wish = verb[0] == 'd' ? WISH_DRAIN : verb[0] == 'r' ? WISH_READY : WISH_MAINT;
    for (char *word; (word = strtok_r(NULL, " ", &rest));) {
        for (int i = 0; i < MEMBER_SETTINGS_COUNT; i++) {
            size_t len = strlen(member_setting_name(i));
            if (strncmp(word, member_setting_name(i), len) != 0 || word[len] != '=') continue;
            c.given |= 1u << i;
            *member_setting_at(&c.settings, i) = (uint32_t)atoi(word + len + 1);
        }
    }
    return c;
}

// Changes with ';' between them; begun with "whole:" they are all the members.
static inline enum edit_result desk_edit(struct desk *d, struct fixture *f, const char *words) {
    char copy[512], *rest = NULL;
    struct member_change changes[16];
    struct pool_edit edit = {.changes = changes, .who = SLICE("a test")};
    edit.is_whole = strncmp(words, "whole:", 6) == 0;
    snprintf(copy, sizeof copy, "%s", words + (edit.is_whole ? 6 : 0));
    for (char *one = strtok_r(copy, ";", &rest); one; one = strtok_r(NULL, ";", &rest))
        changes[edit.count++] = change_of_words(one);
    text_clear(&d->why);
    d->report.why = d->why;
    enum edit_result result = pools_edit(d->pools, f->config->pools[0], &edit, &d->report);
    d->why = d->report.why;
    return result;
}

// "a:1 ready w1, b:1 drain w3 api": the members of the first pool as the table has them.
static inline const char *desk_members(struct desk *d, struct fixture *f) {
    static char out[4096];
    const struct table_entry *entries;
    size_t count;
    int len = 0;
    assert_true(pools_list(d->pools, f->config->pools[0], &entries, &count));
    out[0] = '\0';
    for (size_t i = 0; i < count; i++)
        len += snprintf(out + len, sizeof out - (size_t)len, "%s%s %s w%u%s", i ? ", " : "",
                        table_text(d->table, entries[i].slot), wish_name(entries[i].wish),
                        entries[i].live.weight, entries[i].origin == ORIGIN_API ? " api" : "");
    return out;
}
