// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "routing/decide.h"
#include "routing/path.h"
#include "routing/site.h"

// Asks the function of a rule. An error in it is logged with its traceback and answered with REFUSED_SCRIPT.
void lua_route(const struct config *c, const struct rule *rule, const struct route_request *r,
               const struct captures *captures, struct arena *a, struct route_answer *out);

// Makes *out a request to a pool with a key as somebody gave it (at NULL: none); for a pool of host names it is normalised.
void answer_set_pool(struct route_answer *out, struct pool *pool, struct slice key,
                     struct arena *a);
