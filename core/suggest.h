// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/slice.h"

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
