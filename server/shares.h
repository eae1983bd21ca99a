// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/text.h"
#include "routing/table.h"

// What several rsp share of a pool: the members that edits have made different from the route files, by their addresses, and how
// the edits of all come together. Pure: no sockets, no table.

struct share {
    char *address; // own memory
    bool
        is_added; // came by an edit; else it is a member of route files, with other settings or another wish
    enum table_wish wish;
    // Those of a member that was added, all of them; of one of route files those that edits made different, for the files may differ among
    // themselves. What is not given is 0.
    unsigned given; // 1 << enum member_setting
    struct table_settings settings;
    int64_t until_s; // of one that somebody has to renew: seconds since 1970; 0: for ever
};
// In the order of the addresses, each once.
struct shares {
    struct share *at;
    size_t count, room;
};

void shares_free(struct shares *s); // what is in it; it is empty then
// Adds or replaces; the address is copied. At most TABLE_LIST_MAX, false beyond.
bool shares_put(struct shares *s, const struct share *share);
// The same for many that are each there once: all are added, then sorted.
bool shares_add(struct shares *s, const struct share *share);
void shares_sort(struct shares *s);
const struct share *shares_find(const struct shares *s, const char *address);
// Those that the entries of a list have, as the state file has them too.
void shares_of_list(const struct table *t, const struct table_entry *entries, size_t count,
                    struct shares *out);
// Is it the same to those who choose? NULL: it is not there.
bool share_is_same(const struct share *a, const struct share *b);
bool shares_are_same(const struct shares *a, const struct shares *b);

// Three-way: what has changed from `base` (what all had when they last agreed) to `mine` is done to `theirs`. What is due at `now_s` is
// left out of theirs. Of a member that both have changed, each setting and the wish goes by who has changed it; where both have, mine wins:
// the order of writing decides.
void shares_merge(const struct shares *base, const struct shares *mine, const struct shares *theirs,
                  int64_t now_s, struct shares *out);
// What to compare with the next time, after what was agreed on has been put in force as far as that was possible. A member that we had
// edited counts as it was agreed, so that it stays an edit where the other side does not have it; any other counts as it now is here, for
// what could not be put in force was not removed by us.
struct settling {
    const struct shares *base, *mine; // of the merge
    const struct shares *now, *after; // here, before and after it was put in force
    const struct shares *agreed;
};
void shares_settle(const struct settling *s, struct shares *out);
// Calls `each` for every address that is not the same in both; NULL: it is not there.
typedef void shares_each_fn(void *arg, const char *address, const struct share *was,
                            const struct share *is);
void shares_each_difference(const struct shares *was, const struct shares *is, shares_each_fn *each,
                            void *arg);

// As JSON: {"added": true, "wish": "drain", "weight": 2, "priority": 0, "max_connections": 0, "until": 1770000000}; what is not there
// has its default (added, ready, weight 1), or, of one that was not added, is the route file's. False and `why`: it is none.
bool share_read(struct slice address, struct slice json, struct share *out, struct text *why);
void share_write(const struct share *share, struct text *out);
// Adds what a row of hipache's lists says; one that stands there again has one more weight. False and `why`: it is no address.
bool shares_put_hipache(struct shares *s, struct slice url, struct text *why);
