// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "routing/table.h"

// The entries of a list by their addresses, where many are looked for. Borrows the list, for as long as it stays.
struct entry_index;

struct entry_index *entry_index_new(const struct table *t, const struct table_entry *entries,
                                    size_t count);
void entry_index_free(struct entry_index *x);
const struct table_entry *entry_index_find(const struct entry_index *x, struct slice address);
