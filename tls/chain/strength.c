// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/chain/strength.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <stddef.h>
#include <string.h>

#include "core/slice.h"

struct row {
    const char *name;
    int bits;
};

static const struct row digests[] = {
    {"MD2", 20},       {"MD4", 0},        {"MD5", 18},         {"MDC2", 40},
    {"RIPEMD160", 80}, {"SHA1", 61},      {"SHA224", 112},     {"SHA256", 128},
    {"SHA384", 192},   {"SHA512", 256},   {"SHA512-224", 112}, {"SHA512-256", 128},
    {"SHA3-224", 112}, {"SHA3-256", 128}, {"SHA3-384", 192},   {"SHA3-512", 256},
    {"id-SHA1", 61},   {"SM3", 128},      {"SHAKE128", 128},   {"SHAKE256", 256},
};
// Keys of a fixed size, and signature algorithms that bring their own digest (then the key
// decides).
static const struct row keys[] = {
    {"ED25519", 128},           {"ED448", 224},
    {"ML-DSA-44", 128},         {"ML-DSA-65", 192},
    {"ML-DSA-87", 256},         {"SLH-DSA-SHA2-128", 128},
    {"SLH-DSA-SHA2-192", 192},  {"SLH-DSA-SHA2-256", 256},
    {"SLH-DSA-SHAKE-128", 128}, {"SLH-DSA-SHAKE-192", 192},
    {"SLH-DSA-SHAKE-256", 256},
};
// RSA and DSA: bits of the modulus.
static const struct {
    int modulus, bits;
} moduli[] = {{15360, 256}, {7680, 192}, {3072, 128}, {2048, 112},
              {1024, 80},   {768, 56},   {512, 40}};

static int of_digest(int digest, int algorithm);
static int pss_digest(const X509_CRL *crl);
static int look_up(const struct row *rows, size_t count, const char *name);
static int of_modulus(int modulus);

int strength_of_digest(const X509 *cert) {
    int digest = NID_undef;
    int algorithm = X509_get_signature_nid(cert);
    X509_get_signature_info((X509 *)cert, &digest, NULL, NULL, NULL);
    ERR_clear_error();
    return of_digest(digest, algorithm);
}

int strength_of_list_digest(const X509_CRL *crl) {
    int digest = NID_undef, algorithm = X509_CRL_get_signature_nid(crl);
    if (algorithm == NID_rsassaPss)
        digest = pss_digest(crl);
    else
        OBJ_find_sigid_algs(algorithm, &digest, NULL);
    return of_digest(digest, algorithm);
}

static int of_digest(int digest, int algorithm) {
    if (digest != NID_undef)
        return look_up(digests, sizeof digests / sizeof *digests, OBJ_nid2sn(digest));
    const char *name = OBJ_nid2sn(algorithm);
    return look_up(keys, sizeof keys / sizeof *keys, name) > 0 ? STRENGTH_MAX : 0;
}

// RFC 4055 section 3.1: SHA-1 where none is named. NID_undef: the parameters cannot be read.
static int pss_digest(const X509_CRL *crl) {
    const X509_ALGOR *algorithm;
    X509_CRL_get0_signature(crl, NULL, &algorithm);
    RSA_PSS_PARAMS *pss =
        algorithm->parameter
            ? ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(RSA_PSS_PARAMS), algorithm->parameter)
            : NULL;
    int digest = pss ? NID_sha1 : NID_undef;
    if (pss && pss->hashAlgorithm) digest = OBJ_obj2nid(pss->hashAlgorithm->algorithm);
    RSA_PSS_PARAMS_free(pss);
    ERR_clear_error();
    return digest;
}

int strength_of_key(const EVP_PKEY *key) {
    if (!key) return 0;
    int bits = EVP_PKEY_get_bits(key);
    if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS")) return of_modulus(bits);
    if (EVP_PKEY_is_a(key, "EC") || EVP_PKEY_is_a(key, "SM2"))
        return bits / 2 < STRENGTH_MAX ? bits / 2 : STRENGTH_MAX;
    if (EVP_PKEY_is_a(key, "DSA")) {
        int by_order = EVP_PKEY_get_security_bits(key), by_modulus = of_modulus(bits);
        return by_order < by_modulus ? by_order : by_modulus;
    }
    const char *name = EVP_PKEY_get0_type_name(key);
    return name ? look_up(keys, sizeof keys / sizeof *keys, name) : 0;
}

// By the whole name, or by its beginning where a variant follows ("SLH-DSA-SHA2-128s").
static int look_up(const struct row *rows, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(rows[i].name, name) == 0) return rows[i].bits;
        size_t len = strlen(rows[i].name);
        if (strncmp(name, "SLH-", 4) == 0 && strncasecmp(rows[i].name, name, len) == 0)
            return rows[i].bits;
    }
    return 0;
}

static int of_modulus(int modulus) {
    for (size_t i = 0; i < sizeof moduli / sizeof *moduli; i++)
        if (modulus >= moduli[i].modulus) return moduli[i].bits;
    return 0;
}
