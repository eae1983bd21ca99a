// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string.h>

#include "certcheck/report.h"
#include "tests/unit/test_certs.h"

// A target made in memory, and a report about it.
struct report_fixture {
    struct files *files;
    struct target target;
    struct report_rules rules;
    struct report *report;
};

static inline void fixture_begin(struct report_fixture *f) {
    *f = (struct report_fixture){.files = files_new()};
    f->target = (struct target){.kind = TARGET_FILE, .name = (char *)"x.pem"};
    f->target.sent = sk_X509_new_null();
    f->target.extra = sk_X509_new_null();
    text_init(&f->target.problems, 1000);
    f->rules = (struct report_rules){.trial = {.at = time(NULL)}, .warning_days = 21};
}

// Everything of `certs` is trusted, instead of this system's CA certificates; each letter as in put_pem().
static inline void fixture_trust(struct report_fixture *f, const struct made_cert *cert) {
    struct text problems;
    text_init(&problems, 1000);
    if (cert) put_pem(f->files, "anchors.pem", "c", cert, NULL);
    trust_free((struct trust *)f->rules.trial.trust);
    f->rules.trial.trust = trust_new(f->files, cert ? "anchors.pem" : NULL, &problems);
    assert_non_null(f->rules.trial.trust);
    text_fini(&problems);
}

static inline void fixture_policy(struct report_fixture *f, const char *name) {
    struct text problems;
    text_init(&problems, 1000);
    policy_free((struct policy *)f->rules.trial.policy);
    f->rules.trial.policy = name ? policy_new(f->files, name, &problems) : NULL;
    assert_true(!name || f->rules.trial.policy);
    text_fini(&problems);
}

// Sends these (NULL ends them) and judges.
static inline const struct report *fixture_judge(struct report_fixture *f,
                                                 const struct made_cert *const *sent) {
    report_free(f->report);
    while (sk_X509_num(f->target.sent) > 0) X509_free(sk_X509_pop(f->target.sent));
    for (; *sent; sent++) {
        X509_up_ref((*sent)->cert);
        sk_X509_push(f->target.sent, (*sent)->cert);
    }
    if (!f->rules.trial.trust) fixture_trust(f, NULL);
    f->report = report_new(&f->target, &f->rules);
    return f->report;
}
#define SENT(...) ((const struct made_cert *const[]){__VA_ARGS__, NULL})

static inline const struct finding *fixture_find(const struct report_fixture *f, const char *id) {
    for (size_t i = 0; i < f->report->findings.count; i++)
        if (strcmp(f->report->findings.list[i].id, id) == 0) return &f->report->findings.list[i];
    return NULL;
}

static inline void fixture_end(struct report_fixture *f) {
    report_free(f->report);
    policy_free((struct policy *)f->rules.trial.policy);
    trust_free((struct trust *)f->rules.trial.trust);
    sk_X509_pop_free(f->target.sent, X509_free);
    sk_X509_pop_free(f->target.extra, X509_free);
    text_fini(&f->target.problems);
    files_free(f->files);
}
