// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "server/pools.h"
#include "server/shares.h"

// Shares and the backend table.

// What this rsp has of a pool.
void shares_of_pool(struct pools *pools, const struct pool *pool, struct shares *out);
// Has the table say `result` where it says `mine`, in one edit. Members of route files that this one does not have are passed over.
void shares_apply(struct pools *pools, const struct pool *pool, const struct shares *mine,
                  const struct shares *result);
// Of the list in force: another one after each edit.
uint64_t shares_digest(struct pools *pools, const struct pool *pool);
