// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "tls/chain/question.h"

// Where a certificate stands in a path. A leaf that is trusted itself is a LEAF.
enum place { PLACE_LEAF = 1, PLACE_INTERMEDIATE = 2, PLACE_ANCHOR = 4, PLACE_ANY = 7 };

// One rule: where it applies, what must hold, and what to say when it does not ("it is not a CA
// certificate").
typedef bool rule_fn(X509 *cert, const struct chain_question *q);
struct rule {
    int places;
    rule_fn *holds;
    const char *why;
};
// The first objection, or NULL.
const char *rules_apply(const struct rule *rules, size_t count, X509 *cert, enum place place,
                        const struct chain_question *q);

// What RFC 5280 section 6 asks of one certificate by itself, without its neighbours; NULL, or why
// not.
const char *rules_judge(X509 *cert, enum place place, const struct chain_question *q);

// notBefore and notAfter belong to the time of validity (RFC 5280 section 4.1.2.5).
bool rules_is_begun(const ASN1_TIME *begin, time_t at);
bool rules_is_ended(const ASN1_TIME *end, time_t at);
