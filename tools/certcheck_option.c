// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <stdio.h>

#include "tools/certcheck.h"

bool certcheck_may_take(const char *option, const char *value, bool *was_said, unsigned rules) {
    const char *why = NULL;
    if (value && value[0] == '\0' && !(rules & OPTION_MAY_BE_EMPTY))
        why = "there is nothing after it";
    else if (value && *was_said && !(rules & OPTION_ADDS_UP))
        why = "is given twice, and only one can count";
    *was_said = true;
    if (why) fprintf(stderr, "rsp-certcheck: %s: %s\n", option, why);
    return !why;
}
