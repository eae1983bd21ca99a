// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/test_certs.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/check.h"

#define DAY_S (24L * 3600)

static EVP_PKEY *make_key(const char *kind);
static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value);
static void add_bio(struct text *out, BIO *bio);

struct made_cert make_cert(const struct cert_recipe *r) {
    static long serial = 4096;
    static time_t first; // a CA does not end a second before what it has issued
    if (first == 0) first = time(NULL);
    struct made_cert made = {.cert = X509_new()};
    made.key = r->use_key ? EVP_PKEY_dup((EVP_PKEY *)r->use_key) : make_key(r->key);
    bool has_times = r->begins_s != 0 || r->ends_s != 0;
    time_t now = has_times ? time(NULL) : first;
    X509_NAME *subject = X509_NAME_new();
    CHECK(X509_set_version(made.cert, X509_VERSION_3));
    CHECK(ASN1_INTEGER_set(X509_get_serialNumber(made.cert), serial++));
    X509_time_adj(X509_getm_notBefore(made.cert), has_times ? r->begins_s : -DAY_S, &now);
    X509_time_adj(X509_getm_notAfter(made.cert), has_times ? r->ends_s : 30 * DAY_S, &now);
    if (r->begins_at) ASN1_TIME_set(X509_getm_notBefore(made.cert), r->begins_at);
    if (r->ends_at) ASN1_TIME_set(X509_getm_notAfter(made.cert), r->ends_at);
    CHECK(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                     (const unsigned char *)r->subject, -1, -1, 0));
    CHECK(X509_set_subject_name(made.cert, subject));
    X509_NAME_free(subject);
    X509 *issuer = r->issuer ? r->issuer->cert : made.cert;
    CHECK(X509_set_issuer_name(made.cert, X509_get_subject_name(issuer)));
    CHECK(X509_set_pubkey(made.cert, made.key));
    add_extension(made.cert, issuer, NID_basic_constraints,
                  r->is_ca ? "critical,CA:TRUE" : "CA:FALSE");
    add_extension(made.cert, issuer, NID_subject_key_identifier, "hash");
    if (r->issuer) add_extension(made.cert, issuer, NID_authority_key_identifier, "keyid");
    if (r->names) add_extension(made.cert, issuer, NID_subject_alt_name, r->names);
    if (r->usages) add_extension(made.cert, issuer, NID_ext_key_usage, r->usages);
    if (r->issuer_url) {
        char access[300];
        snprintf(access, sizeof access, "caIssuers;URI:%s", r->issuer_url);
        add_extension(made.cert, issuer, NID_info_access, access);
    }
    EVP_PKEY *signer = r->issuer ? r->issuer->key : made.key;
    bool has_own_digest = EVP_PKEY_is_a(signer, "ED25519");
    const EVP_MD *digest = EVP_get_digestbyname(r->digest ? r->digest : "SHA256");
    CHECK(X509_sign(made.cert, signer, has_own_digest ? NULL : digest) > 0);
    return made;
}

void drop_cert(struct made_cert *c) {
    X509_free(c->cert);
    EVP_PKEY_free(c->key);
    *c = (struct made_cert){0};
}

void add_cert_pem(struct text *out, const struct made_cert *c) {
    BIO *bio = BIO_new(BIO_s_mem());
    CHECK(PEM_write_bio_X509(bio, c->cert) == 1);
    add_bio(out, bio);
}

void add_key_pem(struct text *out, const struct made_cert *c) {
    BIO *bio = BIO_new(BIO_s_mem());
    CHECK(PEM_write_bio_PKCS8PrivateKey(bio, c->key, NULL, NULL, 0, NULL, NULL) == 1);
    add_bio(out, bio);
}

void put_pem(struct files *files, const char *path, const char *parts, const struct made_cert *c,
             const struct made_cert *const *more) {
    struct text pem;
    text_init(&pem, 1u << 20);
    for (const char *p = parts; *p; p++) {
        if (*p == 'k')
            add_key_pem(&pem, c);
        else
            add_cert_pem(&pem, *p == 'c' ? c : more[*p - '1']);
    }
    files_replace(files, path, text_slice(&pem));
    text_fini(&pem);
}

static EVP_PKEY *make_key(const char *kind) {
    EVP_PKEY *key;
    if (!kind) kind = "P-256";
    if (strncmp(kind, "RSA", 3) == 0)
        key = EVP_RSA_gen((unsigned)atoi(kind + 3));
    else if (strcmp(kind, "ED25519") == 0)
        key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    else
        key = EVP_EC_gen(kind);
    CHECK(key);
    return key;
}

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value) {
    X509V3_CTX about;
    X509V3_set_ctx_nodb(&about);
    X509V3_set_ctx(&about, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &about, nid, value);
    CHECK(extension && X509_add_ext(cert, extension, -1));
    X509_EXTENSION_free(extension);
}

static void add_bio(struct text *out, BIO *bio) {
    char *at = NULL;
    long len = BIO_get_mem_data(bio, &at);
    text_add(out, (struct slice){at, (size_t)len});
    BIO_free(bio);
}
