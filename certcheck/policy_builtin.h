// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stddef.h>

// tls/policy/*.json as they were when this was built (made by cmake/Policies.cmake).
struct policy_builtin {
    const char *name;
    const unsigned char *json;
    size_t len;
};
extern const struct policy_builtin policy_builtin[];
extern const size_t policy_builtin_count;
