// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/progress.h"
#include "core/text.h"
#include "routing/config.h"
#include "routing/table_write.h"

// Control's hand on the backend table: who the members of every pool are. It is the table's only writer.
struct pools;

struct pools *pools_new(struct table *t);
void pools_free(struct pools *p);

// `on_edit` is called after every change of a list that is in force, from within it; until pools_unwatch() with the same arg.
void pools_watch(struct pools *p, ready_fn *on_edit, void *arg);
void pools_unwatch(struct pools *p, const void *arg);
#define POOLS_WATCHERS_MAX 4

// What is known of a member, and how much of its weight it does not have yet (struct table_entry).
struct pools_finding {
    uint32_t slot;
    uint8_t health, cold;
    uint32_t until;
};
// Puts findings in force, all in one step. Members that are gone meanwhile are passed over, and so is a pool. False: there is no room.
bool pools_set_health(struct pools *p, struct slice pool, const struct pools_finding *at,
                      size_t count);
// The members of a pool as they are in force; valid until the next call of any function here.
size_t pools_read(struct pools *p, struct slice pool, const struct table_entry **at);
// Puts a whole list in force. False: there is no room.
bool pools_put(struct pools *p, struct slice pool, const struct table_entry *entries, size_t count);
// What the file, or a name server, has changed of a member wins; the rest keeps its live value.
void pools_follow_settings(struct table_entry *e, const struct table_settings *now);
struct table_writer *pools_writer(struct pools *p);
const struct table *pools_table(const struct pools *p);
// Edits are saved there (borrowed; server/state.h) from now on, and the next merge begins with what it has loaded.
struct state;
void pools_set_state(struct pools *p, struct state *s);

// Before a generation is put in force: every pool of it has its list. Of a member that was there already, what the route file has
// changed wins, and everything else keeps its live value; members that came by edits stay where the pool is live. Pools that neither
// this generation nor the one before has are forgotten. Problems are lines.
void pools_merge(struct pools *p, const struct config *c, struct text *problems);
