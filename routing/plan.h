// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "routing/decide.h"

// Who would take a key if a pool had other members: the same choosing, on a list that nobody serves with. Health and load are left
// out, so that two plans can be compared.
struct plan;

// Settings of the members are what counts, weight 0 for one that takes no requests. All is copied. The pool lives longer.
struct plan *plan_new(const struct pool *like, const struct member_conf *members, size_t count);
void plan_free(struct plan *p);
// The address, valid as long as the plan; NULL: nobody takes requests. False: the key cannot be one of this pool.
bool plan_choose(struct plan *p, struct slice key, const char **address);
