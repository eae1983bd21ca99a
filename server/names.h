// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "http/generation.h"
#include "server/pools.h"

// The names of route files that stand for several members (resolve = "each", srv = ...): control asks for them again and again, as their
// TTL says, and has the members of their pools follow. What servers fail to answer changes nothing; what they say is not there any
// more goes after NONE_HOLDS_MS, and until a name has been found it is a member itself.
enum { NONE_HOLDS_MS = 30000 };
struct names;

struct names *names_new(struct loop *loop, struct resolver *r, struct table *t, struct pools *p);
void names_free(struct names *n);
// After a generation's pools were merged.
void names_follow(struct names *n, const struct config *c);
