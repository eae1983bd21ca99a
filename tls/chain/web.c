// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/chain/web.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "tls/chain/host.h"

#define SERIAL_BYTES_MAX 20
#define PLACE_ISSUED     (PLACE_LEAF | PLACE_INTERMEDIATE)
#define PLACE_CA         (PLACE_INTERMEDIATE | PLACE_ANCHOR)

static bool is_version_3(X509 *cert, const struct chain_question *q);
static bool has_good_serial(X509 *cert, const struct chain_question *q);
static bool has_key_of_the_web(X509 *cert, const struct chain_question *q);
static bool has_subject(X509 *cert, const struct chain_question *q);
static bool has_critical_constraints(X509 *cert, const struct chain_question *q);
static bool is_ca_throughout(X509 *cert, const struct chain_question *q);
static bool has_ski(X509 *cert, const struct chain_question *q);
static bool has_plain_extensions(X509 *cert, const struct chain_question *q);
static bool has_aki(X509 *cert, const struct chain_question *q);
static bool has_own_aki(X509 *cert, const struct chain_question *q);
static bool has_no_usages(X509 *cert, const struct chain_question *q);
static bool has_critical_policies(X509 *cert, const struct chain_question *q);
static bool has_whole_access(X509 *cert, const struct chain_question *q);
static bool has_san(X509 *cert, const struct chain_question *q);
static bool has_san_criticality(X509 *cert, const struct chain_question *q);
static bool has_good_names(X509 *cert, const struct chain_question *q);
static bool has_web_usages(X509 *cert, const struct chain_question *q);
static bool constrains_nobody(X509 *cert, const struct chain_question *q);
static bool may_sign_only_as_ca(X509 *cert, const struct chain_question *q);

static const struct rule rules[] = {
    {PLACE_ANY, is_version_3, "it is not of X.509 version 3"},
    {PLACE_ISSUED, has_good_serial, "its serial number is not positive or longer than 20 bytes"},
    {PLACE_ANY, has_key_of_the_web,
     "its key is none that the web uses (RSA of 2048 bits or more, divisible by 8; P-256, P-384 or "
     "P-521 by name; Ed25519; Ed448)"},
    {PLACE_CA, has_subject, "it is a CA certificate without a subject"},
    {PLACE_CA, has_critical_constraints,
     "its basicConstraints are missing, not critical or not those of a CA"},
    {PLACE_ANY, is_ca_throughout, "its basicConstraints and its keyUsage contradict each other"},
    {PLACE_CA, has_ski, "it has no subjectKeyIdentifier"},
    {PLACE_ANY, has_plain_extensions,
     "its key identifiers or authorityInfoAccess are critical, which must not be"},
    {PLACE_ISSUED, has_aki, "it has no authorityKeyIdentifier with a key identifier"},
    {PLACE_ANCHOR, has_own_aki, "its authorityKeyIdentifier is not that of a root certificate"},
    {PLACE_ANCHOR, has_no_usages, "it is a root certificate with an extendedKeyUsage"},
    {PLACE_CA, has_critical_policies,
     "its policyConstraints or inhibitAnyPolicy are not critical or malformed"},
    {PLACE_LEAF, has_whole_access, "its authorityInfoAccess is malformed"},
    {PLACE_LEAF, has_san, "it has no subjectAltName, or a malformed one"},
    {PLACE_LEAF, has_san_criticality,
     "its subjectAltName must be critical when the subject is empty, and only then"},
    {PLACE_LEAF, has_good_names, "a name in its subjectAltName is malformed"},
    {PLACE_LEAF, has_web_usages, "its extendedKeyUsage is critical or holds anyExtendedKeyUsage"},
    {PLACE_LEAF, constrains_nobody, "it has nameConstraints without being a CA"},
    {PLACE_LEAF, may_sign_only_as_ca, "it may sign certificates (keyUsage) without being a CA"},
};

const char *web_judge(X509 *cert, enum place place, const struct chain_question *q) {
    const char *why = rules_apply(rules, sizeof rules / sizeof *rules, cert, place, q);
    ERR_clear_error();
    return why;
}

const char *web_judge_crl(X509_CRL *crl) {
    int at = X509_CRL_get_ext_by_NID(crl, NID_crl_number, -1);
    if (at < 0) return "it has no CRL number";
    if (X509_EXTENSION_get_critical(X509_CRL_get_ext(crl, at)))
        return "its CRL number is critical, which must not be";
    return NULL;
}

static bool has(const X509 *cert, int nid) {
    return X509_get_ext_by_NID(cert, nid, -1) >= 0;
}

static bool is_critical(const X509 *cert, int nid) {
    int at = X509_get_ext_by_NID(cert, nid, -1);
    return at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(cert, at));
}

static bool is_asserted_ca(X509 *cert) {
    return X509_get_extension_flags(cert) & EXFLAG_CA;
}

static bool is_version_3(X509 *cert, const struct chain_question *q) {
    (void)q;
    return X509_get_version(cert) == X509_VERSION_3;
}

static bool has_good_serial(X509 *cert, const struct chain_question *q) {
    const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
    (void)q;
    int len = ASN1_STRING_length(serial);
    const unsigned char *bytes = ASN1_STRING_get0_data(serial);
    bool is_positive = ASN1_STRING_type(serial) == V_ASN1_INTEGER && len > 0 && bytes[0] > 0;
    // The first bit set costs one more byte in DER.
    return is_positive && len + (bytes[0] >> 7) <= SERIAL_BYTES_MAX;
}

static bool has_key_of_the_web(X509 *cert, const struct chain_question *q) {
    const EVP_PKEY *key = X509_get0_pubkey(cert);
    static const int curves[] = {NID_X9_62_prime256v1, NID_secp384r1, NID_secp521r1};
    char name[64];
    ASN1_OBJECT *kind = NULL;
    X509_ALGOR *algorithm = NULL;
    (void)q;
    if (!key) return false;
    if (EVP_PKEY_is_a(key, "RSA"))
        return EVP_PKEY_get_bits(key) >= 2048 && EVP_PKEY_get_bits(key) % 8 == 0;
    if (EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448")) return true;
    if (!EVP_PKEY_is_a(key, "EC")) return false;
    int parameters = V_ASN1_UNDEF;
    X509_PUBKEY_get0_param(&kind, NULL, NULL, &algorithm, X509_get_X509_PUBKEY(cert));
    X509_ALGOR_get0(NULL, &parameters, NULL, algorithm);
    if (parameters != V_ASN1_OBJECT) return false; // a curve written out, not named
    if (EVP_PKEY_get_group_name(key, name, sizeof name, NULL) != 1) return false;
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++)
        if (OBJ_sn2nid(name) == curves[i]) return true;
    return false;
}

static bool has_subject(X509 *cert, const struct chain_question *q) {
    (void)q;
    return X509_NAME_entry_count(X509_get_subject_name(cert)) > 0;
}

static bool has_critical_constraints(X509 *cert, const struct chain_question *q) {
    (void)q;
    return is_critical(cert, NID_basic_constraints) && is_asserted_ca(cert);
}

// RFC 5280 sections 4.2.1.3 and 4.2.1.9: cA and keyCertSign are set together or not at all, where
// keyUsage is there.
static bool is_ca_throughout(X509 *cert, const struct chain_question *q) {
    (void)q;
    return !is_asserted_ca(cert) || (X509_get_key_usage(cert) & KU_KEY_CERT_SIGN);
}

static bool may_sign_only_as_ca(X509 *cert, const struct chain_question *q) {
    (void)q;
    bool may_sign = has(cert, NID_key_usage) && (X509_get_key_usage(cert) & KU_KEY_CERT_SIGN);
    return !may_sign || is_asserted_ca(cert);
}

static bool has_ski(X509 *cert, const struct chain_question *q) {
    (void)q;
    return X509_get0_subject_key_id(cert) != NULL;
}

static bool has_plain_extensions(X509 *cert, const struct chain_question *q) {
    (void)q;
    return !is_critical(cert, NID_subject_key_identifier) &&
           !is_critical(cert, NID_authority_key_identifier) && !is_critical(cert, NID_info_access);
}

// The only certificate that is its own issuer may leave it out (RFC 5280 section 4.2.1.1).
static bool has_aki(X509 *cert, const struct chain_question *q) {
    (void)q;
    return X509_get0_authority_key_id(cert) != NULL || (X509_get_extension_flags(cert) & EXFLAG_SS);
}

// BR section 7.1.2.1.3. Another kind of anchor is not a root certificate, and nothing above it
// matters.
static bool has_own_aki(X509 *cert, const struct chain_question *q) {
    const ASN1_OCTET_STRING *own = X509_get0_subject_key_id(cert);
    (void)q;
    if (!(X509_get_extension_flags(cert) & EXFLAG_SI)) return true;
    AUTHORITY_KEYID *aki = X509_get_ext_d2i(cert, NID_authority_key_identifier, NULL, NULL);
    bool is_good = !aki ? !has(cert, NID_authority_key_identifier)
                        : aki->keyid && !aki->issuer && !aki->serial && own &&
                              ASN1_OCTET_STRING_cmp(aki->keyid, own) == 0;
    AUTHORITY_KEYID_free(aki);
    return is_good;
}

static bool has_no_usages(X509 *cert, const struct chain_question *q) {
    (void)q;
    return !(X509_get_extension_flags(cert) & EXFLAG_SI) || !has(cert, NID_ext_key_usage);
}

static bool has_critical_policies(X509 *cert, const struct chain_question *q) {
    (void)q;
    return (!has(cert, NID_policy_constraints) || is_critical(cert, NID_policy_constraints)) &&
           (!has(cert, NID_inhibit_any_policy) || is_critical(cert, NID_inhibit_any_policy));
}

static bool has_whole_access(X509 *cert, const struct chain_question *q) {
    (void)q;
    if (!has(cert, NID_info_access)) return true;
    AUTHORITY_INFO_ACCESS *access = X509_get_ext_d2i(cert, NID_info_access, NULL, NULL);
    bool is_good = access && sk_ACCESS_DESCRIPTION_num(access) > 0;
    AUTHORITY_INFO_ACCESS_free(access);
    return is_good;
}

static bool has_san(X509 *cert, const struct chain_question *q) {
    (void)q;
    GENERAL_NAMES *all = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    bool is_good = sk_GENERAL_NAME_num(all) > 0;
    GENERAL_NAMES_free(all);
    return is_good;
}

static bool has_san_criticality(X509 *cert, const struct chain_question *q) {
    return is_critical(cert, NID_subject_alt_name) == !has_subject(cert, q);
}

// A wildcard on a top-level domain is for nobody.
static bool is_good_name(const GENERAL_NAME *g) {
    const ASN1_STRING *value = g->d.ia5;
    if (g->type == GEN_IPADD)
        return ASN1_STRING_length(value) == 4 || ASN1_STRING_length(value) == 16;
    if (g->type != GEN_DNS) return true;
    struct slice name = {(const char *)ASN1_STRING_get0_data(value),
                         (size_t)ASN1_STRING_length(value)};
    bool is_wild = slice_starts_with(name, SLICE("*."));
    return host_is_dns_name(name) && (!is_wild || slice_find(slice_skip(name, 2), '.') > 0);
}

static bool has_good_names(X509 *cert, const struct chain_question *q) {
    (void)q;
    GENERAL_NAMES *all = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    bool is_good = true;
    for (int i = 0; i < sk_GENERAL_NAME_num(all) && is_good; i++)
        is_good = is_good_name(sk_GENERAL_NAME_value(all, i));
    GENERAL_NAMES_free(all);
    return is_good;
}

static bool has_web_usages(X509 *cert, const struct chain_question *q) {
    (void)q;
    if (!has(cert, NID_ext_key_usage)) return true;
    return !is_critical(cert, NID_ext_key_usage) &&
           !(X509_get_extended_key_usage(cert) & XKU_ANYEKU);
}

static bool constrains_nobody(X509 *cert, const struct chain_question *q) {
    (void)q;
    return !has(cert, NID_name_constraints) || is_asserted_ca(cert);
}
