// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// What is wrong with what is sent as a chain, and with the path through it.

#include <openssl/x509v3.h>

#include "certcheck/facts.h"
#include "certcheck/report.h"
#include "tls/certificate.h"
#include "tls/chain/constraints.h"
#include "tls/chain/host.h"
#include "tls/chain/rules.h"

static void judge_leaf_place(struct report *r);
static void judge_sent(struct report *r, int i);
static void judge_outside(struct report *r, int i);
static void judge_order(struct report *r);
static void judge_end(struct report *r);
static bool is_refused(const struct report *r);
static void judge_validity(struct report *r);
static void judge_lengths(struct report *r, const struct path *p);
static void judge_constraints(struct report *r, const struct path *p);
static void judge_issuer(struct report *r, const struct path *p, size_t i);

void report_judge_chain(struct report *r) {
    const struct path *p = candidates_main(&r->candidates);
    judge_leaf_place(r);
    for (int i = 0; i < sk_X509_num(r->target->sent); i++) judge_sent(r, i);
    if (r->candidates.best.length > 0) judge_order(r);
    judge_end(r);
    judge_validity(r);
    if (!p) return;
    judge_lengths(r, p);
    judge_constraints(r, p);
    for (size_t i = 1; i < p->length; i++) judge_issuer(r, p, i);
}

static void judge_leaf_place(struct report *r) {
    if (r->trial.leaf_at > 0 && !r->target->key)
        report_add(r, FINDING_LEAF_NOT_FIRST, r->trial.leaf, NULL);
    bool is_alone = sk_X509_num(r->target->sent) == 1 && certificate_is_self_issued(r->trial.leaf);
    if (X509_check_ca(r->trial.leaf) == 1 && !is_alone)
        report_add(r, FINDING_LEAF_IS_CA, r->trial.leaf, NULL);
}

// Twice, a root, or not needed. A root that is the leaf itself is needed.
static void judge_sent(struct report *r, int i) {
    X509 *cert = sk_X509_value(r->target->sent, i);
    if (report_sent_at(r, cert) != i) {
        report_add(r, FINDING_CHAIN_DUPLICATE, cert, NULL);
        return;
    }
    if (i == r->trial.leaf_at) return;
    if (X509_self_signed(cert, 0) == 1)
        report_add(r, FINDING_CHAIN_ROOT_SENT, cert, NULL);
    else if (r->candidates.best.length > 0 && report_path_at(r, cert) < 0)
        judge_outside(r, i);
    if (certificate_is_self_issued(cert)) return;
    if (facts_end(cert) < r->trial.rules->at) report_add(r, FINDING_SENT_EXPIRED, cert, NULL);
}

// Another version of an entity of the best path with a weaker signature is worse than one that merely is not needed.
static void judge_outside(struct report *r, int i) {
    struct graph *g = r->trial.graph;
    X509 *cert = sk_X509_value(r->target->sent, i);
    const struct version *v = graph_version(g, trial_number(&r->trial, cert));
    const struct path *best = &r->candidates.best;
    for (size_t k = 1; k < best->length; k++) {
        const struct version *taken =
            graph_version(g, trial_number(&r->trial, best->steps[k]->cert));
        if (taken->entity != v->entity) continue;
        bool is_weaker = taken->is_anchor ? v->digest_bits < CHAIN_BITS_MIN
                                          : v->digest_bits < taken->digest_bits;
        if (is_weaker) report_add(r, FINDING_CHAIN_WEAK_VERSION, cert, NULL);
        if (is_weaker) return;
    }
    report_add(r, FINDING_CHAIN_EXTRA, cert, NULL);
}

// Those of the best path, without what is not needed.
static void judge_order(struct report *r) {
    int last = -1;
    for (int i = 0; i < sk_X509_num(r->target->sent); i++) {
        int at = report_path_at(r, sk_X509_value(r->target->sent, i));
        if (at < 0 || report_sent_at(r, sk_X509_value(r->target->sent, i)) != i) continue;
        bool is_leaf = i == r->trial.leaf_at;
        if (at < last && !is_leaf) findings_add(&r->findings, FINDING_CHAIN_ORDER, -1, NULL);
        if (!is_leaf) last = at;
    }
}

static void judge_end(struct report *r) {
    const struct path *p = candidates_main(&r->candidates);
    if (!p) {
        findings_add(&r->findings, FINDING_CHAIN_INVALID, -1, &r->candidates.why_none);
        return;
    }
    const X509 *last = p->steps[p->length - 1]->cert;
    bool is_complete = r->candidates.best.length > 0;
    for (size_t i = 0; i < r->candidates.count; i++)
        is_complete = is_complete || r->candidates.list[i].is_complete;
    if (!is_complete && !certificate_is_self_issued(last)) {
        struct text about;
        text_init(&about, FINDING_ABOUT_MAX);
        certificate_add_issuer(&about, last);
        findings_add(&r->findings, FINDING_CHAIN_INCOMPLETE, report_sent_at(r, last), &about);
        text_fini(&about);
    } else if (is_refused(r)) {
        findings_add(&r->findings,
                     r->candidates.is_given_up ? FINDING_CHAIN_TOO_COMPLEX : FINDING_CHAIN_INVALID,
                     -1, &r->candidates.why_none);
    }
    if (!r->trial.has_own_roots) return;
    report_add(r, p->length == 1 ? FINDING_CHAIN_SELF_SIGNED : FINDING_CHAIN_OWN_ROOT, last, NULL);
}

// For a reason that has no finding of its own: of a wrong name there is one.
static bool is_refused(const struct report *r) {
    const struct chain_question *asked = &r->trial.asked;
    bool is_named = !asked->host || host_is_named(r->trial.leaf, asked->host);
    return r->candidates.best.length == 0 || (!r->candidates.is_taken && is_named);
}

static void judge_validity(struct report *r) {
    const struct path *best = &r->candidates.best;
    for (size_t i = 1; i < best->length; i++)
        if (best->steps[i]->ends < best->steps[0]->ends)
            report_add(r, FINDING_PATH_ENDS_FIRST, best->steps[i]->cert, NULL);
}

static void judge_issuer(struct report *r, const struct path *p, size_t i) {
    X509 *cert = p->steps[i]->cert;
    bool is_last = i + 1 == p->length;
    if (!is_last && X509_check_ca(cert) != 1) report_add(r, FINDING_CA_IS_NONE, cert, NULL);
    if (!(X509_get_key_usage(cert) & KU_KEY_CERT_SIGN))
        report_add(r, FINDING_CA_MAY_NOT_SIGN, cert, NULL);
    bool has_usages = X509_get_extension_flags(cert) & EXFLAG_XKUSAGE;
    if (!is_last && has_usages && !facts_has_usage(cert, XKU_SSL_SERVER | XKU_ANYEKU | XKU_SGC))
        report_add(r, FINDING_CA_OTHER_PURPOSE, cert, NULL);
}

static void judge_lengths(struct report *r, const struct path *p) {
    long below = 0;
    for (size_t i = 1; i < p->length; i++) {
        long most = X509_get_pathlen(p->steps[i]->cert);
        if (most >= 0 && below > most) report_add(r, FINDING_CA_PATHLEN, p->steps[i]->cert, NULL);
        if (!certificate_is_self_issued(p->steps[i]->cert)) below++;
    }
}

static void judge_constraints(struct report *r, const struct path *p) {
    X509 *certs[PATH_LENGTH_MAX];
    size_t at = 0;
    for (size_t i = 0; i < p->length; i++) certs[i] = p->steps[i]->cert;
    const char *why = constraints_judge(certs, p->length, false, &at);
    if (why) report_add(r, FINDING_CA_CONSTRAINTS, certs[at], why);
}
