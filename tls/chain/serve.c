// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/chain/serve.h"

#include <openssl/x509v3.h>

#include "core/check.h"
#include "tls/certificate.h"
#include "tls/chain/search.h"

// Where a path may end.
enum end {
    END_TOP,   // at a root certificate, or where the issuer is not in the pool
    END_ANY_CA // at any CA certificate
};
static const struct {
    enum end end;
    int bits_min;
} attempts[] = {{END_TOP, CHAIN_BITS_MIN}, {END_ANY_CA, CHAIN_BITS_MIN}, {END_TOP, 1}};

static STACK_OF(X509) *
    attempt(X509 *leaf, const STACK_OF(X509) * pool, enum end end, int bits_min);
static void mark_ends(struct graph *g, const X509 *leaf, enum end end);
static STACK_OF(X509) * sent_part(const struct path *p);

STACK_OF(X509) * serve_chain(X509 *leaf, const STACK_OF(X509) * pool) {
    STACK_OF(X509) *chain = NULL;
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts && !chain; i++)
        chain = attempt(leaf, pool, attempts[i].end, attempts[i].bits_min);
    return chain;
}

static STACK_OF(X509) *
    attempt(X509 *leaf, const STACK_OF(X509) * pool, enum end end, int bits_min) {
    struct graph *g = graph_new(pool ? (size_t)sk_X509_num(pool) : 0);
    struct chain_answer answer;
    struct chain_question q = {.leaf = leaf,
                               .at = time(NULL),
                               .purpose = CHAIN_SERVER,
                               .bits_min = bits_min,
                               .counts_end = true,
                               .intermediates_max = -1,
                               .limits = CHAIN_LIMITS_TOOL};
    graph_add(g, leaf, false);
    for (int i = 0; i < sk_X509_num(pool); i++) graph_add(g, sk_X509_value(pool, i), false);
    mark_ends(g, leaf, end);
    bool is_found = chain_find(g, &q, &answer) == CHAIN_FOUND;
    STACK_OF(X509) *chain = is_found ? sent_part(&answer.path) : NULL;
    chain_answer_fini(&answer);
    graph_free(g);
    return chain;
}

static void mark_ends(struct graph *g, const X509 *leaf, enum end end) {
    for (uint32_t i = 0; i < graph_count(g); i++) {
        struct version *v = graph_version(g, i);
        bool is_top = graph_first(g, v->issuer) == GRAPH_NOBODY || v->issuer == v->subject;
        bool is_ca = v->step.cert != leaf && X509_check_ca(v->step.cert) == 1;
        v->is_anchor = is_top || (end == END_ANY_CA && is_ca);
    }
}

static STACK_OF(X509) * sent_part(const struct path *p) {
    STACK_OF(X509) *chain = sk_X509_new_null();
    CHECK(chain);
    for (size_t i = 1; i < p->length; i++) {
        X509 *cert = p->steps[i]->cert;
        if (certificate_is_self_issued(cert) && i + 1 == p->length) break;
        X509_up_ref(cert);
        CHECK(sk_X509_push(chain, cert) > 0);
    }
    return chain;
}
