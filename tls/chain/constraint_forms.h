// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/x509v3.h>
#include <stdbool.h>

// One name against one constraint of the same form (RFC 5280 section 4.2.1.10).

// Can this constraint be understood? Forms that nothing is known about can: they refuse every name
// of their form.
bool constraint_is_good(const GENERAL_NAME *base, bool is_web);
// What keeps the name from being decided: its form, or that it is malformed; NULL: nothing.
const char *constraint_find_fault(const GENERAL_NAME *name);
// Does the name lie inside the subtree? Both can be judged.
bool constraint_holds(const GENERAL_NAME *base, const GENERAL_NAME *name);
// Does any part of it (a wildcard is many names)?
bool constraint_touches(const GENERAL_NAME *base, const GENERAL_NAME *name);
