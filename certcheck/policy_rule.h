// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <jansson.h>

#include "certcheck/policy.h"

// What policy_json.c reads and policy.c applies; nobody else includes this.

enum policy_need {
    NEED_NOTHING,
    NEED_DIGESTS,
    NEED_OTHER_DIGESTS,
    NEED_KEYS,
    NEED_RSA_BITS,
    NEED_CURVE_DIGESTS,
    NEED_DAYS,
    NEED_MONTHS,
    NEED_EXTENSIONS
};
struct policy_row {
    struct policy_rule rule;
    int places; // of enum place
    // From (inclusive) and before; 0: no bound.
    time_t at_from, at_before, issued_from, issued_before, leaf_ends_from, leaf_ends_before;
    enum policy_need need;
    const json_t *value; // strings or an object of strings, checked when read
    long number;
};
struct policy {
    json_t *root; // owns all strings
    const char *name, *title;
    struct policy_row rows[POLICY_RULES_MAX];
    size_t count;
};
