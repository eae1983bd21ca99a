// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/dial.h"
#include "routing/policy.h"
#include "routing/table.h"

// A member of a pool as one process sees it. The pool's view has a reference, and so has everybody who uses it: a member that an
// edit removed lives on until its last exchange is over.
struct member {
    // what choosing looks at
    uint64_t seed;           // hash of the text, for rendezvous
    uint64_t sticky;         // value of the cookie that clings to it; 0: the pool has none
    unsigned weight;         // in force; 1..100000 of one that takes requests
    int credit;              // smooth round robin
    uint32_t *in_flight;     // exchanges that use it now: of all processes
    uint32_t *mine;          // of this process
    uint64_t avoid_until_ms; // it refused a connection here: others are asked first until then

    unsigned refs;
    char *text; // as written: "https://10.0.0.1:443"
    struct endpoint endpoint;
    bool is_tls;
    bool is_good; // the text could be read
    struct table_entry entry;
    struct arena *arena; // of the member and its strings
    uint32_t alone[2];   // what in_flight and mine are where there is no table
};

// in_flight and mine are the table's, or NULL: the member counts for itself.
struct member *member_new(struct slice text, uint32_t *in_flight, uint32_t *mine);
struct member *member_ref(struct member *m);
void member_unref(struct member *m); // NULL: nothing happens

static inline unsigned member_in_flight(const struct member *m) {
    return __atomic_load_n(m->in_flight, __ATOMIC_RELAXED);
}
// An exchange begins or ends to use it.
static inline void member_begin(struct member *m) {
    (*m->mine)++;
    __atomic_add_fetch(m->in_flight, 1, __ATOMIC_RELAXED);
}
// The same unless it has as many as it may (max_connections), over all processes.
bool member_try_begin(struct member *m);
static inline void member_end(struct member *m) {
    (*m->mine)--;
    __atomic_sub_fetch(m->in_flight, 1, __ATOMIC_RELAXED);
}
