// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "core/files.h"
#include "core/text.h"

// A dated set of rules about the certificates of a path, read from JSON (man/rsp-certcheck.1, "Policies"). Some are built in:
// tls/policy/*.json.

#define POLICY_RULES_MAX 64

struct policy_rule {
    const char *id, *why, *mend;
    bool is_warning; // a path that breaks it is valid all the same
};
// One rule that one certificate of a path breaks.
struct policy_breach {
    const struct policy_rule *rule;
    size_t at; // the certificate's place in the path
};

struct policy;
// By its name when it is built in, else from a JSON file. NULL: lines in `problems` ("x.json:12: rules[2]: unknown key
// \"form\"").
struct policy *policy_new(struct files *files, const char *name, struct text *problems);
struct policy *policy_parse(struct slice json, const char *path, struct text *problems);
void policy_free(struct policy *p);
const char *policy_name(const struct policy *p);
const char *policy_title(const struct policy *p);
// The names of those that are built in, "seed-2015, chrome-2015".
void policy_add_names(struct text *out);

// Certificates from the leaf to the anchor; `at`: the moment at which the path is judged. With has_anchor false the last one is no
// anchor (its issuer is not known). Returns how many breaches there are; the first `max` of them in `out`.
size_t policy_judge(const struct policy *p, X509 *const *certs, size_t count, bool has_anchor,
                    time_t at, struct policy_breach *out, size_t max);
// The first breach that makes a whole path invalid; false: none.
bool policy_find_breach(const struct policy *p, X509 *const *certs, size_t count, time_t at,
                        struct policy_breach *out);
