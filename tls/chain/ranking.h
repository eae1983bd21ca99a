// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "tls/chain/graph.h"

// The versions of each name in the order in which a search tries them: the one that ends last first, as paths are ordered
// (tls/chain/path.h). So what a search has seen when it is cut does not depend on the order in which certificates came.

struct ranking;
struct ranking *ranking_new(struct graph *g); // of a graph that is not changed while they are used
void ranking_free(struct ranking *r);

// Numbers of versions with this subject.
const uint32_t *ranking_of(const struct ranking *r, uint32_t name, size_t *count);
