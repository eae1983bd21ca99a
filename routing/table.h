// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/slice.h"
#include "routing/address_text.h"

// The backend table: who the members of each pool are and what state they are in, in memory that all processes share. It has one
// writer (table_write.h) and any number of readers.
//
// The members of a pool are one list of entries, and an edit is a new list: written where nobody reads yet, then put in force by one
// atomic store of the pool's head. So readers never see half an edit, and a writer that dies in the middle leaves the list that was
// there. A reader copies the list and looks at the head again: if it has changed, what was copied may have been overwritten and is
// thrown away.

#define TABLE_SLOTS_MAX (1u << 17) // members of all pools
#define TABLE_POOLS_MAX (1u << 17)
#define TABLE_TEXT_MAX  MEMBER_TEXT_MAX
#define TABLE_LIST_MAX  16384
// What a route file may have of pools, and of members in all of them: the rest is for edits and for what is on its way out.
#define TABLE_FILE_MAX 100000

struct table;
struct table_pool;

// A member of ORIGIN_NAME is an address that a name of the route file stands for now.
enum table_origin { ORIGIN_FILE, ORIGIN_API, ORIGIN_NAME };
// What the operator wants of a member. Drained: no requests but those of clients that cling to it by a cookie. Maintenance: none at
// all, no health checks and no idle connections either.
// Removed: a member of the file that was taken out by an edit; kept to be known, for as long as the file has it.
enum table_wish { WISH_READY, WISH_DRAIN, WISH_MAINT, WISH_REMOVED };
// What is known of it. A member that nothing is known of is taken for up.
enum table_health { HEALTH_UNKNOWN, HEALTH_UP, HEALTH_DOWN, HEALTH_EJECTED };

struct table_settings {
    uint32_t weight;          // 0..1000
    uint32_t tier;            // 0 is asked first; a backup member stands in tier 1
    uint32_t max_connections; // 0: any number
};

struct table_entry {
    uint32_t slot;
    uint32_t
        weight;     // in force: the live one, less while it starts slowly, 0 of one that is drained
    uint8_t origin; // enum table_origin
    uint8_t wish;   // enum table_wish
    uint8_t health; // enum table_health
    uint8_t cold;   // slow start: percent of its weight that it does not have yet
    uint32_t since; // seconds since 1970: of the last change of wish or health
    struct table_settings live; // as edited
    struct table_settings file; // as the route file or the name servers have it; of ORIGIN_API: 0
    uint32_t until;             // of HEALTH_EJECTED: seconds since 1970
    uint32_t
        via; // of ORIGIN_NAME: 1 + the slot of the name; of a name that has such members: 1 + its own; else 0
};

// What a member can be blamed for, as counted by those who asked it for something.
enum table_fault {
    FAULT_CONNECT, // refused, did not accept in time, TLS failed
    FAULT_CUT,     // closed or reset the connection before its answer was whole, or sent no HTTP
    FAULT_LATE,    // did not answer in time
    FAULT_STATUS,  // answered a status that the pool counts
    FAULT_COUNT
};

// --- for everybody ---

// The bytes that a table needs; they begin as zeros.
size_t table_bytes(void);
// The bytes of a process's own row of in-flight counts.
size_t table_row_bytes(void);

// Counts every edit of any pool.
uint64_t table_version(const struct table *t);
// The pool of this name, or NULL.
const struct table_pool *table_find(const struct table *t, struct slice name);
// Changes with every edit of the pool; never 0 once it has a list.
uint64_t table_pool_head(const struct table_pool *p);

// Copies the list of a pool as of `head` into `out`, which has room for TABLE_LIST_MAX. False: the pool was edited meanwhile.
bool table_read(const struct table *t, const struct table_pool *p, uint64_t head,
                struct table_entry *out, size_t *count);
// The address of a member, as written; valid as long as a list that has the slot is in force.
const char *table_text(const struct table *t, uint32_t slot);

// Of what an edit can change, the file's values included: equal lists have equal digests, whatever the health of their members.
uint64_t table_digest(const struct table *t, const struct table_entry *entries, size_t count);

// The exchanges that use a member now, over all processes.
uint32_t *table_in_flight(struct table *t, uint32_t slot);
// Counts a fault of a member. True: nobody has been told since table_take_faulty() ran last, so tell control.
bool table_note_fault(struct table *t, uint32_t slot, enum table_fault fault);
// How often so far, since the table was made and by whatever members had this slot (modulo 2^32).
uint32_t table_faults(const struct table *t, uint32_t slot, enum table_fault fault);

// What a process that died had in flight is no more. Called when nobody counts in this row.
void table_clear_row(struct table *t, uint32_t *row);
