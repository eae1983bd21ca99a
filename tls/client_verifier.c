// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/client_verifier.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "core/check.h"
#include "tls/authorities.h"
#include "tls/certificate.h"
#include "tls/chain/load.h"
#include "tls/chain/rules.h"
#include "tls/chain/verdict.h"
#include "tls/verification.h"

// The names of the authorities are sent to every client; a list that is longer says nothing and costs every handshake.
#define NAMES_BYTES_MAX 16384

struct client_verifier {
    int mode; // of SSL_CTX_set_verify()
    bool is_usable;
    X509_STORE *authorities;     // NULL: nobody is asked
    STACK_OF(X509_NAME) * names; // that are sent; empty: too many to be sent
    struct narrow_rules rules;
    unsigned char id[CLIENT_VERIFIER_ID_BYTES];
};

static bool load(struct client_verifier *v, struct files *files,
                 const struct tls_client_rules *rules, struct text *problems);
static bool load_crls_of(struct client_verifier *v, struct files *files, const char *path,
                         struct text *problems);
static void note_old_crls(const STACK_OF(X509_CRL) * crls, const char *path, struct text *problems);
static void collect_names(struct client_verifier *v);
static void make_id(struct client_verifier *v, const struct files *files,
                    const struct tls_client_rules *rules);
static void add_file(EVP_MD_CTX *digest, const struct files *files, const char *path);

struct client_verifier *client_verifier_new(struct files *files,
                                            const struct tls_client_rules *rules,
                                            struct text *problems) {
    struct client_verifier *v = calloc(1, sizeof *v);
    CHECK(v);
    v->rules = (struct narrow_rules){.purpose = CHAIN_CLIENT,
                                     .intermediates_max = (int)rules->intermediates_max};
    v->mode = rules->asks == TLS_ASKS_NOTHING ? SSL_VERIFY_NONE : SSL_VERIFY_PEER;
    if (rules->asks == TLS_REQUIRES_CERTIFICATE) v->mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    v->is_usable = rules->asks == TLS_ASKS_NOTHING || load(v, files, rules, problems);
    make_id(v, files, rules);
    return v;
}

void client_verifier_free(struct client_verifier *v) {
    if (!v) return;
    X509_STORE_free(v->authorities);
    sk_X509_NAME_pop_free(v->names, X509_NAME_free);
    sk_X509_CRL_pop_free(v->rules.crls, X509_CRL_free);
    free(v);
}

bool client_verifier_is_usable(const struct client_verifier *v) {
    return v->is_usable;
}

void client_verifier_attach(const struct client_verifier *v, SSL_CTX *c) {
    CHECK(v->is_usable);
    if (v->mode == SSL_VERIFY_NONE) return;
    verification_attach(c, v->mode, &v->rules);
    SSL_CTX_set1_cert_store(c, v->authorities);
    SSL_CTX_set0_CA_list(c, SSL_dup_CA_list(v->names));
}

const unsigned char *client_verifier_id(const struct client_verifier *v) {
    return v->id;
}

static bool load(struct client_verifier *v, struct files *files,
                 const struct tls_client_rules *rules, struct text *problems) {
    struct text why;
    text_init(&why, 4000);
    v->authorities = X509_STORE_new();
    CHECK(v->authorities);
    verdict_know_issuers_by_key(v->authorities);
    bool is_good = authorities_load(v->authorities, files, rules->ca_file, &why) &&
                   (!rules->crl_file || load_crls_of(v, files, rules->crl_file, &why));
    if (is_good) collect_names(v);
    text_add_lines(problems, rules->label, text_slice(&why));
    text_fini(&why);
    return is_good;
}

static bool load_crls_of(struct client_verifier *v, struct files *files, const char *path,
                         struct text *problems) {
    struct slice content;
    char why[300];
    if (!files_read(files, path, &content, why, sizeof why)) {
        text_printf(problems, "%s; put the revocation lists there or correct the name\n", why);
        return false;
    }
    bool is_whole = load_crls(content, path, &v->rules.crls, problems) == 0;
    if (is_whole && sk_X509_CRL_num(v->rules.crls) == 0) {
        text_printf(problems, "%s: holds no CRL; put the revocation lists there in PEM form\n",
                    path);
        return false;
    }
    if (is_whole) note_old_crls(v->rules.crls, path, problems);
    return is_whole;
}

// Not a reason to take the site down: its clients are refused anyway, by name.
static void note_old_crls(const STACK_OF(X509_CRL) * crls, const char *path,
                          struct text *problems) {
    for (int i = 0; i < sk_X509_CRL_num(crls); i++) {
        const ASN1_TIME *next = X509_CRL_get0_nextUpdate(sk_X509_CRL_value(crls, i));
        if (!next || !rules_is_ended(next, time(NULL))) continue;
        text_printf(problems, "%s: CRL %d was to be renewed before ", path, i + 1);
        certificate_add_time(problems, next);
        text_add(problems, SLICE("; until then the clients of its issuer are refused\n"));
    }
}

static void collect_names(struct client_verifier *v) {
    STACK_OF(X509) *all = X509_STORE_get1_all_certs(v->authorities);
    size_t bytes = 0;
    v->names = sk_X509_NAME_new_null();
    CHECK(v->names);
    for (int i = 0; i < sk_X509_num(all); i++) {
        const X509_NAME *name = X509_get_subject_name(sk_X509_value(all, i));
        bool is_there = false;
        for (int k = 0; k < sk_X509_NAME_num(v->names) && !is_there; k++)
            is_there = X509_NAME_cmp(sk_X509_NAME_value(v->names, k), name) == 0;
        if (is_there) continue;
        bytes += (size_t)i2d_X509_NAME(name, NULL) + 2;
        if (bytes > NAMES_BYTES_MAX) break;
        CHECK(sk_X509_NAME_push(v->names, X509_NAME_dup(name)) > 0);
    }
    while (bytes > NAMES_BYTES_MAX && sk_X509_NAME_num(v->names) > 0)
        X509_NAME_free(sk_X509_NAME_pop(v->names));
    sk_X509_pop_free(all, X509_free);
}

static void make_id(struct client_verifier *v, const struct files *files,
                    const struct tls_client_rules *rules) {
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    const uint32_t numbers[] = {(uint32_t)rules->asks, (uint32_t)rules->intermediates_max};
    CHECK(digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1);
    if (rules->asks != TLS_ASKS_NOTHING) {
        CHECK(EVP_DigestUpdate(digest, numbers, sizeof numbers) == 1);
        add_file(digest, files, rules->ca_file);
        add_file(digest, files, rules->crl_file);
    }
    CHECK(EVP_DigestFinal_ex(digest, v->id, NULL) == 1);
    EVP_MD_CTX_free(digest);
}

static void add_file(EVP_MD_CTX *digest, const struct files *files, const char *path) {
    struct slice content = {NULL, 0};
    if (path) files_peek(files, path, &content);
    uint64_t len = content.len;
    CHECK(EVP_DigestUpdate(digest, &len, sizeof len) == 1);
    if (content.len > 0) CHECK(EVP_DigestUpdate(digest, content.at, content.len) == 1);
}

bool tls_client_rules_check(struct files *files, const struct tls_client_rules *rules,
                            struct text *problems) {
    struct client_verifier *v = client_verifier_new(files, rules, problems);
    bool is_usable = client_verifier_is_usable(v);
    client_verifier_free(v);
    return is_usable;
}
