// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>
#include <time.h>

// A moment as people write it: ISO 8601 ("2026-11-23", "2026-11-23T09:30:00Z", "2026-11-23 09:30:00.25+01:00"; without a zone it
// is UTC) or seconds since 1970. Fractions of a second are cut off. False on anything else.
bool moment_parse(const char *text, time_t *out);
