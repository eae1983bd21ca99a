// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/text.h"
#include "routing/table.h"

// What edits have made of the pools, in a file that survives a restart: of each pool the members in which the table differs from the
// route file (those that came by edits, other settings, wishes, removals), each with the file's values at that time. So the merge
// that a reload makes can be made at a start as well, and what the file has changed meanwhile wins there too.
//
// The file is JSON, and it is replaced as a whole: written beside, synced, renamed, the folder synced. It is whole at every moment,
// and when state_save() has returned true it is on the disk.
struct state;

struct state *state_new(void); // nothing is saved until state_open()
void state_free(struct state *s);
// The file is that of this path from now on, in the folder of the descriptor (taken); -1: nothing is saved. What is known so far
// stays, and goes to the new file with the next commit; a file that is there is set aside as PATH.before. Problems are lines.
void state_open(struct state *s, int folder_fd, const char *path, struct text *problems);
const char *state_path(const struct state *s); // NULL: nothing is saved

// At the start: reads the file that state_open() has named. Members that are no good are left out, each with a problem line that says
// where it stands; of a file that is none at all nothing is taken. It is set aside as PATH.damaged then. False: there is none, or
// nothing was taken.
bool state_load(struct state *s, struct text *problems);
bool state_is_loaded(const struct state *s);
// The file as it is now is kept as PATH.before. Problems are lines.
void state_keep_before(struct state *s, struct text *problems);

struct state_list {
    const struct table *table;
    const struct table_entry *entries;
    size_t count;
};
// Saves this list as the one of the pool. False and `why`: nothing has changed, neither here nor, as far as it could be helped, in
// the file. Where there is no file, it is only remembered.
bool state_save(struct state *s, struct slice pool, const struct state_list *list,
                struct text *why);

// Saves all pools anew: begin, add each, commit. False and `why` from commit: the file is as it was, the memory is new.
void state_begin(struct state *s);
bool state_add(struct state *s, struct slice pool,
               const struct state_list *list); // false: no UTF-8
bool state_commit(struct state *s, struct text *why);

// What a reload on trial has made of the pools is taken back: the members are those from before the last state_begin(), and what was
// edited since its commit is done to them. The next merge begins with it. False: nothing is known of that time.
bool state_go_back(struct state *s);

// What was saved of a pool.
struct state_member {
    struct slice address;
    enum table_origin origin;
    enum table_wish wish;
    struct table_settings live, file;
};
size_t state_count(const struct state *s, struct slice pool);
// Calls `each` for every member, in order.
typedef void state_each_fn(void *arg, const struct state_member *m);
void state_each(const struct state *s, struct slice pool, state_each_fn *each, void *arg);
// Each pool that something was saved of.
void state_each_pool(const struct state *s, void (*each)(void *arg, const char *pool), void *arg);
