// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "certcheck/report.h"

#include <stdlib.h>
#include <string.h>

#include "certcheck/facts.h"
#include "core/check.h"
#include "tls/certificate.h"

#define DAY_S 86400

static void simulate(struct report *r, unsigned models);
static void judge_key(struct report *r);
static void judge_live(struct report *r);
static void add_live(struct report *r, enum finding_kind kind, const char *what);

const char *report_status_word(enum report_status s) {
    static const char *const words[] = {"good", "warnings", "findings", "unreadable"};
    return words[s];
}

struct report *report_new(const struct target *target, const struct report_rules *rules) {
    struct report *r = calloc(1, sizeof *r);
    CHECK(r);
    r->target = target;
    r->has_trial = sk_X509_num(target->sent) > 0;
    if (!r->has_trial) return r;
    trial_init(&r->trial, target, &rules->trial);
    candidates_init(&r->candidates, &r->trial);
    judge_key(r);
    judge_live(r);
    if (target->kind != TARGET_TRUSTED) report_judge_chain(r);
    report_judge_certificates(r, rules);
    simulate(r, rules->models);
    return r;
}

void report_free(struct report *r) {
    if (!r) return;
    findings_fini(&r->findings);
    if (r->has_trial) candidates_fini(&r->candidates);
    if (r->has_trial) trial_fini(&r->trial);
    free(r);
}

enum report_status report_status(const struct report *r) {
    if (!r->has_trial || r->target->problems.len > 0) return REPORT_UNREADABLE;
    if (findings_count(&r->findings, SEVERITY_ERROR) > 0) return REPORT_FINDINGS;
    return findings_count(&r->findings, SEVERITY_WARNING) > 0 ? REPORT_WARNINGS : REPORT_GOOD;
}

long report_days_left(const struct report *r) {
    if (!r->has_trial) return 0;
    time_t left = facts_end(r->trial.leaf) - r->trial.rules->at;
    return (long)(left >= 0 ? left / DAY_S : -((-left + DAY_S - 1) / DAY_S));
}

int report_sent_at(const struct report *r, const X509 *cert) {
    return trial_sent_at(&r->trial, cert);
}

int report_path_at(const struct report *r, const X509 *cert) {
    const struct path *best = &r->candidates.best;
    for (size_t i = 0; i < best->length; i++)
        if (X509_cmp(best->steps[i]->cert, cert) == 0) return (int)i;
    return -1;
}

void report_add(struct report *r, enum finding_kind kind, const X509 *cert, const char *more) {
    struct text about;
    text_init(&about, FINDING_ABOUT_MAX);
    certificate_add_title(&about, cert);
    if (more) text_printf(&about, ": %s", more);
    findings_add(&r->findings, kind, report_sent_at(r, cert), &about);
    text_fini(&about);
}

static void simulate(struct report *r, unsigned models) {
    for (int m = 0; m < MODELS; m++) {
        if (!(models & 1u << m)) continue;
        struct outcome *out = &r->outcomes[r->outcome_count++];
        model_run(&r->trial, (enum model)m, out);
        if (out->is_content) continue;
        struct text about;
        text_init(&about, FINDING_ABOUT_MAX);
        text_printf(&about, "%s: %s", model_name((enum model)m), out->why);
        findings_add(&r->findings, FINDING_CLIENT_BROKEN, -1, &about);
        text_fini(&about);
    }
}

static void judge_key(struct report *r) {
    const struct target *target = r->target;
    if (!target->key) return;
    bool is_owner = X509_check_private_key(r->trial.leaf, target->key) == 1;
    if (!is_owner)
        findings_add(&r->findings, FINDING_KEY_MISMATCH, -1, NULL);
    else if (r->trial.leaf_at > 0)
        findings_add(&r->findings, FINDING_KEY_NOT_FIRST, r->trial.leaf_at, NULL);
    if (target->key_count > 1) findings_add(&r->findings, FINDING_KEY_SEVERAL, -1, NULL);
}

static void judge_live(struct report *r) {
    const char *version = r->target->live.tls_version, *unasked = r->target->live.unasked;
    bool is_old = version && strcmp(version, "TLSv1.2") != 0 && strcmp(version, "TLSv1.3") != 0;
    if (is_old) add_live(r, FINDING_LIVE_TLS_OLD, version);
    if (unasked) add_live(r, FINDING_LIVE_UNASKED, unasked);
}

static void add_live(struct report *r, enum finding_kind kind, const char *what) {
    struct text about;
    text_init(&about, FINDING_ABOUT_MAX);
    text_add(&about, slice_of(what));
    findings_add(&r->findings, kind, -1, &about);
    text_fini(&about);
}
