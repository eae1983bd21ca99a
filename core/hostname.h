// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>

#include "core/slice.h"

#define HOSTNAME_MAX 253

// The one host-name function: every name that is looked up or hashed goes through here (Host field, SNI, a
// captured path segment, the admin API, Lua). Percent-decoded once, lower case, without port and trailing dot,
// IDNA to ASCII (libidn2), IPv4 and [IPv6] literals in their canonical form. `out` has HOSTNAME_MAX + 1 bytes and is
// NUL-terminated. Returns its length, or 0 when the name is refused (empty, too long, a label empty or over 63,
// bytes that no host name has). Pure ASCII names that are canonical already take no allocation.
size_t hostname_normalise(struct slice name, char out[HOSTNAME_MAX + 1]);
