// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/chain/rules.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "tls/chain/encoding.h"
#include "tls/chain/strength.h"

// What a certificate must say, where it says anything of that kind. OpenSSL's own
// X509_check_purpose() does not know anyExtendedKeyUsage (RFC 5280 section 4.2.1.12) and takes the
// step-up purposes of the nineties for serverAuth.
static const struct purpose {
    uint32_t usage, key_usage;
    int netscape_bit; // of nsCertType
} purposes[] = {
    [CHAIN_SERVER] = {XKU_SSL_SERVER, KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT | KU_KEY_AGREEMENT,
                      1},
    [CHAIN_CLIENT] = {XKU_SSL_CLIENT, KU_DIGITAL_SIGNATURE | KU_KEY_AGREEMENT, 0},
};

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
static bool has_netscape_type(const X509 *cert, int bit);

static const struct rule rules[] = {
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
    const char *why = encoding_judge(cert, place, q);
    if (!why) why = rules_apply(rules, sizeof rules / sizeof *rules, cert, place, q);
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

static bool is_for_purpose(X509 *cert, const struct chain_question *q) {
    const struct purpose *p = &purposes[q->purpose];
    return is_ca_for_purpose(cert, q) && (X509_get_key_usage(cert) & p->key_usage) &&
           has_netscape_type(cert, p->netscape_bit);
}

// The web asks more of a leaf (tls/chain/web.c). A CA of any purpose it allows (BR section
// 7.1.2.10.6).
static bool is_ca_for_purpose(X509 *cert, const struct chain_question *q) {
    return X509_get_extended_key_usage(cert) & (purposes[q->purpose].usage | XKU_ANYEKU);
}

static bool has_netscape_type(const X509 *cert, int bit) {
    int critical = 0;
    ASN1_BIT_STRING *types = X509_get_ext_d2i(cert, NID_netscape_cert_type, &critical, NULL);
    bool is_good = types ? ASN1_BIT_STRING_get_bit(types, bit) : critical == -1;
    ASN1_BIT_STRING_free(types);
    return is_good;
}
