// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "certcheck/trial.h"

// All ways up from the leaf that are not much longer than the shortest, depth first, one version of an entity on each:
// what clients that go back when a way does not lead further do. What differs between them is whom they try first.

#define WALK_VISITS_MAX  20000
#define WALK_ISSUERS_MAX 64 // of one certificate
#define WALK_DETOUR_MAX  4  // certificates more than the shortest way has

// Negative: of two possible issuers of `below`, a is tried first. Equal ones are tried in the order of their numbers.
typedef int walk_order_fn(const struct trial *t, uint32_t below, uint32_t a, uint32_t b);
// A way to an anchor, or (is_complete false) one that leads no further. The path is lent for the call. False: enough.
typedef bool walk_found_fn(void *arg, const struct path *p, bool is_complete);

// order NULL: by number. False: the visits were spent before all ways were found.
bool walk_up(struct trial *t, walk_order_fn *order, walk_found_fn *found, void *arg);
