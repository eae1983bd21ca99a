// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "certcheck/policy.h"
#include "core/text.h"

// What is wrong with a target: each with a stable id, one sentence why and one how to mend it.

enum severity { SEVERITY_NOTE, SEVERITY_WARNING, SEVERITY_ERROR };
const char *severity_word(enum severity s); // "note", "warning", "error"

enum finding_kind {
#define FINDING(symbol, id, severity, why, mend) FINDING_##symbol,
#include "certcheck/findings.def"
#undef FINDING
    FINDING_KINDS
};

#define FINDINGS_MAX      200 // of one target
#define FINDING_ABOUT_MAX 500

struct finding {
    const char *id, *why, *mend; // of the table or of the policy
    enum severity severity;
    int sent_at;                   // place among the sent certificates; -1: none of them
    char about[FINDING_ABOUT_MAX]; // which certificate, name or client; may be empty
};
struct findings {
    struct finding *list;
    size_t count;
    size_t left_out; // beyond FINDINGS_MAX
};

void findings_fini(struct findings *f);
// `about` NULL: nothing. Said twice it counts once.
void findings_add(struct findings *f, enum finding_kind kind, int sent_at, struct text *about);
void findings_add_rule(struct findings *f, const struct policy_rule *rule, enum severity severity,
                       int sent_at, struct text *about);
enum severity findings_worst(const struct findings *f); // SEVERITY_NOTE when there are none
size_t findings_count(const struct findings *f, enum severity severity);

// The rows of the table, for outputs that list them.
const struct finding *finding_row(enum finding_kind kind);
