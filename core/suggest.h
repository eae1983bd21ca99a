// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/slice.h"

// What to say of a name that is not ours but well known: static text, or NULL.
typedef const char *hint_fn(const char *name);

// The nearest of some names to one that was mistyped: set `wrong`, try all names, print. Names are borrowed.
struct suggestion {
    const char *wrong;
    const char *best; // NULL: nothing is near
    unsigned distance;
};
void suggest_try(struct suggestion *s, const char *name);
#define SUGGEST_MAX 128
// " (did you mean 'balance'?)" or ""; returns buf.
const char *suggest_text(const struct suggestion *s, char buf[SUGGEST_MAX]);
