// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "certcheck/candidates.h"
#include "certcheck/finding.h"
#include "certcheck/models.h"
#include "certcheck/target.h"

// Everything that is said about one target; the outputs (certcheck/out.h) only write it down.

enum report_status { REPORT_GOOD, REPORT_WARNINGS, REPORT_FINDINGS, REPORT_UNREADABLE };
const char *report_status_word(
    enum report_status s); // "good", "warnings", "findings", "unreadable"

struct report_rules {
    struct trial_rules trial;
    unsigned models;  // one bit for each that is simulated
    int warning_days; // a leaf that ends sooner is a warning
};
struct report {
    const struct target *target;
    bool has_trial; // something was sent: what follows is filled
    struct trial trial;
    struct candidates candidates;
    struct outcome outcomes[MODELS];
    size_t outcome_count;
    struct findings findings;
};

// The target and the rules must outlive it.
struct report *report_new(const struct target *target, const struct report_rules *rules);
void report_free(struct report *r);
enum report_status report_status(const struct report *r);
long report_days_left(
    const struct report *r); // of the leaf; whole days, negative when it has expired; 0 without one
// The place among those that were sent, or -1.
int report_sent_at(const struct report *r, const X509 *cert);
// The place in the best path, or -1.
int report_path_at(const struct report *r, const X509 *cert);

// A finding about one certificate; more NULL: nothing beside its title.
void report_add(struct report *r, enum finding_kind kind, const X509 *cert, const char *more);

// report_chain.c and report_certificates.c: what is looked for.
void report_judge_chain(struct report *r);
void report_judge_certificates(struct report *r, const struct report_rules *rules);
