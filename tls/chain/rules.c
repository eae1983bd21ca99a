// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/chain/rules.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "tls/chain/strength.h"

static bool is_whole(X509 *cert, const struct chain_question *q);
static bool has_each_extension_once(X509 *cert, const struct chain_question *q);
static bool agrees_on_its_algorithm(X509 *cert, const struct chain_question *q);
static bool has_issuer(X509 *cert, const struct chain_question *q);
static bool has_begun(X509 *cert, const struct chain_question *q);
static bool has_not_ended(X509 *cert, const struct chain_question *q);
static bool is_understood(X509 *cert, const struct chain_question *q);
static bool has_strong_key(X509 *cert, const struct chain_question *q);
static bool is_ca(X509 *cert, const struct chain_question *q);
static bool may_sign_certificates(X509 *cert, const struct chain_question *q);
static bool has_usages(X509 *cert, const struct chain_question *q);
static bool is_for_purpose(X509 *cert, const struct chain_question *q);
static bool is_ca_for_purpose(X509 *cert, const struct chain_question *q);

static const struct rule rules[] = {
    {PLACE_ANY, is_whole, "an extension of it is malformed"},
    {PLACE_ANY, has_each_extension_once, "it has the same extension twice"},
    {PLACE_ANY, agrees_on_its_algorithm, "it names two different signature algorithms"},
    {PLACE_ANY, has_issuer, "its issuer has no name"},
    {PLACE_ANY, has_begun, "it is not valid yet"},
    {PLACE_ANY, has_not_ended, "it has expired"},
    {PLACE_ANY, is_understood, "it has a critical extension that is not understood"},
    {PLACE_ANY, has_strong_key, "its key is too weak or of an unknown kind"},
    {PLACE_ANY, has_usages, "its extended key usage is malformed or empty"},
    {PLACE_INTERMEDIATE, is_ca, "it is not a CA certificate (basicConstraints)"},
    {PLACE_INTERMEDIATE | PLACE_ANCHOR, may_sign_certificates,
     "it may not sign certificates (keyUsage)"},
    {PLACE_INTERMEDIATE, is_ca_for_purpose, "it is a CA for other purposes (extendedKeyUsage)"},
    {PLACE_LEAF, is_for_purpose, "it is for another purpose (keyUsage or extendedKeyUsage)"},
};

const char *rules_judge(X509 *cert, enum place place, const struct chain_question *q) {
    const char *why = rules_apply(rules, sizeof rules / sizeof *rules, cert, place, q);
    ERR_clear_error();
    return why;
}

const char *rules_apply(const struct rule *table, size_t count, X509 *cert, enum place place,
                        const struct chain_question *q) {
    for (size_t i = 0; i < count; i++)
        if ((table[i].places & place) != 0 && !table[i].holds(cert, q)) return table[i].why;
    return NULL;
}

bool rules_is_begun(const ASN1_TIME *begin, time_t at) {
    return X509_cmp_time(begin, &at) == -1;
}

// X509_cmp_time() never says equal: a time that is not after the second before has passed.
bool rules_is_ended(const ASN1_TIME *end, time_t at) {
    time_t before = at - 1;
    return X509_cmp_time(end, &before) != 1;
}

static bool is_whole(X509 *cert, const struct chain_question *q) {
    (void)q;
    return !(X509_get_extension_flags(cert) & EXFLAG_INVALID);
}

static bool has_each_extension_once(X509 *cert, const struct chain_question *q) {
    (void)q;
    for (int i = 0; i < X509_get_ext_count(cert); i++) {
        const ASN1_OBJECT *kind = X509_EXTENSION_get_object(X509_get_ext(cert, i));
        if (X509_get_ext_by_OBJ(cert, kind, i) >= 0) return false;
    }
    return true;
}

static bool agrees_on_its_algorithm(X509 *cert, const struct chain_question *q) {
    const X509_ALGOR *outer = NULL;
    (void)q;
    X509_get0_signature(NULL, &outer, cert);
    return X509_ALGOR_cmp(outer, X509_get0_tbs_sigalg(cert)) == 0;
}

static bool has_issuer(X509 *cert, const struct chain_question *q) {
    (void)q;
    return X509_NAME_entry_count(X509_get_issuer_name(cert)) > 0;
}

static bool has_begun(X509 *cert, const struct chain_question *q) {
    return rules_is_begun(X509_get0_notBefore(cert), q->at);
}

static bool has_not_ended(X509 *cert, const struct chain_question *q) {
    return !rules_is_ended(X509_get0_notAfter(cert), q->at);
}

static bool is_understood(X509 *cert, const struct chain_question *q) {
    (void)q;
    return !(X509_get_extension_flags(cert) & EXFLAG_CRITICAL);
}

static bool has_strong_key(X509 *cert, const struct chain_question *q) {
    return strength_of_key(X509_get0_pubkey(cert)) >= q->bits_min;
}

// RFC 5280 section 6.1.4 (k). OpenSSL alone lets keyUsage stand in for it.
static bool is_ca(X509 *cert, const struct chain_question *q) {
    (void)q;
    return X509_check_ca(cert) == 1;
}

static bool may_sign_certificates(X509 *cert, const struct chain_question *q) {
    (void)q;
    return X509_get_key_usage(cert) & KU_KEY_CERT_SIGN;
}

// RFC 5280 section 4.2.1.12: one or more purposes.
static bool has_usages(X509 *cert, const struct chain_question *q) {
    int critical = 0;
    (void)q;
    EXTENDED_KEY_USAGE *usages = X509_get_ext_d2i(cert, NID_ext_key_usage, &critical, NULL);
    bool is_good = usages ? sk_ASN1_OBJECT_num(usages) > 0 : critical == -1;
    EXTENDED_KEY_USAGE_free(usages);
    return is_good;
}

static int purpose_of(const struct chain_question *q) {
    return q->purpose == CHAIN_SERVER ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT;
}

// OpenSSL takes the step-up purposes of the nineties for serverAuth as well.
static bool is_of_step_up_only(X509 *cert, const struct chain_question *q) {
    bool has_usages = X509_get_extension_flags(cert) & EXFLAG_XKUSAGE;
    return q->purpose == CHAIN_SERVER && has_usages &&
           !(X509_get_extended_key_usage(cert) & XKU_SSL_SERVER);
}

static bool is_for_purpose(X509 *cert, const struct chain_question *q) {
    return X509_check_purpose(cert, purpose_of(q), 0) == 1 && !is_of_step_up_only(cert, q);
}

static bool is_ca_for_purpose(X509 *cert, const struct chain_question *q) {
    return X509_check_purpose(cert, purpose_of(q), 1) > 0 && !is_of_step_up_only(cert, q);
}
