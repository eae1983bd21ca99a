// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "routing/table.h"

// The writer's side of the backend table. There is one at a time; one that takes over from another (which may have died in the middle
// of an edit) finds out by itself what is in use.
struct table_writer;

struct table_writer *table_writer_new(struct table *t);
void table_writer_free(struct table_writer *w);

// The pool of this name, made when there is none. NULL: the table is full.
struct table_pool *table_add_pool(struct table_writer *w, struct slice name);
// Forgets a pool: its members, then its name.
void table_remove_pool(struct table_writer *w, struct table_pool *p);
// Each pool in turn, in no order; *at begins as 0. NULL: that were all.
struct table_pool *table_next_pool(struct table_writer *w, uint32_t *at);

// A slot for an address of fewer than TABLE_TEXT_MAX bytes, for the caller to put into a list. False: the table is full.
bool table_take_slot(struct table_writer *w, struct slice text, uint32_t *slot);
// One that was taken and is put into no list after all.
void table_return_slot(struct table_writer *w, uint32_t slot);
// Puts a new list in force: from now on every process sees exactly these members. Slots that were in the old list and are not in
// this one are free again as soon as nothing is in flight on them. False: there is no room, and nothing has changed.
bool table_publish(struct table_writer *w, struct table_pool *p, const struct table_entry *entries,
                   size_t count);
// The weights in force, from what members weigh and how cold they are. While any is cold, all weights of the list count hundredfold, so
// that a member of weight 1 can have a part of it; only the proportions matter to who chooses.
void table_weigh(struct table_entry *entries, size_t count);

// Calls `each` with every slot that had a fault since the last call.
void table_take_faulty(struct table_writer *w, void (*each)(void *arg, uint32_t slot), void *arg);
