// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/chain/narrow.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "core/check.h"
#include "tls/chain/search.h"
#include "tls/chain/verdict.h"

#define STORE_MAX 100 // certificates taken from the store for one verification

static void add_from_store(struct graph *g, X509_STORE_CTX *verification);
static bool verify_path(X509_STORE_CTX *verification, const struct path *p);
static bool has_objection(X509_STORE_CTX *verification, const struct narrow_rules *rules);
static bool refuse(X509_STORE_CTX *verification);

bool narrow_verify(X509_STORE_CTX *verification, const struct narrow_rules *rules,
                   struct narrow_verdict *verdict, struct text *why) {
    struct graph *g = graph_new(NARROW_SENT_MAX);
    struct chain_answer answer;
    const STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(verification);
    struct chain_question q = {.leaf = X509_STORE_CTX_get0_cert(verification),
                               .at = time(NULL),
                               .purpose = rules->purpose,
                               .bits_min = CHAIN_BITS_MIN,
                               .intermediates_max = rules->intermediates_max,
                               .crls = rules->crls,
                               .limits = CHAIN_LIMITS_HANDSHAKE};
    graph_add(g, q.leaf, false);
    for (int i = 0; i < sk_X509_num(sent) && i < NARROW_SENT_MAX; i++)
        graph_add(g, sk_X509_value(sent, i), false);
    add_from_store(g, verification);
    enum chain_result result = chain_find(g, &q, &answer);
    bool is_good = result == CHAIN_FOUND && verify_path(verification, &answer.path);
    *verdict = (struct narrow_verdict){.visits = answer.visits,
                                       .signatures = answer.signatures,
                                       .verifications = answer.verifications};
    if (result == CHAIN_FOUND) {
        verdict->bits = answer.path.bits;
        verdict->length = (unsigned)answer.path.length;
    }
    // Without a path OpenSSL finds the words for most reasons; when it sees none, ours are said.
    bool is_ours = result == CHAIN_EXHAUSTED ||
                   (result == CHAIN_REFUSED && !has_objection(verification, rules));
    if (is_ours) {
        text_add(why, text_slice(&answer.why));
        is_good = refuse(verification);
    }
    chain_answer_fini(&answer);
    graph_free(g);
    return is_good;
}

// The possible issuers of what is there, by name, and theirs.
static void add_from_store(struct graph *g, X509_STORE_CTX *verification) {
    size_t added = 0;
    for (uint32_t i = 0; i < graph_count(g) && added < STORE_MAX; i++) {
        const X509_NAME *name = X509_get_issuer_name(graph_version(g, i)->step.cert);
        STACK_OF(X509) *issuers = X509_STORE_CTX_get1_certs(verification, name);
        for (int k = 0; k < sk_X509_num(issuers) && added < STORE_MAX; k++) {
            X509 *cert = sk_X509_value(issuers, k);
            size_t before = graph_count(g);
            graph_add(g, cert, X509_self_signed(cert, 0) == 1);
            added += graph_count(g) - before;
        }
        sk_X509_pop_free(issuers, X509_free);
    }
    ERR_clear_error();
}

static bool verify_path(X509_STORE_CTX *verification, const struct path *p) {
    STACK_OF(X509) *between = sk_X509_new_null(), *anchor = sk_X509_new_null();
    STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(verification);
    CHECK(between && anchor);
    for (size_t i = 1; i + 1 < p->length; i++) CHECK(sk_X509_push(between, p->steps[i]->cert) > 0);
    CHECK(sk_X509_push(anchor, p->steps[p->length - 1]->cert) > 0);
    X509_STORE_CTX_set0_untrusted(verification, between);
    X509_STORE_CTX_set0_trusted_stack(verification, anchor);
    X509_STORE_CTX_verify_fn all = X509_STORE_CTX_get_verify(verification);
    X509_STORE_CTX_verify_cb on_objection = X509_STORE_CTX_get_verify_cb(verification);
    verdict_spare_judged(verification);
    // The search has judged it, by rules that know anyExtendedKeyUsage.
    X509_VERIFY_PARAM *params = X509_STORE_CTX_get0_param(verification);
    CHECK(X509_VERIFY_PARAM_set_purpose(params, X509_PURPOSE_ANY) == 1);
    bool is_good = X509_verify_cert(verification) == 1;
    X509_STORE_CTX_set_verify(verification, all);
    X509_STORE_CTX_set_verify_cb(verification, on_objection);
    if (!is_good) on_objection(0, verification);
    X509_STORE_CTX_set0_untrusted(verification, sent);
    X509_STORE_CTX_set0_trusted_stack(verification, NULL);
    sk_X509_free(between);
    sk_X509_free(anchor);
    return is_good;
}

// Of OpenSSL, to what the search has refused: it picks the alert that tells the peer.
static bool has_objection(X509_STORE_CTX *verification, const struct narrow_rules *rules) {
    if (sk_X509_CRL_num(rules->crls) > 0) {
        X509_STORE_CTX_set0_crls(verification, rules->crls);
        X509_STORE_CTX_set_flags(verification, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    }
    return X509_verify_cert(verification) != 1;
}

static bool refuse(X509_STORE_CTX *verification) {
    X509_STORE_CTX_set_error(verification, X509_V_ERR_APPLICATION_VERIFICATION);
    return false;
}
