// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// What is wrong with single certificates: those of the best path, and each one that is sent.

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "certcheck/facts.h"
#include "certcheck/report.h"
#include "tls/certificate.h"
#include "tls/chain/host.h"
#include "tls/chain/rules.h"
#include "tls/chain/web.h"

#define SERIAL_BYTES_MAX 20
#define SERIAL_BITS_MIN  64

static void judge_leaf(struct report *r, const struct report_rules *rules);
static void judge_names(struct report *r);
static void judge_one(struct report *r, X509 *cert, enum place place);
static void judge_strength(struct report *r, X509 *cert, enum place place);
static void judge_pss(struct report *r, X509 *cert);
static int mask_digest(const RSA_PSS_PARAMS *pss);
static void *unpack(const X509_ALGOR *algorithm, const ASN1_ITEM *kind);
static void judge_serial(struct report *r, X509 *cert);
static void judge_by_policy(struct report *r);
static void judge_sent_by_policy(struct report *r, int i);

void report_judge_certificates(struct report *r, const struct report_rules *rules) {
    const struct path *p = candidates_main(&r->candidates);
    judge_leaf(r, rules);
    for (size_t i = 0; p && i < p->length; i++) {
        bool is_last = i + 1 == p->length && r->candidates.best.length > 0;
        judge_one(r, p->steps[i]->cert,
                  i == 0    ? PLACE_LEAF
                  : is_last ? PLACE_ANCHOR
                            : PLACE_INTERMEDIATE);
    }
    if (!p) judge_one(r, r->trial.leaf, PLACE_LEAF);
    if (r->trial.rules->policy) judge_by_policy(r);
}

static void judge_leaf(struct report *r, const struct report_rules *rules) {
    X509 *leaf = r->trial.leaf;
    time_t at = r->trial.rules->at;
    struct text day;
    text_init(&day, 100);
    if (rules_is_ended(X509_get0_notAfter(leaf), at)) {
        certificate_add_time(&day, X509_get0_notAfter(leaf));
        report_add(r, FINDING_LEAF_EXPIRED, leaf, text_string(&day));
    } else if (report_days_left(r) < rules->warning_days) {
        text_printf(&day, "%ld days left", report_days_left(r));
        report_add(r, FINDING_LEAF_ENDS_SOON, leaf, text_string(&day));
    }
    text_clear(&day);
    if (!rules_is_begun(X509_get0_notBefore(leaf), at)) {
        certificate_add_time(&day, X509_get0_notBefore(leaf));
        report_add(r, FINDING_LEAF_NOT_BEGUN, leaf, text_string(&day));
    }
    text_fini(&day);
    if (r->target->kind != TARGET_TRUSTED) judge_names(r);
}

static void judge_names(struct report *r) {
    X509 *leaf = r->trial.leaf;
    bool is_server = X509_check_ca(leaf) == 0;
    if (is_server && X509_get_ext_by_NID(leaf, NID_subject_alt_name, -1) < 0)
        report_add(r, FINDING_NAME_MISSING, leaf, NULL);
    for (size_t i = 0; i < r->target->host_count; i++)
        if (!host_is_named(leaf, r->target->hosts[i]))
            report_add(r, FINDING_NAME_MISMATCH, leaf, r->target->hosts[i]);
    bool has_usages = X509_get_extension_flags(leaf) & EXFLAG_XKUSAGE;
    if (!has_usages && is_server) report_add(r, FINDING_EKU_MISSING, leaf, NULL);
    if (has_usages && !facts_has_usage(leaf, XKU_SSL_SERVER | XKU_ANYEKU))
        report_add(r, FINDING_EKU_OTHER, leaf, NULL);
}

static void judge_one(struct report *r, X509 *cert, enum place place) {
    if (!r->trial.rules->policy) judge_strength(r, cert, place);
    if (place == PLACE_ANCHOR) return;
    bool is_pss = X509_get_signature_nid(cert) == NID_rsassaPss;
    if (is_pss && X509_self_signed(cert, 0) != 1) judge_pss(r, cert);
    judge_serial(r, cert);
    const char *why = web_judge(cert, place, &r->trial.question);
    if (why) report_add(r, FINDING_WEB_PROFILE, cert, why);
}

// The signature of a self-signed certificate is not judged: nobody relies on it.
static void judge_strength(struct report *r, X509 *cert, enum place place) {
    const char *digest = facts_digest(cert);
    bool is_leaf = place == PLACE_LEAF;
    bool is_signed_by_other = X509_self_signed(cert, 0) != 1 && place != PLACE_ANCHOR;
    int digest_bits = strength_of_digest(cert);
    if (is_signed_by_other && strcmp(digest, "unknown") == 0)
        report_add(r, FINDING_SIG_UNKNOWN, cert, NULL);
    else if (is_signed_by_other && strcmp(digest, "sha1") == 0)
        report_add(r, is_leaf ? FINDING_SIG_SHA1_LEAF : FINDING_SIG_SHA1_INTERMEDIATE, cert, NULL);
    else if (is_signed_by_other && digest_bits < CHAIN_BITS_MIN)
        report_add(r, is_leaf ? FINDING_SIG_MD5_LEAF : FINDING_SIG_MD5_INTERMEDIATE, cert, digest);
    struct text key;
    text_init(&key, 100);
    certificate_add_key(&key, cert);
    if (strncmp(facts_key(cert), "RSA", 3) == 0 && facts_key_bits(cert) < 2048)
        report_add(r, FINDING_KEY_RSA_SHORT, cert, text_string(&key));
    else if (strength_of_key(X509_get0_pubkey(cert)) < CHAIN_BITS_MIN)
        report_add(r, FINDING_KEY_WEAK, cert, text_string(&key));
    text_fini(&key);
}

// RFC 4055 section 3.1 and BR section 7.1.3.2.1: one digest for both uses, and a salt as long as it.
static void judge_pss(struct report *r, X509 *cert) {
    const X509_ALGOR *algorithm = NULL;
    int digest = NID_undef;
    X509_get0_signature(NULL, &algorithm, cert);
    X509_get_signature_info(cert, &digest, NULL, NULL, NULL);
    RSA_PSS_PARAMS *pss = unpack(algorithm, ASN1_ITEM_rptr(RSA_PSS_PARAMS));
    const EVP_MD *md = EVP_get_digestbynid(digest);
    long salt = pss && pss->saltLength ? ASN1_INTEGER_get(pss->saltLength) : 20;
    bool is_good = pss && md && mask_digest(pss) == digest && salt == EVP_MD_get_size(md);
    RSA_PSS_PARAMS_free(pss);
    ERR_clear_error();
    if (!is_good) report_add(r, FINDING_SIG_PSS_PARAMETERS, cert, NULL);
}

// MGF1 with SHA-1 where nothing is said.
static int mask_digest(const RSA_PSS_PARAMS *pss) {
    if (!pss->maskGenAlgorithm) return NID_sha1;
    X509_ALGOR *mask = unpack(pss->maskGenAlgorithm, ASN1_ITEM_rptr(X509_ALGOR));
    bool is_mgf1 = OBJ_obj2nid(pss->maskGenAlgorithm->algorithm) == NID_mgf1;
    int digest = mask && is_mgf1 ? OBJ_obj2nid(mask->algorithm) : NID_undef;
    X509_ALGOR_free(mask);
    return digest;
}

// What an algorithm has as its parameters; NULL: nothing, or something else.
static void *unpack(const X509_ALGOR *algorithm, const ASN1_ITEM *kind) {
    int type = 0;
    X509_ALGOR_get0(NULL, &type, NULL, algorithm);
    return type == V_ASN1_SEQUENCE ? ASN1_TYPE_unpack_sequence(kind, algorithm->parameter) : NULL;
}

static void judge_serial(struct report *r, X509 *cert) {
    const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
    BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);
    bool is_positive = number && !BN_is_negative(number) && !BN_is_zero(number);
    int bits = number ? BN_num_bits(number) : 0;
    BN_free(number);
    ERR_clear_error();
    // The first bit set costs one more byte in DER.
    if (!is_positive || bits / 8 + 1 > SERIAL_BYTES_MAX)
        report_add(r, FINDING_SERIAL_BAD, cert, NULL);
    else if (bits < SERIAL_BITS_MIN - 8 &&
             X509_self_signed(cert, 0) != 1) // a random one may begin with zeros
        report_add(r, FINDING_SERIAL_SHORT, cert, NULL);
}

// The best path is judged whole; where there is none, the one that comes nearest. Others that are sent are judged apart.
static void judge_by_policy(struct report *r) {
    const struct path *p = candidates_main(&r->candidates);
    X509 *certs[PATH_LENGTH_MAX];
    struct policy_breach breaches[POLICY_RULES_MAX];
    bool has_anchor = false;
    for (size_t i = 0; p && i < p->length; i++) certs[i] = p->steps[i]->cert;
    if (p)
        has_anchor =
            graph_version(r->trial.graph, trial_number(&r->trial, certs[p->length - 1]))->is_anchor;
    size_t count = p ? policy_judge(r->trial.rules->policy, certs, p->length, has_anchor,
                                    r->trial.rules->at, breaches, POLICY_RULES_MAX)
                     : 0;
    for (size_t i = 0; i < count && i < POLICY_RULES_MAX; i++) {
        struct text about;
        X509 *cert = certs[breaches[i].at];
        text_init(&about, FINDING_ABOUT_MAX);
        certificate_add_title(&about, cert);
        findings_add_rule(&r->findings, breaches[i].rule,
                          breaches[i].rule->is_warning ? SEVERITY_WARNING : SEVERITY_ERROR,
                          report_sent_at(r, cert), &about);
        text_fini(&about);
    }
    for (int i = 0; p && i < sk_X509_num(r->target->sent); i++) judge_sent_by_policy(r, i);
}

// As an intermediate certificate below the leaf. It is not on the best path, so nothing is broken by it.
static void judge_sent_by_policy(struct report *r, int i) {
    X509 *cert = sk_X509_value(r->target->sent, i);
    X509 *certs[] = {r->trial.leaf, cert};
    struct policy_breach breaches[POLICY_RULES_MAX];
    if (i == r->trial.leaf_at || report_path_at(r, cert) >= 0 || certificate_is_self_issued(cert))
        return;
    size_t count = policy_judge(r->trial.rules->policy, certs, 2, false, r->trial.rules->at,
                                breaches, POLICY_RULES_MAX);
    for (size_t k = 0; k < count && k < POLICY_RULES_MAX; k++) {
        if (breaches[k].at != 1) continue;
        struct text about;
        text_init(&about, FINDING_ABOUT_MAX);
        certificate_add_title(&about, cert);
        bool is_used = r->candidates.best.length == 0;
        if (!is_used) text_add(&about, SLICE(", which the best path does not need"));
        findings_add_rule(&r->findings, breaches[k].rule,
                          is_used && !breaches[k].rule->is_warning ? SEVERITY_ERROR
                                                                   : SEVERITY_WARNING,
                          i, &about);
        text_fini(&about);
    }
}
