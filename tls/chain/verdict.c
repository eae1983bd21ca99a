// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/chain/verdict.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "core/check.h"
#include "tls/certificate.h"
#include "tls/chain/constraints.h"
#include "tls/chain/deltas.h"
#include "tls/chain/policies.h"
#include "tls/chain/relation.h"
#include "tls/chain/rules.h"
#include "tls/chain/strength.h"
#include "tls/chain/web.h"

#define CRL_ISSUERS_MAX 1000

static const char *check_lengths(const struct path *p, const struct chain_question *q, size_t *at);
static bool verify(struct graph *g, const struct path *p, const struct chain_question *q,
                   bool checks_policies, struct text *why);
static int take_as_checked(X509_STORE_CTX *verification);
static int pass_constraints(int is_good, X509_STORE_CTX *verification);
static int has_issued(X509_STORE_CTX *verification, X509 *cert, X509 *issuer);
static void set_rules(X509_STORE_CTX *verification, const struct path *p,
                      const struct chain_question *q, STACK_OF(X509_CRL) * crls);
static void set_policies(X509_STORE_CTX *verification, const struct chain_policies *policies);
static STACK_OF(X509) *
    helpers(struct graph *g, const struct path *p, const struct chain_question *q);
static STACK_OF(X509_CRL) * usable_crls(const struct chain_question *q);
static bool may_sign_lists(const struct version *v, const struct chain_question *q);
static bool is_same(const struct path *p, const STACK_OF(X509) * chain);
static void say(struct text *why, const X509 *cert, const char *objection);

bool verdict_judge(struct graph *g, const struct path *p, const struct chain_question *q,
                   struct text *why) {
    X509 *certs[PATH_LENGTH_MAX];
    size_t at = 0;
    for (size_t i = 0; i < p->length; i++) certs[i] = p->steps[i]->cert;
    const char *objection = check_lengths(p, q, &at);
    if (!objection) objection = constraints_judge(certs, p->length, q->is_web, &at);
    if (!objection && q->objects) objection = q->objects(q->objects_arg, certs, p->length, &at);
    if (objection) say(why, certs[at], objection);
    if (objection) return false;
    enum policies_verdict verdict =
        policies_judge(certs, p->length, q->policies.is_required, &objection, &at);
    if (verdict == POLICIES_BAD) say(why, certs[at], objection);
    return verdict != POLICIES_BAD && verify(g, p, q, verdict == POLICIES_NEED_TREE, why);
}

void verdict_spare_judged(X509_STORE_CTX *verification) {
    X509_STORE_CTX_set_verify(verification, take_as_checked);
    X509_STORE_CTX_set_verify_cb(verification, pass_constraints);
}

// A signature costs more than all the rest together, and was checked when the search went over it.
static int take_as_checked(X509_STORE_CTX *verification) {
    (void)verification;
    return 1;
}

// The names along the path were judged by constraints.h, those of a CRL issuer's path were not.
static int pass_constraints(int is_good, X509_STORE_CTX *verification) {
    if (is_good || X509_STORE_CTX_get0_parent_ctx(verification)) return is_good;
    switch (X509_STORE_CTX_get_error(verification)) {
    case X509_V_ERR_PERMITTED_VIOLATION:
    case X509_V_ERR_EXCLUDED_VIOLATION:
    case X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE:
    case X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX:
    case X509_V_ERR_UNSUPPORTED_NAME_SYNTAX:
        X509_STORE_CTX_set_error(verification, X509_V_OK);
        return 1;
    default: return 0;
    }
}

void verdict_know_issuers_by_key(X509_STORE *store) {
    X509_STORE_set_check_issued(store, has_issued);
}

static int has_issued(X509_STORE_CTX *verification, X509 *cert, X509 *issuer) {
    (void)verification;
    enum relation relation = relation_find(issuer, cert);
    return relation == RELATION_OF_ISSUER ||
           (relation == RELATION_OF_NAME && X509_verify(cert, X509_get0_pubkey(issuer)) == 1);
}

// RFC 5280 section 6.1.4 (l) and (m): self-issued certificates do not count, nor does the leaf.
static const char *check_lengths(const struct path *p, const struct chain_question *q, size_t *at) {
    long below = 0; // intermediates between the leaf and this one
    for (size_t i = 1; i < p->length; i++) {
        long most = X509_get_pathlen(p->steps[i]->cert);
        *at = i;
        if (most >= 0 && below > most)
            return "more CA certificates follow than it allows (pathLen)";
        if (i + 1 == p->length) break;
        if (!(X509_get_extension_flags(p->steps[i]->cert) & EXFLAG_SI)) below++;
    }
    *at = 0;
    if (q->intermediates_max >= 0 && below > q->intermediates_max)
        return "there are more intermediates than allowed";
    return NULL;
}

static bool verify(struct graph *g, const struct path *p, const struct chain_question *q,
                   bool checks_policies, struct text *why) {
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *verification = X509_STORE_CTX_new();
    STACK_OF(X509_CRL) *crls = usable_crls(q);
    STACK_OF(X509) *others = helpers(g, p, q);
    CHECK(store && verification);
    verdict_know_issuers_by_key(store);
    CHECK(X509_STORE_add_cert(store, p->steps[p->length - 1]->cert) == 1);
    CHECK(X509_STORE_CTX_init(verification, store, p->steps[0]->cert, others) == 1);
    set_rules(verification, p, q, crls);
    if (checks_policies) set_policies(verification, &q->policies);
    verdict_spare_judged(verification);
    bool is_good = X509_verify_cert(verification) == 1;
    int error = X509_STORE_CTX_get_error(verification);
    if (!is_good) {
        const X509 *cert = X509_STORE_CTX_get_current_cert(verification);
        say(why, cert ? cert : p->steps[0]->cert, X509_verify_cert_error_string(error));
    } else if (!is_same(p, X509_STORE_CTX_get0_chain(verification))) {
        is_good = false;
        say(why, p->steps[0]->cert, "OpenSSL does not follow the path that was found");
    } else {
        const X509 *revoked = deltas_find_revoked(crls, X509_STORE_CTX_get0_chain(verification));
        is_good = !revoked;
        if (revoked) say(why, revoked, "it is revoked by a delta CRL");
    }
    X509_STORE_CTX_free(verification);
    X509_STORE_free(store);
    sk_X509_free(others);
    sk_X509_CRL_free(crls);
    ERR_clear_error();
    return is_good;
}

// Times and purposes have been looked at: OpenSSL takes a certificate as expired in the last second in which it is valid, knows no
// anyExtendedKeyUsage, and asks a purpose of anchors too.
static void set_rules(X509_STORE_CTX *verification, const struct path *p,
                      const struct chain_question *q, STACK_OF(X509_CRL) * crls) {
    X509_VERIFY_PARAM *rules = X509_STORE_CTX_get0_param(verification);
    unsigned long flags =
        X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_NO_CHECK_TIME;
    if (sk_X509_CRL_num(q->crls) > 0 && p->length > 1)
        flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL |
                 X509_V_FLAG_EXTENDED_CRL_SUPPORT | X509_V_FLAG_USE_DELTAS;
    CHECK(X509_VERIFY_PARAM_set_flags(rules, flags) == 1);
    CHECK(X509_VERIFY_PARAM_set_trust(rules, q->purpose == CHAIN_SERVER
                                                 ? X509_TRUST_SSL_SERVER
                                                 : X509_TRUST_SSL_CLIENT) == 1);
    X509_VERIFY_PARAM_set_depth(rules, PATH_LENGTH_MAX);
    X509_VERIFY_PARAM_set_auth_level(rules, 0);
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    X509_STORE_CTX_set0_crls(verification, crls);
}

static void set_policies(X509_STORE_CTX *verification, const struct chain_policies *policies) {
    X509_VERIFY_PARAM *rules = X509_STORE_CTX_get0_param(verification);
    const STACK_OF(ASN1_OBJECT) *acceptable = policies->acceptable;
    unsigned long flags = X509_V_FLAG_POLICY_CHECK;
    if (policies->is_required) flags |= X509_V_FLAG_EXPLICIT_POLICY;
    if (policies->inhibits_mapping) flags |= X509_V_FLAG_INHIBIT_MAP;
    if (policies->inhibits_any) flags |= X509_V_FLAG_INHIBIT_ANY;
    CHECK(X509_VERIFY_PARAM_set_flags(rules, flags) == 1);
    for (int i = 0; i < sk_ASN1_OBJECT_num(acceptable); i++) {
        ASN1_OBJECT *policy = OBJ_dup(sk_ASN1_OBJECT_value(acceptable, i));
        CHECK(policy && X509_VERIFY_PARAM_add0_policy(rules, policy) == 1);
    }
    // Without any that is named, any will do where one is required at all.
    if (sk_ASN1_OBJECT_num(acceptable) <= 0)
        CHECK(X509_VERIFY_PARAM_add0_policy(rules, OBJ_nid2obj(NID_any_policy)) == 1);
}

// The intermediates of the path first, so that nothing else is taken for it; then those who may sign CRLs.
static STACK_OF(X509) *
    helpers(struct graph *g, const struct path *p, const struct chain_question *q) {
    STACK_OF(X509) *all = sk_X509_new_null();
    bool has_crls = sk_X509_CRL_num(q->crls) > 0;
    CHECK(all);
    for (size_t i = 1; i + 1 < p->length; i++) CHECK(sk_X509_push(all, p->steps[i]->cert) > 0);
    for (uint32_t i = 0; has_crls && i < graph_count(g); i++) {
        X509 *cert = graph_version(g, i)->step.cert;
        if (may_sign_lists(graph_version(g, i), q) && cert != p->steps[0]->cert &&
            sk_X509_num(all) < CRL_ISSUERS_MAX)
            CHECK(sk_X509_push(all, cert) > 0);
    }
    return all;
}

static STACK_OF(X509_CRL) * usable_crls(const struct chain_question *q) {
    STACK_OF(X509_CRL) *usable = sk_X509_CRL_new_null();
    CHECK(usable);
    for (int i = 0; i < sk_X509_CRL_num(q->crls); i++) {
        X509_CRL *crl = sk_X509_CRL_value(q->crls, i);
        const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);
        if (!rules_is_begun(X509_CRL_get0_lastUpdate(crl), q->at)) continue;
        if (!next || rules_is_ended(next, q->at)) continue; // RFC 5280 section 5.1.2.5
        if (strength_of_list_digest(crl) < q->bits_min) continue;
        if (q->is_web && web_judge_crl(crl)) continue;
        CHECK(sk_X509_CRL_push(usable, crl) > 0);
    }
    return usable;
}

// RFC 5280 section 6.3.3 (f): what signs lists must be as good as what signs certificates.
static bool may_sign_lists(const struct version *v, const struct chain_question *q) {
    X509 *cert = v->step.cert;
    bool is_valid = rules_is_begun(X509_get0_notBefore(cert), q->at) &&
                    !rules_is_ended(X509_get0_notAfter(cert), q->at);
    bool is_strong = v->key_bits >= q->bits_min && (v->is_anchor || v->digest_bits >= q->bits_min);
    return is_valid && is_strong && (X509_get_key_usage(cert) & KU_CRL_SIGN);
}

static bool is_same(const struct path *p, const STACK_OF(X509) * chain) {
    if (sk_X509_num(chain) != (int)p->length) return false;
    for (size_t i = 0; i < p->length; i++)
        if (X509_cmp(sk_X509_value(chain, (int)i), p->steps[i]->cert) != 0) return false;
    return true;
}

static void say(struct text *why, const X509 *cert, const char *objection) {
    certificate_add_title(why, cert);
    text_printf(why, ": %s", objection);
}
