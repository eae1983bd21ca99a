// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/text.h"
#include "routing/config.h"
#include "routing/table_write.h"

// Control's hand on the backend table: who the members of every pool are. It is the table's only writer.
struct pools;

struct pools *pools_new(struct table *t);
void pools_free(struct pools *p);

// Before a generation is put in force: every pool of it has its list. Of a member that was there already, what the route file has
// changed wins, and everything else keeps its live value; members that came by edits stay where the pool is live. Pools that neither
// this generation nor the one before has are forgotten. Problems are lines.
void pools_merge(struct pools *p, const struct config *c, struct text *problems);
