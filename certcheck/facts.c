// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "certcheck/facts.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "tls/chain/strength.h"

#define DAY_S 86400

static const struct {
    int nid;
    const char *name;
} digests[] = {
    {NID_md2, "md2"},
    {NID_md4, "md4"},
    {NID_md5, "md5"},
    {NID_ripemd160, "rmd160"},
    {NID_sha1, "sha1"},
    {NID_sha224, "sha224"},
    {NID_sha256, "sha256"},
    {NID_sha384, "sha384"},
    {NID_sha512, "sha512"},
    {NID_sha512_224, "sha512-224"},
    {NID_sha512_256, "sha512-256"},
    {NID_sha3_224, "sha3-224"},
    {NID_sha3_256, "sha3-256"},
    {NID_sha3_384, "sha3-384"},
    {NID_sha3_512, "sha3-512"},
    {NID_sm3, "sm3"},
    {NID_undef, "own"},
    {NID_undef, "unknown"},
};
// By OpenSSL's name of the key or of its group.
static const struct {
    const char *their_name, *name;
} keys[] = {
    {"RSA", "RSA"},         {"RSA-PSS", "RSA-PSS"}, {"prime256v1", "P-256"}, {"secp384r1", "P-384"},
    {"secp521r1", "P-521"}, {"secp224r1", "P-224"}, {"ED25519", "Ed25519"},  {"ED448", "Ed448"},
    {"DSA", "DSA"},         {"other", "other"},
};

static time_t seconds_of(const ASN1_TIME *time);

const char *facts_digest(const X509 *cert) {
    int digest = NID_undef;
    X509_get_signature_info((X509 *)cert, &digest, NULL, NULL, NULL);
    ERR_clear_error();
    for (size_t i = 0; i < sizeof digests / sizeof *digests && digest != NID_undef; i++)
        if (digests[i].nid == digest) return digests[i].name;
    return digest == NID_undef && strength_of_digest(cert) > 0 ? "own" : "unknown";
}

bool facts_is_digest(const char *name) {
    for (size_t i = 0; i < sizeof digests / sizeof *digests; i++)
        if (strcmp(digests[i].name, name) == 0) return true;
    return false;
}

const char *facts_key(const X509 *cert) {
    const EVP_PKEY *key = X509_get0_pubkey(cert);
    char group[64];
    size_t len = 0;
    if (!key) {
        ERR_clear_error();
        return "other";
    }
    const char *name = EVP_PKEY_get0_type_name(key);
    bool has_group = EVP_PKEY_get_group_name(key, group, sizeof group, &len) == 1 && len > 0;
    ERR_clear_error();
    if (has_group) name = group;
    for (size_t i = 0; i < sizeof keys / sizeof *keys && name; i++)
        if (strcmp(keys[i].their_name, name) == 0) return keys[i].name;
    return "other";
}

bool facts_is_key(const char *name) {
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(keys[i].name, name) == 0) return true;
    return false;
}

int facts_key_bits(const X509 *cert) {
    const EVP_PKEY *key = X509_get0_pubkey(cert);
    ERR_clear_error();
    return key ? EVP_PKEY_get_bits(key) : 0;
}

time_t facts_begin(const X509 *cert) {
    return seconds_of(X509_get0_notBefore(cert));
}

time_t facts_end(const X509 *cert) {
    return seconds_of(X509_get0_notAfter(cert));
}

long facts_days(const X509 *cert) {
    long seconds = (long)(facts_end(cert) - facts_begin(cert)) + 1;
    return seconds <= 0 ? 0 : (seconds + DAY_S - 1) / DAY_S;
}

int facts_months(const X509 *cert) {
    time_t from = facts_begin(cert), until = facts_end(cert);
    struct tm a, b;
    gmtime_r(&from, &a);
    gmtime_r(&until, &b);
    int months = (b.tm_year - a.tm_year) * 12 + b.tm_mon - a.tm_mon;
    return b.tm_mday > a.tm_mday ? months + 1 : months;
}

bool facts_has_usage(X509 *cert, unsigned usage) {
    bool has_list = X509_get_extension_flags(cert) & EXFLAG_XKUSAGE;
    return has_list && (X509_get_extended_key_usage(cert) & usage);
}

static time_t seconds_of(const ASN1_TIME *time) {
    struct tm tm;
    bool is_good = ASN1_TIME_to_tm(time, &tm) == 1;
    ERR_clear_error();
    return is_good ? timegm(&tm) : 0;
}
