// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>

#include "tls/identity.h"

// Which certificates answer for which host name. A name is "a.example", "*.example" (one label; any number of labels
// when a site says it) or "*" (a site for everything).

// How sure it is that a certificate belongs to a name: the higher one wins the name altogether.
enum claim { CLAIM_NONE, CLAIM_BY_CERTIFICATE, CLAIM_BY_SITE };

struct name_entry {
    char *name; // NULL: an empty place of the table
    enum claim claim;
    const struct identity *identities[KEY_KINDS]; // at most one for each kind of key
};
struct name_table {
    struct name_entry *entries;
    size_t size, count; // size: 0 or a power of two, never full
};

void name_table_fini(struct name_table *t);
// The identity answers for the name; NULL: the name is known, but its certificate is unusable.
// Of two certificates with equal claims and kinds of key the one that is valid longer wins.
void name_table_claim(struct name_table *t, struct slice name, const struct identity *identity,
                      enum claim claim);
bool name_entry_is_usable(const struct name_entry *e);
// The entry that decides for a normalised host: exact, else wildcard, else a site's "*". An unusable entry yields to
// a usable wildcard unless a site claims it. NULL: the name is not known.
const struct name_entry *name_table_find(const struct name_table *t, struct slice host);
