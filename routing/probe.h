// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/arena.h"
#include "core/hostname.h"
#include "core/text.h"
#include "routing/decide.h"

// A request that nobody sent: for explain and for route tests.

enum { PROBE_FIELDS_MAX = 64 };

struct probe_field {
    struct slice name, value;
    bool is_set; // by a function of the route file
};

struct probe {
    struct route_request request;
    struct address client;
    char host[HOSTNAME_MAX + 1];
    struct probe_field fields[PROBE_FIELDS_MAX];
    unsigned field_count;
    struct arena *arena;
};

// "http://host[:port]/path?query" or https. `from` may be NULL: 127.0.0.1. False and `why`.
bool probe_init(struct probe *p, struct arena *a, struct slice method, struct slice url,
                const struct address *from, struct text *why);
void probe_add_field(struct probe *p, struct slice name, struct slice value);

// The listener that would send it to HTTPS if its name has a certificate, which is not known here. NULL: none would.
const struct listen_conf *probe_moved_by(const struct config *c, const struct probe *p,
                                         const struct route_answer *answer);

// Who of the pool would take it, without taking a turn: the chosen member, and the next (NULL: nobody).
struct probe_choice {
    const struct member *chosen, *next;
};
struct probe_choice probe_choose(const struct route_answer *answer, struct arena *a);
// explain_pool.c: the pool of an answer, who would take it and why nobody else, as lines.
void explain_pool(const struct probe *p, const struct rule *rule, const struct route_answer *answer,
                  struct text *out);
int refused_status(enum refused why);
const char *refused_text(enum refused why);
