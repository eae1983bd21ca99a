// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "certcheck/trust.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "core/check.h"
#include "tls/chain/load.h"

#define TAKEN_MAX 1000 // certificates of the store for one graph

// The store finds by name; a directory of hashed names is read only as far as it is asked for.
struct trust {
    X509_STORE *store;
    X509_STORE_CTX *finder;
    bool is_given;
};

static bool add_file(struct trust *t, struct files *files, const char *path, struct text *problems);
static size_t add_named(const struct trust *t, struct graph *g, const X509_NAME *name);

struct trust *trust_new(struct files *files, const char *path, struct text *problems) {
    struct trust *t = calloc(1, sizeof *t);
    CHECK(t);
    t->store = X509_STORE_new();
    t->finder = X509_STORE_CTX_new();
    t->is_given = path != NULL;
    CHECK(t->store && t->finder && X509_STORE_CTX_init(t->finder, t->store, NULL, NULL) == 1);
    if (!path) X509_STORE_set_default_paths(t->store);
    ERR_clear_error();
    if (!path || add_file(t, files, path, problems)) return t;
    trust_free(t);
    return NULL;
}

void trust_free(struct trust *t) {
    if (!t) return;
    X509_STORE_CTX_free(t->finder);
    X509_STORE_free(t->store);
    free(t);
}

bool trust_is_given(const struct trust *t) {
    return t->is_given;
}

void trust_add_issuers(const struct trust *t, struct graph *g) {
    size_t taken = 0;
    for (uint32_t i = 0; i < graph_count(g) && taken < TAKEN_MAX; i++) {
        const struct version *v = graph_version(g, i);
        taken += add_named(t, g, X509_get_issuer_name(v->step.cert));
        // A certificate that is trusted itself is not among its issuers.
        if (v->subject != v->issuer) taken += add_named(t, g, X509_get_subject_name(v->step.cert));
    }
    ERR_clear_error();
}

static bool add_file(struct trust *t, struct files *files, const char *path,
                     struct text *problems) {
    struct slice content;
    char why[300];
    STACK_OF(X509) *certs = NULL;
    if (!files_read(files, path, &content, why, sizeof why)) {
        text_printf(problems, "%s\n", why);
        return false;
    }
    load_certificates(content, path, &certs, problems);
    int count = sk_X509_num(certs);
    for (int i = 0; i < count; i++) X509_STORE_add_cert(t->store, sk_X509_value(certs, i));
    sk_X509_pop_free(certs, X509_free);
    if (count == 0) text_printf(problems, "%s: holds no certificate to trust\n", path);
    ERR_clear_error();
    return count > 0;
}

// Of the system's CA certificates only self-signed ones are anchors.
static size_t add_named(const struct trust *t, struct graph *g, const X509_NAME *name) {
    STACK_OF(X509) *found = X509_STORE_CTX_get1_certs(t->finder, name);
    size_t before = graph_count(g);
    for (int i = 0; i < sk_X509_num(found); i++) {
        X509 *cert = sk_X509_value(found, i);
        graph_add(g, cert, t->is_given || X509_self_signed(cert, 0) == 1);
    }
    sk_X509_pop_free(found, X509_free);
    return graph_count(g) - before;
}
