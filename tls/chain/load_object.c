// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <openssl/err.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>

#include "core/check.h"
#include "tls/chain/load_parts.h"

static bool load_pkcs7(struct loading *l, const unsigned char **at, long len);
static bool load_certificate(struct loading *l, const unsigned char **at, long len);
static bool load_crl(struct loading *l, const unsigned char **at, long len);
static bool load_key(struct loading *l, const unsigned char **at, long len);
static bool enter(struct slice *der);
static unsigned char tag_of(struct slice der);

bool load_object(struct loading *l, enum load_kind kind, const unsigned char **at, long len) {
    switch (kind) {
    case LOAD_CRL: return load_crl(l, at, len);
    case LOAD_KEY: return load_key(l, at, len);
    case LOAD_PKCS7: return load_pkcs7(l, at, len);
    case LOAD_PKCS12: return load_pkcs12(l, at, len);
    case LOAD_CERTIFICATE:
    case LOAD_KINDS:
    default: return load_certificate(l, at, len);
    }
}

// All of them are a SEQUENCE; what stands first in it tells them apart: an OID in PKCS#7, a number in PKCS#12 and keys, another
// SEQUENCE in certificates, CRLs and encrypted keys.
enum load_kind load_kind_of(struct slice der) {
    if (!enter(&der)) return LOAD_CERTIFICATE;
    if (tag_of(der) == V_ASN1_OBJECT) return LOAD_PKCS7;
    if (tag_of(der) == V_ASN1_INTEGER) {
        bool is_3 = der.len >= 3 && der.at[1] == 1 && der.at[2] == 3;
        return is_3 ? LOAD_PKCS12 : LOAD_KEY;
    }
    if (!enter(&der)) return LOAD_CERTIFICATE;
    if (tag_of(der) == V_ASN1_OBJECT) return LOAD_KEY;
    if (tag_of(der) == (V_ASN1_CONSTRUCTED | V_ASN1_SEQUENCE)) return LOAD_CRL; // version 1
    // Version 2 of a CRL is a number, version 3 of a certificate is not; a serial number in a certificate of version 1 can be 1.
    bool is_1 = tag_of(der) == V_ASN1_INTEGER && der.len >= 3 && der.at[1] == 1 && der.at[2] == 1;
    return is_1 ? LOAD_CRL : LOAD_CERTIFICATE;
}

// Into the SEQUENCE at the beginning; false: there is none, or nothing of its content.
static bool enter(struct slice *der) {
    if (der->len < 2 || tag_of(*der) != (V_ASN1_CONSTRUCTED | V_ASN1_SEQUENCE)) return false;
    unsigned char length = (unsigned char)der->at[1];
    size_t head = 2 + (length & 0x80 ? length & 0x7f : 0u);
    if (head >= der->len) return false;
    *der = slice_skip(*der, head);
    return true;
}

static unsigned char tag_of(struct slice der) {
    return der.len > 0 ? (unsigned char)der.at[0] : 0;
}

static bool load_certificate(struct loading *l, const unsigned char **at, long len) {
    X509 *cert = decoded_take(l->conf->decoded, at, len);
    if (cert)
        load_take_certificate(l, cert);
    else
        loading_fail(l, LOAD_CERTIFICATE, NULL);
    return cert != NULL;
}

static bool load_crl(struct loading *l, const unsigned char **at, long len) {
    const unsigned char *begin = *at;
    X509_CRL *crl = d2i_X509_CRL(NULL, at, len);
    if (crl) {
        load_take_crl(l, crl);
        return true;
    }
    *at = begin;
    if (!l->is_pem && (l->conf->wanted & LOAD_CERTIFICATES)) // the guess was wrong
        return load_certificate(l, at, len);
    loading_fail(l, LOAD_CRL, NULL);
    return false;
}

static bool load_key(struct loading *l, const unsigned char **at, long len) {
    const unsigned char *begin = *at;
    X509_SIG *sealed = d2i_X509_SIG(NULL, at, len);
    if (sealed) {
        load_encrypted_key(l, sealed);
        X509_SIG_free(sealed);
        return true;
    }
    ERR_clear_error();
    *at = begin;
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, at, len);
    if (key)
        load_take_key(l, key);
    else
        loading_fail(l, LOAD_KEY, NULL);
    return key != NULL;
}

// Only what is there to be carried along: signatures of PKCS#7 are not looked at.
static bool load_pkcs7(struct loading *l, const unsigned char **at, long len) {
    PKCS7 *p = d2i_PKCS7(NULL, at, len);
    if (!p) {
        loading_fail(l, LOAD_PKCS7, NULL);
        return false;
    }
    const PKCS7_SIGNED *set = PKCS7_type_is_signed(p) ? p->d.sign : NULL;
    if (!set)
        loading_fail(l, LOAD_PKCS7, "it is not of the kind that holds certificates (signed data)");
    for (int i = 0; set && i < sk_X509_num(set->cert) && !l->has_ended; i++) {
        X509 *cert = sk_X509_value(set->cert, i);
        X509_up_ref(cert);
        load_take_certificate(l, cert);
    }
    for (int i = 0; set && i < sk_X509_CRL_num(set->crl) && !l->has_ended; i++) {
        X509_CRL *crl = sk_X509_CRL_value(set->crl, i);
        X509_CRL_up_ref(crl);
        load_take_crl(l, crl);
    }
    PKCS7_free(p);
    return true;
}

void load_take_certificate(struct loading *l, X509 *cert) {
    int max = l->conf->certificates_max > 0 ? l->conf->certificates_max : LOAD_CERTIFICATES_MAX;
    char why[80];
    if (!(l->conf->wanted & LOAD_CERTIFICATES)) {
        X509_free(cert);
    } else if (sk_X509_num(l->out->certificates) < max) {
        CHECK(sk_X509_push(l->out->certificates, cert) > 0);
    } else {
        X509_free(cert);
        snprintf(why, sizeof why, "more than %d certificates; the rest is left out", max);
        loading_fail(l, LOAD_CERTIFICATE, why);
        l->has_ended = true;
    }
}

void load_take_crl(struct loading *l, X509_CRL *crl) {
    if (!(l->conf->wanted & LOAD_CRLS)) {
        X509_CRL_free(crl);
    } else if (sk_X509_CRL_num(l->out->crls) < LOAD_CRLS_MAX) {
        CHECK(sk_X509_CRL_push(l->out->crls, crl) > 0);
    } else {
        X509_CRL_free(crl);
        loading_fail(l, LOAD_CRL, "there are too many; the rest is left out");
        l->has_ended = true;
    }
}

void load_take_key(struct loading *l, EVP_PKEY *key) {
    l->out->key_count++;
    if ((l->conf->wanted & LOAD_KEYS) && !l->out->key)
        l->out->key = key;
    else
        EVP_PKEY_free(key);
}
