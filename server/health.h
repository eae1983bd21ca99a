// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "http/generation.h"
#include "server/pools.h"

// Control's care for the members of pools: it checks them, ejects those that fail requests, lets new and recovered ones come to their
// weight, and puts what it finds in force (pools_set_health). Which checks there are is the generation's to say; what is known of a
// member lives as long as the member and its check do, over reloads; its health outlives even control, with the table.
struct health;

struct health_conf {
    struct loop *loop;
    struct resolver *resolver;
    struct table *table;
    struct pools *pools; // health is who watches them
};
struct health *health_new(const struct health_conf *conf);
void health_free(struct health *h); // cancels what runs

// After a generation's pools were merged. Referenced.
void health_follow(struct health *h, struct generation *g);
// After workers have counted faults (table_note_fault).
void health_look(struct health *h);

// Why the member of a slot is as it is, and what comes next: "GET /healthz answered 500, 2 s ago (1 of 2); next check in 3 s". False:
// there is nothing to say.
bool health_describe(const struct health *h, uint32_t slot, struct text *out);
// rsp_member_up of the members that are looked after, at most METRIC_MEMBERS_MAX of them.
enum { METRIC_MEMBERS_MAX = 5000 };
void health_write_metrics(const struct health *h, struct text *out);
