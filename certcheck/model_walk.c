// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// Clients that try possible issuers in an order and go back when a way leads no further or the whole path is not valid.

#include <openssl/x509v3.h>

#include "certcheck/models.h"
#include "certcheck/walk.h"

#define JUDGED_MAX 256 // paths of one client

// The first path that is valid by RFC 5280 and has no weaker digest than this.
struct pick {
    struct trial *trial;
    struct outcome *out;
    int digest_bits_min;
    int judged;
};

static bool take_first(void *arg, const struct path *p, bool is_complete);
static bool take_worst(void *arg, const struct path *p, bool is_complete);
static int weakest_digest(const struct path *p);
static bool is_sound(struct pick *pick, const struct path *p);
static walk_order_fn newest_end_first, chromium_order, go_order;
static int compare_times(time_t a, time_t b);
static int key_match(const struct trial *t, uint32_t below, uint32_t issuer);
static X509 *cert_of(const struct trial *t, uint32_t number);

// libpkix sorts the versions of a CA by notAfter. Up to 3.17.3 its comparison answered only whether two were equal, which is no order: equal ones
// changed places, others stayed as the certificate store happened to list them. So any version may come first; shown is
// the path that serves worst among those that it may take.
void model_nss_3_17_3(struct trial *t, struct outcome *out) {
    struct pick pick = {.trial = t, .out = out, .digest_bits_min = 0};
    walk_up(t, NULL, take_worst, &pick);
}

// 3.17.4 mended the comparison: the one that ends last comes first, however weak it is. Versions of the same dates still come as the
// store lists them; here the stronger one first.
void model_nss_3_17_4(struct trial *t, struct outcome *out) {
    struct pick pick = {.trial = t, .out = out, .digest_bits_min = 0};
    walk_up(t, newest_end_first, take_first, &pick);
}

// The path builder of Chromium (and BoringSSL, bssl/pki/path_builder.cc): it builds with strong digests only, and if that gives
// nothing once more with SHA-1, to say what is wrong. Not modelled: Certificate Transparency, fetching by AIA, its own limits.
void model_chromium(struct trial *t, struct outcome *out) {
    struct pick pick = {.trial = t, .out = out, .digest_bits_min = CHAIN_BITS_MIN};
    walk_up(t, chromium_order, take_first, &pick);
    if (out->path.length > 0) return;
    pick.digest_bits_min = 0;
    walk_up(t, chromium_order, take_first, &pick);
    if (out->path.length > 0 && !t->rules->policy)
        outcome_say(out, t->leaf, "every path from it has a signature that Chromium calls weak");
}

// crypto/x509 builds every chain, with signatures of SHA-256 and better (since Go 1.18), and is content with any; the first is
// what programs see.
void model_go(struct trial *t, struct outcome *out) {
    struct pick pick = {.trial = t, .out = out, .digest_bits_min = CHAIN_BITS_MIN};
    walk_up(t, go_order, take_first, &pick);
    if (out->path.length > 0) return;
    pick.digest_bits_min = 0;
    walk_up(t, go_order, take_first, &pick);
    if (out->path.length > 0)
        outcome_say(out, t->leaf, "every path from it has a SHA-1 signature or a weaker one");
}

static bool take_first(void *arg, const struct path *p, bool is_complete) {
    struct pick *pick = arg;
    if (!is_complete || weakest_digest(p) < pick->digest_bits_min) return true;
    if (is_sound(pick, p)) pick->out->path = *p;
    return pick->out->path.length == 0 && pick->judged < JUDGED_MAX;
}

static bool take_worst(void *arg, const struct path *p, bool is_complete) {
    struct pick *pick = arg;
    const struct path *worst = &pick->out->path;
    bool is_worse = worst->length == 0 || p->bits < worst->bits ||
                    (p->bits == worst->bits && p->length > worst->length);
    if (is_complete && is_worse && is_sound(pick, p)) pick->out->path = *p;
    return pick->judged < JUDGED_MAX;
}

// The anchor's own does not count.
static int weakest_digest(const struct path *p) {
    int bits = STRENGTH_MAX;
    for (size_t i = 0; i + 1 < p->length; i++) {
        int own = strength_of_digest(p->steps[i]->cert);
        if (own < bits) bits = own;
    }
    return bits;
}

static bool is_sound(struct pick *pick, const struct path *p) {
    struct text why;
    pick->judged++;
    text_init(&why, OUTCOME_WHY_BYTES_MAX);
    bool is_good = trial_judge(pick->trial, &pick->trial->plain, p, &why);
    text_fini(&why);
    return is_good;
}

static int newest_end_first(const struct trial *t, uint32_t below, uint32_t a, uint32_t b) {
    const struct version *v = graph_version(t->graph, a), *w = graph_version(t->graph, b);
    (void)below;
    if (v->step.ends != w->step.ends) return compare_times(w->step.ends, v->step.ends);
    if (v->is_anchor != w->is_anchor) return v->is_anchor ? -1 : 1;
    if (v->step.begins != w->step.begins) return compare_times(w->step.begins, v->step.begins);
    return w->digest_bits - v->digest_bits;
}

static int chromium_order(const struct trial *t, uint32_t below, uint32_t a, uint32_t b) {
    // By trust (row) and key identifier: equal, nothing known, different.
    static const int ranks[2][3] = {{2, 3, 5}, {0, 1, 4}};
    const struct version *v = graph_version(t->graph, a), *w = graph_version(t->graph, b);
    int rank_a = ranks[v->is_anchor][key_match(t, below, a)];
    int rank_b = ranks[w->is_anchor][key_match(t, below, b)];
    bool is_own_a = v->subject == v->issuer, is_own_b = w->subject == w->issuer;
    if (rank_a != rank_b) return rank_a - rank_b;
    if (is_own_a != is_own_b) return is_own_a ? -1 : 1;
    if (v->step.begins != w->step.begins) return compare_times(w->step.begins, v->step.begins);
    return compare_times(w->step.ends, v->step.ends);
}

static int go_order(const struct trial *t, uint32_t below, uint32_t a, uint32_t b) {
    bool is_root_a = graph_version(t->graph, a)->is_anchor;
    bool is_root_b = graph_version(t->graph, b)->is_anchor;
    if (is_root_a != is_root_b) return is_root_a ? -1 : 1;
    return key_match(t, below, a) - key_match(t, below, b);
}

static int compare_times(time_t a, time_t b) {
    return a < b ? -1 : a > b;
}

// 0: the key identifiers are the same, 1: one of them is missing, 2: they differ.
static int key_match(const struct trial *t, uint32_t below, uint32_t issuer) {
    const ASN1_OCTET_STRING *wanted = X509_get0_authority_key_id(cert_of(t, below));
    const ASN1_OCTET_STRING *has = X509_get0_subject_key_id(cert_of(t, issuer));
    if (!wanted || !has) return 1;
    return ASN1_OCTET_STRING_cmp(wanted, has) == 0 ? 0 : 2;
}

static X509 *cert_of(const struct trial *t, uint32_t number) {
    return graph_version(t->graph, number)->step.cert;
}
