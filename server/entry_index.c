// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/entry_index.h"

#include <stdlib.h>
#include <string.h>

#include "core/check.h"

struct known {
    struct slice address;
    const struct table_entry *entry;
};
struct entry_index {
    size_t count;
    struct known at[]; // in the order of the addresses
};

static int by_address(const void *a, const void *b);

struct entry_index *entry_index_new(const struct table *t, const struct table_entry *entries,
                                    size_t count) {
    struct entry_index *x = malloc(sizeof *x + count * sizeof *x->at);
    CHECK(x);
    x->count = count;
    for (size_t i = 0; i < count; i++)
        x->at[i] = (struct known){slice_of(table_text(t, entries[i].slot)), &entries[i]};
    qsort(x->at, count, sizeof *x->at, by_address);
    return x;
}

void entry_index_free(struct entry_index *x) {
    free(x);
}

const struct table_entry *entry_index_find(const struct entry_index *x, struct slice address) {
    const struct known wanted = {.address = address};
    const struct known *found = bsearch(&wanted, x->at, x->count, sizeof wanted, by_address);
    return found ? found->entry : NULL;
}

static int by_address(const void *a, const void *b) {
    struct slice x = ((const struct known *)a)->address, y = ((const struct known *)b)->address;
    size_t len = x.len < y.len ? x.len : y.len;
    int order = len ? memcmp(x.at, y.at, len) : 0;
    return order ? order : (x.len > y.len) - (x.len < y.len);
}
