// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "routing/member.h"
#include "server/checkup.h"
#include "server/health.h"
#include "server/health_rules.h"

// What is inside struct health: for health.c, which follows generations and lists, watched.c, which cares for one member, and
// health_report.c, which tells of it.

enum { CHECKS_AT_ONCE = 256, WHY_MAX = 200 };

struct watched_pool;

// A member that is looked after.
struct watched {
    struct health *health;
    struct watched_pool *pool;
    struct member *member;
    struct table_entry entry; // as it was last read, or put in force
    struct check_record check;
    struct fault_record faults;
    uint32_t faults_seen[FAULT_COUNT];
    enum table_fault last_fault; // FAULT_COUNT: none that this process saw
    uint64_t warm_since_ms;      // it starts slowly, since then; 0: it does not
    struct timer next_check;
    struct timer
        next_turn; // the end of an ejection or a step of a slow start, whichever comes first
    struct checkup *running;
    struct watched *next_waiting; // in the queue of checks
    bool is_waiting;
    uint64_t checked_ms; // 0: never
    char why[WHY_MAX];   // what the last check said
};

struct watched_pool {
    char *name; // in the table
    const struct pool *pool;
    uint64_t head;            // of the list that was last read; 0: none yet
    struct watched **members; // in the order of the list
    size_t count;
    bool has_findings; // that are not in force yet
    bool is_kept;      // health_follow(): the new generation has it, too
};

struct health {
    struct health_conf conf;
    struct generation *generation; // NULL: none yet
    struct watched_pool **pools;   // by name
    size_t pool_count;
    struct watched **by_slot;
    struct task settle;
    unsigned running_count;
    struct watched *first_waiting, *last_waiting;
    uint32_t dice;
};

// health.c: has its findings put in force at the end of this turn.
void health_settle_later(struct health *h);

// watched.c. A member that came while its pool was looked after already is_new.
struct watched *watched_new(struct watched_pool *p, struct health *h, struct slice text,
                            const struct table_entry *e, bool is_new);
void watched_free(struct watched *w);
// The list says something else of it than before.
void watched_follow(struct watched *w, const struct table_entry *e);
// Its pool is looked after in another way, or was until now.
void watched_change_check(struct watched *w, const struct pool *old, const struct pool *new);
void watched_count_faults(struct watched *w);
void watched_readmit(struct watched *w, const char *why);
const char *watched_fault_text(const struct watched *w); // its last fault, in words
struct pools_finding watched_finding(const struct watched *w);
// Is it one of those that take requests if they are well; and is it out now, ejected or down?
bool watched_is_wanted(const struct watched *w);
bool watched_is_out(const struct watched *w);
