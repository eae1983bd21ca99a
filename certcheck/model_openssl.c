// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// OpenSSL itself, with the trusted certificates of the trial in a store of its own. It takes the first issuer that fits and does
// not go back.

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "certcheck/models.h"
#include "core/check.h"

static void verify(struct trial *t, struct outcome *out, unsigned long cleared, int level);
static X509_STORE *store_of(struct trial *t);
static STACK_OF(X509) * others_of(struct trial *t);
static void take_path(struct trial *t, struct outcome *out, const STACK_OF(X509) * chain);
static int client_level(void);

void model_openssl(struct trial *t, struct outcome *out) {
    verify(t, out, 0, client_level());
}

// Versions before 1.1.0 looked among the sent certificates first; from 1.0.2 on they tried another end of the chain when its
// root was not there, which X509_verify_cert does still when X509_V_FLAG_TRUSTED_FIRST is off. There were no security levels.
void model_openssl_untrusted_first(struct trial *t, struct outcome *out) {
    verify(t, out, X509_V_FLAG_TRUSTED_FIRST, 0);
}

static void verify(struct trial *t, struct outcome *out, unsigned long cleared, int level) {
    X509_STORE *store = store_of(t);
    STACK_OF(X509) *others = others_of(t);
    X509_STORE_CTX *verification = X509_STORE_CTX_new();
    CHECK(verification && X509_STORE_CTX_init(verification, store, t->leaf, others) == 1);
    X509_STORE_CTX_set_default(verification, "ssl_server"); // a client's rules for its server
    X509_VERIFY_PARAM *rules = X509_STORE_CTX_get0_param(verification);
    X509_VERIFY_PARAM_clear_flags(rules, cleared);
    X509_VERIFY_PARAM_set_time(rules, t->rules->at);
    X509_VERIFY_PARAM_set_auth_level(rules, level);
    bool is_good = X509_verify_cert(verification) == 1;
    take_path(t, out, X509_STORE_CTX_get0_chain(verification));
    if (!is_good) {
        int error = X509_STORE_CTX_get_error(verification);
        const X509 *cert = X509_STORE_CTX_get_current_cert(verification);
        outcome_say(out, cert ? cert : t->leaf, X509_verify_cert_error_string(error));
    }
    X509_STORE_CTX_free(verification);
    X509_STORE_free(store);
    sk_X509_free(others);
    ERR_clear_error();
}

static X509_STORE *store_of(struct trial *t) {
    X509_STORE *store = X509_STORE_new();
    CHECK(store);
    for (uint32_t i = 0; i < graph_count(t->graph); i++) {
        const struct version *v = graph_version(t->graph, i);
        if (v->is_anchor) CHECK(X509_STORE_add_cert(store, v->step.cert) == 1);
    }
    return store;
}

// As they were sent.
static STACK_OF(X509) * others_of(struct trial *t) {
    STACK_OF(X509) *others = sk_X509_new_null();
    const struct target *target = t->target;
    CHECK(others);
    for (int i = 0; i < sk_X509_num(target->sent); i++)
        if (i != t->leaf_at) CHECK(sk_X509_push(others, sk_X509_value(target->sent, i)) > 0);
    for (int i = 0; i < sk_X509_num(target->extra); i++)
        CHECK(sk_X509_push(others, sk_X509_value(target->extra, i)) > 0);
    return others;
}

static void take_path(struct trial *t, struct outcome *out, const STACK_OF(X509) * chain) {
    int length = sk_X509_num(chain);
    if (length > PATH_LENGTH_MAX) {
        outcome_say(out, t->leaf, "it takes a path that is too long for this program to judge");
        return;
    }
    out->path.bits = STRENGTH_MAX;
    for (int i = 0; i < length; i++) {
        uint32_t number = trial_number(t, sk_X509_value(chain, i));
        out->path.steps[out->path.length++] = &graph_version(t->graph, number)->step;
        if (i == 0) continue;
        int bits = trial_bits(t, number, trial_number(t, sk_X509_value(chain, i - 1)));
        if (bits < out->path.bits) out->path.bits = bits;
    }
}

// Debian sets 2 where OpenSSL's own default is 1.
static int client_level(void) {
    SSL_CTX *client = SSL_CTX_new(TLS_client_method());
    CHECK(client);
    int level = SSL_CTX_get_security_level(client);
    SSL_CTX_free(client);
    return level;
}
