// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "routing/member.h"

struct pool;

#define VIEW_OF_FILE 1 // head of a view that was made of the route file

// The members of a pool as this process sees them at one version of the backend table. Members keep their identity, and what this
// process knows of them, from one version to the next.
struct view {
    uint64_t head;       // that it was made of; 0: not yet
    struct member **all; // in the order of the list, without those that were removed
    size_t all_count;
    struct member **able; // those that take requests, tier by tier
    size_t able_count;
    size_t *tier_ends; // where each tier ends in `able`
    size_t tier_count;
    size_t up_count; // of those that would take requests if they are up: how many are
    // So few are up that it is rather the checks that are wrong, or those that are left would fall too: all are asked.
    bool ignores_health;
    bool has_limits; // a member has a maximum of connections
};

// As of now: one load of a shared number while nothing has changed. Where there is no table, the members of the route file.
const struct view *pool_view(struct pool *p);
// The member of this address, or NULL.
struct member *view_find(const struct view *v, struct slice text);
// Takes requests, were it up: not drained, weight above 0, an address that can be read.
bool member_is_wanted(const struct member *m);
bool member_is_up(const struct member *m);
// Takes requests of those who cling to it: so does one that is drained, or has weight 0.
bool view_keeps(const struct view *v, const struct member *m);
void view_fini(struct view *v);
