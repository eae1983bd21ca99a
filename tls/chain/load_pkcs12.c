// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <openssl/asn1t.h>
#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include "core/check.h"
#include "tls/chain/load_parts.h"

// PKCS12_parse() is not used: it gives the certificates in another order, only those with one key, and lets a file say how long it takes.

#define NESTING_MAX 4

// One file while its bags are opened.
struct opening {
    struct loading *l;
    PKCS12 *file;
    const char *password; // NULL and "" are two passwords
    bool has_failed;      // and that has been said
};

static bool choose_password(struct opening *o);
static bool has_password(struct opening *o, const char *password);
static void open_safe(struct opening *o, PKCS7 *safe);
static STACK_OF(PKCS12_SAFEBAG) * unpack_safe(struct opening *o, PKCS7 *safe);
static void take_bags(struct opening *o, const STACK_OF(PKCS12_SAFEBAG) * bags, int depth);
static void take_bag(struct opening *o, const PKCS12_SAFEBAG *bag, int depth);
static void open_key(struct loading *l, const X509_SIG *sealed, const char *password);
static void take_plain_key(struct loading *l, const PKCS8_PRIV_KEY_INFO *plain);
static void fail(struct opening *o, const char *why);
static bool charge(struct loading *l, const X509_ALGOR *algorithm);
static bool charge_derivation(struct loading *l, const X509_ALGOR *derivation);
static bool charge_rounds(struct loading *l, const ASN1_INTEGER *rounds, uint64_t times);
static const ASN1_STRING *parameters_of(const X509_ALGOR *algorithm);

static const char too_costly[] = "it asks for more rounds of key derivation than a file may cost";

bool load_pkcs12(struct loading *l, const unsigned char **at, long len) {
    struct opening o = {.l = l, .file = d2i_PKCS12(NULL, at, len)};
    if (!o.file) {
        loading_fail(l, LOAD_PKCS12, NULL);
        return false;
    }
    STACK_OF(PKCS7) *safes = choose_password(&o) ? PKCS12_unpack_authsafes(o.file) : NULL;
    if (!safes) fail(&o, NULL);
    for (int i = 0; i < sk_PKCS7_num(safes) && !l->has_ended; i++)
        open_safe(&o, sk_PKCS7_value(safes, i));
    sk_PKCS7_pop_free(safes, PKCS7_free);
    PKCS12_free(o.file);
    return true;
}

void load_encrypted_key(struct loading *l, const X509_SIG *sealed) {
    if (!(l->conf->wanted & LOAD_KEYS)) return;
    if (l->conf->password) {
        open_key(l, sealed, l->conf->password);
        return;
    }
    l->out->key_count++;
    loading_fail(l, LOAD_KEY, LOAD_ENCRYPTED);
}

// A file without a MAC is tried with what there is.
static bool choose_password(struct opening *o) {
    const ASN1_INTEGER *rounds = NULL;
    const X509_ALGOR *algorithm = NULL;
    const char *given = o->l->conf->password;
    o->password = given;
    if (!PKCS12_mac_present(o->file)) return true;
    PKCS12_get0_mac(NULL, &algorithm, NULL, &rounds, o->file);
    if (!charge_rounds(o->l, rounds, 2) || !charge(o->l, algorithm)) {
        fail(o, too_costly);
        return false;
    }
    if (given ? has_password(o, given) : has_password(o, NULL) || has_password(o, "")) return true;
    ERR_clear_error();
    fail(o, given ? "it has another password, or is damaged"
                  : "it has a password, and none was given (or it is damaged)");
    return false;
}

static bool has_password(struct opening *o, const char *password) {
    if (PKCS12_verify_mac(o->file, password, password ? -1 : 0) != 1) return false;
    o->password = password;
    return true;
}

static void open_safe(struct opening *o, PKCS7 *safe) {
    STACK_OF(PKCS12_SAFEBAG) *bags = unpack_safe(o, safe);
    if (bags)
        take_bags(o, bags, 0);
    else
        fail(o, NULL);
    sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
}

static STACK_OF(PKCS12_SAFEBAG) * unpack_safe(struct opening *o, PKCS7 *safe) {
    if (PKCS7_type_is_data(safe)) return PKCS12_unpack_p7data(safe);
    if (!PKCS7_type_is_encrypted(safe) || !safe->d.encrypted || !safe->d.encrypted->enc_data) {
        fail(o, "a part of it is neither plain nor encrypted with a password");
        return NULL;
    }
    if (!charge(o->l, safe->d.encrypted->enc_data->algorithm)) {
        fail(o, too_costly);
        return NULL;
    }
    int len = o->password ? (int)strlen(o->password) : 0;
    STACK_OF(PKCS12_SAFEBAG) *bags = PKCS12_unpack_p7encdata(safe, o->password, len);
    if (!bags && ERR_GET_REASON(ERR_peek_error()) == ERR_R_UNSUPPORTED)
        fail(o,
             "it is encrypted in a way that is too old (RC2); write it anew with openssl pkcs12");
    return bags;
}

static void take_bags(struct opening *o, const STACK_OF(PKCS12_SAFEBAG) * bags, int depth) {
    for (int i = 0; i < sk_PKCS12_SAFEBAG_num(bags) && !o->l->has_ended; i++)
        take_bag(o, sk_PKCS12_SAFEBAG_value(bags, i), depth);
}

static void take_bag(struct opening *o, const PKCS12_SAFEBAG *bag, int depth) {
    X509 *cert;
    X509_CRL *crl;
    switch (PKCS12_SAFEBAG_get_nid(bag)) {
    case NID_keyBag: take_plain_key(o->l, PKCS12_SAFEBAG_get0_p8inf(bag)); return;
    case NID_pkcs8ShroudedKeyBag:
        open_key(o->l, PKCS12_SAFEBAG_get0_pkcs8(bag), o->password);
        return;
    case NID_certBag:
        cert = PKCS12_SAFEBAG_get1_cert(bag);
        if (cert)
            load_take_certificate(o->l, cert);
        else
            loading_fail(o->l, LOAD_CERTIFICATE, NULL);
        return;
    case NID_crlBag:
        crl = PKCS12_SAFEBAG_get1_crl(bag);
        if (crl) load_take_crl(o->l, crl);
        return;
    case NID_safeContentsBag:
        if (depth < NESTING_MAX)
            take_bags(o, PKCS12_SAFEBAG_get0_safes(bag), depth + 1);
        else
            fail(o, "its parts are nested too deeply");
        return;
    default: return;
    }
}

static void open_key(struct loading *l, const X509_SIG *sealed, const char *password) {
    const X509_ALGOR *algorithm;
    PKCS8_PRIV_KEY_INFO *plain = NULL;
    X509_SIG_get0(sealed, &algorithm, NULL);
    bool is_cheap = charge(l, algorithm);
    if (is_cheap) plain = PKCS8_decrypt(sealed, password, password ? (int)strlen(password) : 0);
    if (plain) {
        take_plain_key(l, plain);
    } else {
        l->out->key_count++;
        loading_fail(l, LOAD_KEY,
                     is_cheap ? "it is encrypted, and not with this password" : too_costly);
    }
    PKCS8_PRIV_KEY_INFO_free(plain);
}

static void take_plain_key(struct loading *l, const PKCS8_PRIV_KEY_INFO *plain) {
    EVP_PKEY *key = EVP_PKCS82PKEY(plain);
    if (key) {
        load_take_key(l, key);
        return;
    }
    l->out->key_count++;
    loading_fail(l, LOAD_KEY, NULL);
}

// Once for a file: what follows is most often the same.
static void fail(struct opening *o, const char *why) {
    if (!o->has_failed) loading_fail(o->l, LOAD_PKCS12, why);
    o->has_failed = true;
}

// Takes what an algorithm asks for from the file's rounds; false: there are not so many left. What has no derivation costs nothing.
// PBES2 (RFC 8018 section 6.2) and the MAC of RFC 9579 name a derivation, the older ones have salt and rounds.
static bool charge(struct loading *l, const X509_ALGOR *algorithm) {
    const ASN1_STRING *parameters = parameters_of(algorithm);
    bool is_paid = true;
    if (!parameters) return true;
    PBE2PARAM *two = ASN1_item_unpack(parameters, ASN1_ITEM_rptr(PBE2PARAM));
    PBEPARAM *one = two ? NULL : ASN1_item_unpack(parameters, ASN1_ITEM_rptr(PBEPARAM));
    if (two) is_paid = charge_derivation(l, two->keyfunc);
    if (one) is_paid = charge_rounds(l, one->iter, 2); // for the key and for the first block
    PBE2PARAM_free(two);
    PBEPARAM_free(one);
    ERR_clear_error();
    return is_paid;
}

static bool charge_derivation(struct loading *l, const X509_ALGOR *derivation) {
    const ASN1_STRING *parameters = parameters_of(derivation);
    bool is_paid = true;
    if (!parameters) return true;
    SCRYPT_PARAMS *scrypt = ASN1_item_unpack(parameters, ASN1_ITEM_rptr(SCRYPT_PARAMS));
    PBKDF2PARAM *pbkdf2 = scrypt ? NULL : ASN1_item_unpack(parameters, ASN1_ITEM_rptr(PBKDF2PARAM));
    if (pbkdf2) is_paid = charge_rounds(l, pbkdf2->iter, 1);
    // One of scrypt's rounds mixes as many blocks as it says; memory is bounded by OpenSSL (32 MiB).
    uint64_t blocks = 0, lanes = 0;
    if (scrypt)
        is_paid = ASN1_INTEGER_get_uint64(&blocks, scrypt->blockSize) == 1 &&
                  ASN1_INTEGER_get_uint64(&lanes, scrypt->parallelizationParameter) == 1 &&
                  blocks <= 1024 && lanes <= 1024 &&
                  charge_rounds(l, scrypt->costParameter, blocks * lanes);
    SCRYPT_PARAMS_free(scrypt);
    PBKDF2PARAM_free(pbkdf2);
    return is_paid;
}

// No number is 1.
static bool charge_rounds(struct loading *l, const ASN1_INTEGER *rounds, uint64_t times) {
    uint64_t count = 1;
    if (rounds && ASN1_INTEGER_get_uint64(&count, rounds) != 1) return false;
    if (count > LOAD_ROUNDS_MAX || count * times > l->rounds) return false;
    l->rounds -= count * times;
    return true;
}

// Those that are a SEQUENCE; NULL: none, or of another kind.
static const ASN1_STRING *parameters_of(const X509_ALGOR *algorithm) {
    const void *value = NULL;
    int kind = V_ASN1_UNDEF;
    if (algorithm) X509_ALGOR_get0(NULL, &kind, &value, algorithm);
    return kind == V_ASN1_SEQUENCE ? value : NULL;
}
