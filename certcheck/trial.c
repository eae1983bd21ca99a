// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "certcheck/trial.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "core/check.h"
#include "tls/certificate.h"
#include "tls/chain/host.h"
#include "tls/chain/relation.h"
#include "tls/chain/rules.h"
#include "tls/chain/signatures.h"
#include "tls/chain/verdict.h"
#include "tls/chain/web.h"

static int choose_leaf(const struct target *target);
static void ask(struct trial *t);
static void add_certificates(struct trial *t);
static void place_sent(struct trial *t);
static bool reaches_anchor(struct trial *t);
static const char *object(void *arg, X509 *const *certs, size_t count, size_t *at);
static const char *judge_step(struct trial *t, const struct chain_question *q, const struct path *p,
                              size_t i);

void trial_init(struct trial *t, const struct target *target, const struct trial_rules *rules) {
    *t = (struct trial){
        .target = target,
        .rules = rules,
    };
    t->graph = graph_new((size_t)sk_X509_num(target->sent) + (size_t)sk_X509_num(target->extra));
    t->leaf_at = choose_leaf(target);
    t->leaf = sk_X509_value(target->sent, t->leaf_at);
    t->plain = (struct chain_question){.leaf = t->leaf,
                                       .at = rules->at,
                                       .purpose = CHAIN_SERVER,
                                       .bits_min = 1,
                                       .intermediates_max = -1,
                                       .signatures = rules->signatures,
                                       .limits = CHAIN_LIMITS_TOOL};
    t->question = t->plain;
    t->question.bits_min = rules->policy ? 1 : CHAIN_BITS_MIN;
    t->question.objects = rules->policy ? object : NULL;
    t->question.objects_arg = (void *)rules;
    ask(t);
    add_certificates(t);
}

void trial_fini(struct trial *t) {
    graph_free(t->graph);
    free(t->sent_places);
    *t = (struct trial){0};
}

bool trial_may_issue(const struct trial *t, uint32_t issuer, uint32_t subject) {
    X509 *above = graph_version(t->graph, issuer)->step.cert;
    enum relation relation = relation_find(above, graph_version(t->graph, subject)->step.cert);
    if (relation == RELATION_OF_NAME)
        return signatures_check(t->rules->signatures, t->graph, subject, issuer);
    return relation == RELATION_OF_ISSUER || relation == RELATION_WITHOUT_CERT_SIGN;
}

int trial_bits(const struct trial *t, uint32_t issuer, uint32_t subject) {
    int digest = graph_version(t->graph, subject)->digest_bits;
    int key = graph_version(t->graph, issuer)->key_bits;
    return digest < key ? digest : key;
}

bool trial_judge(struct trial *t, const struct chain_question *q, const struct path *p,
                 struct text *why) {
    if (q->host && !host_is_named(t->leaf, q->host)) {
        certificate_add_mismatch(why, t->leaf, q->host);
        return false;
    }
    for (size_t i = 0; i < p->length; i++) {
        const char *objection = judge_step(t, q, p, i);
        if (!objection) continue;
        certificate_add_title(why, p->steps[i]->cert);
        text_printf(why, ": %s", objection);
        return false;
    }
    return verdict_judge(t->graph, p, q, why);
}

uint32_t trial_number(struct trial *t, X509 *cert) {
    return graph_add(t->graph, cert, false);
}

int trial_sent_at(const struct trial *t, const X509 *cert) {
    uint32_t number = graph_add(t->graph, (X509 *)cert, false);
    return number < t->place_count ? t->sent_places[number] : -1;
}

// The certificate that the key belongs to; else the first one, unless that is a CA and only one of the others is none.
static int choose_leaf(const struct target *target) {
    int count = sk_X509_num(target->sent), plain = -1, plain_count = 0;
    for (int i = 0; i < count && target->key; i++)
        if (X509_check_private_key(sk_X509_value(target->sent, i), target->key) == 1) return i;
    ERR_clear_error();
    if (target->kind == TARGET_LIVE || X509_check_ca(sk_X509_value(target->sent, 0)) == 0) return 0;
    for (int i = 0; i < count; i++)
        if (X509_check_ca(sk_X509_value(target->sent, i)) == 0) {
            plain = i;
            plain_count++;
        }
    return plain_count == 1 ? plain : 0;
}

// One name is asked for: the first that the leaf is not for, so that one question stands for all.
static void ask(struct trial *t) {
    const struct target *target = t->target;
    t->asked = t->question;
    if (target->kind == TARGET_TRUSTED || target->host_count == 0) return;
    size_t i = 0;
    while (i + 1 < target->host_count && host_is_named(t->leaf, target->hosts[i])) i++;
    t->asked.host = target->hosts[i];
    t->asked.is_web = target->is_for_web;
}

static void add_certificates(struct trial *t) {
    const struct target *target = t->target;
    t->leaf_number = graph_add(t->graph, t->leaf, false);
    for (int i = 0; i < sk_X509_num(target->sent); i++)
        graph_add(t->graph, sk_X509_value(target->sent, i), false);
    for (int i = 0; i < sk_X509_num(target->extra); i++)
        graph_add(t->graph, sk_X509_value(target->extra, i), false);
    place_sent(t);
    size_t own = graph_count(t->graph);
    trust_add_issuers(t->rules->trust, t->graph);
    if (trust_is_given(t->rules->trust) || reaches_anchor(t)) return;
    for (uint32_t i = 0; i < own; i++) {
        struct version *v = graph_version(t->graph, i);
        v->is_anchor = X509_self_signed(v->step.cert, 0) == 1;
        t->has_own_roots = t->has_own_roots || v->is_anchor;
    }
}

// A chain of ten thousand is asked ten thousand times where a certificate stands in it.
static void place_sent(struct trial *t) {
    t->place_count = graph_count(t->graph);
    t->sent_places = malloc(t->place_count * sizeof *t->sent_places);
    CHECK(t->sent_places);
    for (size_t i = 0; i < t->place_count; i++) t->sent_places[i] = -1;
    for (int i = sk_X509_num(t->target->sent); i-- > 0;) {
        uint32_t number = trial_number(t, sk_X509_value(t->target->sent, i));
        if (number != GRAPH_NOBODY) t->sent_places[number] = i;
    }
}

static bool reaches_anchor(struct trial *t) {
    const struct version *leaf = graph_version(t->graph, t->leaf_number);
    unsigned char *distances = calloc(graph_names(t->graph), 1);
    CHECK(distances);
    graph_reach(t->graph, 0, NULL, NULL, distances);
    bool is_reached = leaf->is_anchor || distances[leaf->issuer] > 0;
    free(distances);
    return is_reached;
}

static const char *object(void *arg, X509 *const *certs, size_t count, size_t *at) {
    const struct trial_rules *rules = arg;
    struct policy_breach breach;
    if (!policy_find_breach(rules->policy, certs, count, rules->at, &breach)) return NULL;
    *at = breach.at;
    return breach.rule->why;
}

// One certificate of a path and the signature on it.
static const char *judge_step(struct trial *t, const struct chain_question *q, const struct path *p,
                              size_t i) {
    X509 *cert = p->steps[i]->cert;
    bool is_last = i + 1 == p->length;
    enum place place = i == 0 ? PLACE_LEAF : is_last ? PLACE_ANCHOR : PLACE_INTERMEDIATE;
    const char *objection = rules_judge(cert, place, q);
    if (!objection && q->is_web) objection = web_judge(cert, place, q);
    if (objection || is_last) return objection;
    uint32_t number = trial_number(t, cert), above = trial_number(t, p->steps[i + 1]->cert);
    if (trial_bits(t, above, number) < q->bits_min) return "its signature is too weak";
    bool is_signed = signatures_check(t->rules->signatures, t->graph, number, above);
    return is_signed ? NULL : "its issuer's key did not make its signature";
}
