// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "core/address.h"
#include "core/check.h"
#include "tls/tls.h"

#define LIFETIME_S (90L * 24 * 3600)
#define BEFORE_S   3600L // for clients whose clock is late

static X509 *make_certificate(EVP_PKEY *key, const char *alternatives);
static void name_names(struct text *out, const char *const *names, size_t count);
static bool add_extension(X509 *cert, int nid, const char *value);
static bool write_pem(EVP_PKEY *key, X509 *cert, struct text *pem);

bool tls_self_signed(const char *const *names, size_t count, struct text *pem) {
    struct text alternatives;
    text_init(&alternatives, 64u << 10);
    name_names(&alternatives, names, count);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = key ? make_certificate(key, text_string(&alternatives)) : NULL;
    bool is_good = cert && write_pem(key, cert, pem);
    X509_free(cert);
    EVP_PKEY_free(key);
    text_fini(&alternatives);
    ERR_clear_error();
    return is_good;
}

static X509 *make_certificate(EVP_PKEY *key, const char *alternatives) {
    X509 *cert = X509_new();
    BIGNUM *serial = BN_new();
    X509_NAME *subject = X509_NAME_new();
    CHECK(cert && serial && subject);
    bool is_good =
        X509_set_version(cert, X509_VERSION_3) &&
        BN_rand(serial, 127, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) &&
        BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(cert)) &&
        X509_gmtime_adj(X509_getm_notBefore(cert), -BEFORE_S) &&
        X509_gmtime_adj(X509_getm_notAfter(cert), LIFETIME_S) &&
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                   (const unsigned char *)"rsp self-signed", -1, -1, 0) &&
        X509_set_subject_name(cert, subject) && X509_set_issuer_name(cert, subject) &&
        X509_set_pubkey(cert, key) && add_extension(cert, NID_subject_alt_name, alternatives) &&
        add_extension(cert, NID_basic_constraints, "critical,CA:FALSE") &&
        add_extension(cert, NID_ext_key_usage, "serverAuth") && X509_sign(cert, key, EVP_sha256());
    BN_free(serial);
    X509_NAME_free(subject);
    if (is_good) return cert;
    X509_free(cert);
    return NULL;
}

// "DNS:localhost,IP:127.0.0.1,...", as OpenSSL's extension syntax wants it.
static void name_names(struct text *out, const char *const *names, size_t count) {
    struct address unused;
    text_add(out, SLICE("DNS:localhost,IP:127.0.0.1,IP:::1"));
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], "localhost") == 0) continue;
        bool is_ip = address_parse_ip(slice_of(names[i]), 0, &unused);
        text_printf(out, ",%s:%s", is_ip ? "IP" : "DNS", names[i]);
    }
}

static bool add_extension(X509 *cert, int nid, const char *value) {
    X509V3_CTX about;
    X509V3_set_ctx_nodb(&about);
    X509V3_set_ctx(&about, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &about, nid, value);
    bool is_added = extension && X509_add_ext(cert, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return is_added;
}

static bool write_pem(EVP_PKEY *key, X509 *cert, struct text *pem) {
    BIO *bio = BIO_new(BIO_s_secmem());
    char *at = NULL;
    bool is_good = bio && PEM_write_bio_X509(bio, cert) == 1 &&
                   PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
    long len = is_good ? BIO_get_mem_data(bio, &at) : 0;
    text_add(pem, (struct slice){at, (size_t)len});
    BIO_free(bio);
    return is_good && !pem->is_cut;
}
