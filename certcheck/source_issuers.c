// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "certcheck/fetch.h"
#include "certcheck/target_parts.h"
#include "core/check.h"
#include "tls/certificate.h"
#include "tls/chain/load.h"

// --aia: issuers that a chain lacks, from where its certificates say (RFC 5280 section 4.2.2.1). Nothing that comes is believed: it is
// one more certificate to look at.

#define FETCHES_MAX        100 // of a run
#define FETCHES_ONE_MAX    8   // of a target
#define LEVELS_MAX         16  // that a chain is followed up
#define DEFAULT_TIMEOUT_MS 10000

// What an address gave: it is asked once in a run.
struct fetched {
    char *url;
    STACK_OF(X509) * certs; // NULL: it failed
};
struct issuers {
    X509_STORE *store; // of this system: what stands in it is not missing
    struct fetched *at;
    size_t count;
};

static X509 *next_incomplete(const struct issuers *s, const struct target *one,
                             const STACK_OF(X509) * given_up);
static bool has_issuer(const struct issuers *s, const struct target *one, X509 *cert);
static bool is_in(const STACK_OF(X509) * certs, X509 *cert);
static bool is_issued_by(const STACK_OF(X509) * certs, X509 *cert);
static bool fetch_issuer(struct targets *t, struct target *one, X509 *cert, size_t *left);
static const struct fetched *fetch_url(struct targets *t, struct target *one, const char *url,
                                       size_t *left);
static bool take(struct target *one, const STACK_OF(X509) * certs, X509 *cert);

void source_add_issuers(struct targets *t, size_t first) {
    if (!t->issuers) {
        t->issuers = calloc(1, sizeof *t->issuers);
        CHECK(t->issuers && (t->issuers->store = X509_STORE_new()));
        X509_STORE_set_default_paths(t->issuers->store);
    }
    for (size_t i = first; i < t->count; i++) {
        struct target *one = t->list[i];
        STACK_OF(X509) *given_up = sk_X509_new_null();
        size_t left = FETCHES_ONE_MAX;
        X509 *cert;
        CHECK(given_up);
        while (one->kind != TARGET_TRUSTED && (cert = next_incomplete(t->issuers, one, given_up)))
            if (!fetch_issuer(t, one, cert, &left)) CHECK(sk_X509_push(given_up, cert) > 0);
        sk_X509_free(given_up);
    }
    ERR_clear_error();
}

void issuers_free(struct issuers *s) {
    if (!s) return;
    for (size_t i = 0; i < s->count; i++) {
        free(s->at[i].url);
        sk_X509_pop_free(s->at[i].certs, X509_free);
    }
    free(s->at);
    X509_STORE_free(s->store);
    free(s);
}

// From the leaf upwards: a bundle's other certificates may have nothing to do with it.
static X509 *next_incomplete(const struct issuers *s, const struct target *one,
                             const STACK_OF(X509) * given_up) {
    X509 *cert = sk_X509_value(one->sent, 0);
    STACK_OF(X509) *seen = sk_X509_new_null();
    CHECK(seen);
    while (cert && sk_X509_num(seen) < LEVELS_MAX && has_issuer(s, one, cert)) {
        CHECK(sk_X509_push(seen, cert) > 0);
        X509 *above = NULL;
        for (int i = 0; i < sk_X509_num(one->sent) + sk_X509_num(one->extra); i++) {
            int sent = sk_X509_num(one->sent);
            X509 *candidate =
                i < sent ? sk_X509_value(one->sent, i) : sk_X509_value(one->extra, i - sent);
            if (X509_check_issued(candidate, cert) == X509_V_OK && !is_in(seen, candidate))
                above = candidate;
        }
        cert = above;
    }
    bool is_done = !cert || sk_X509_num(seen) == LEVELS_MAX || is_in(given_up, cert);
    sk_X509_free(seen);
    return is_done ? NULL : cert;
}

static bool has_issuer(const struct issuers *s, const struct target *one, X509 *cert) {
    X509_STORE_CTX *search = X509_STORE_CTX_new();
    X509 *issuer = NULL;
    if (certificate_is_self_issued(cert) || is_issued_by(one->sent, cert) ||
        is_issued_by(one->extra, cert)) {
        X509_STORE_CTX_free(search);
        return true;
    }
    CHECK(search && X509_STORE_CTX_init(search, s->store, cert, NULL) == 1);
    bool is_found = X509_STORE_CTX_get1_issuer(&issuer, search, cert) == 1;
    X509_free(issuer);
    X509_STORE_CTX_free(search);
    return is_found;
}

static bool is_in(const STACK_OF(X509) * certs, X509 *cert) {
    for (int i = 0; i < sk_X509_num(certs); i++)
        if (X509_cmp(sk_X509_value(certs, i), cert) == 0) return true;
    return false;
}

static bool is_issued_by(const STACK_OF(X509) * certs, X509 *cert) {
    for (int i = 0; i < sk_X509_num(certs); i++)
        if (X509_check_issued(sk_X509_value(certs, i), cert) == X509_V_OK) return true;
    return false;
}

// False: nobody has it.
static bool fetch_issuer(struct targets *t, struct target *one, X509 *cert, size_t *left) {
    AUTHORITY_INFO_ACCESS *access = X509_get_ext_d2i(cert, NID_info_access, NULL, NULL);
    bool is_found = false;
    for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(access) && !is_found; i++) {
        const ACCESS_DESCRIPTION *d = sk_ACCESS_DESCRIPTION_value(access, i);
        if (OBJ_obj2nid(d->method) != NID_ad_ca_issuers || d->location->type != GEN_URI) continue;
        const ASN1_IA5STRING *uri = d->location->d.uniformResourceIdentifier;
        char *url =
            strndup((const char *)ASN1_STRING_get0_data(uri), (size_t)ASN1_STRING_length(uri));
        CHECK(url);
        const struct fetched *f = fetch_url(t, one, url, left);
        is_found = f && take(one, f->certs, cert);
        free(url);
    }
    AUTHORITY_INFO_ACCESS_free(access);
    return is_found;
}

static const struct fetched *fetch_url(struct targets *t, struct target *one, const char *url,
                                       size_t *left) {
    struct issuers *s = t->issuers;
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->at[i].url, url) == 0) return &s->at[i];
    if (*left == 0 || s->count == FETCHES_MAX) return NULL;
    (*left)--;
    s->at = realloc(s->at, (s->count + 1) * sizeof *s->at);
    CHECK(s->at);
    struct fetched *f = &s->at[s->count++];
    *f = (struct fetched){.url = target_copy_string(url)};
    struct fetch_conf conf = {.timeout_ms = t->conf->timeout_ms > 0 ? t->conf->timeout_ms
                                                                    : DEFAULT_TIMEOUT_MS,
                              .allows_private = t->conf->fetches_from_private};
    struct text body, why;
    text_init(&body, FETCH_BYTES_MAX);
    text_init(&why, 600);
    if (!fetch(&conf, url, &body, &why))
        text_printf(&one->problems, "--aia: %.500s: %s\n", url, text_string(&why));
    else if (load_certificates(text_slice(&body), url, &f->certs, &one->problems) == 0 &&
             sk_X509_num(f->certs) == 0)
        text_printf(&one->problems, "--aia: %.500s: holds no certificate\n", url);
    text_fini(&body);
    text_fini(&why);
    return f;
}

static bool take(struct target *one, const STACK_OF(X509) * certs, X509 *cert) {
    bool is_found = false;
    for (int i = 0; i < sk_X509_num(certs); i++) {
        X509 *candidate = sk_X509_value(certs, i);
        is_found = is_found || X509_check_issued(candidate, cert) == X509_V_OK;
        if (is_in(one->sent, candidate) || is_in(one->extra, candidate)) continue;
        X509_up_ref(candidate);
        CHECK(sk_X509_push(one->extra, candidate) > 0);
    }
    return is_found;
}
