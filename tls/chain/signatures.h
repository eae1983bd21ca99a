// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "tls/chain/graph.h"

// Signatures that have been checked, remembered over many searches: a fact of two byte strings, which no time or trust changes.

struct signatures; // at most PRINT_MAP_MAX results; others are checked each time
struct signatures *signatures_new(void);
void signatures_free(struct signatures *s);

// Did the key of `issuer` make the signature on `subject` (versions of the graph)? s NULL: is checked.
bool signatures_check(struct signatures *s, struct graph *g, uint32_t subject, uint32_t issuer);
// The same without checking: false where it is not known; else true, and the result in `is_made`.
bool signatures_know(const struct signatures *s, struct graph *g, uint32_t subject, uint32_t issuer,
                     bool *is_made);
