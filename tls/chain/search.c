// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/chain/search.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/check.h"
#include "tls/certificate.h"
#include "tls/chain/host.h"
#include "tls/chain/ranking.h"
#include "tls/chain/rules.h"
#include "tls/chain/signatures.h"
#include "tls/chain/strength.h"
#include "tls/chain/verdict.h"
#include "tls/chain/web.h"

#define WHY_BYTES_MAX      1000
#define CANDIDATES_MAX     64   // of one tier and length; the best are kept
#define CLOCK_EVERY        64   // visits
#define JUDGED_AT_ONCE_MAX 5000 // certificates in the graph
#define CUT_SHARE          4    // of the time, for what was found when a budget was spent
#define TIERS              (STRENGTH_MAX + 1)

// How much an objection explains; a better one replaces a worse.
enum weight { SAYS_NOTHING, SAYS_MISSING, SAYS_KEY, SAYS_CERTIFICATE, SAYS_PATH };

// What a certificate's rules say of it as an issuer.
struct judged {
    bool is_done;
    const char *refusal;
};
struct search {
    struct graph *g;
    const struct chain_question *q;
    struct chain_answer *answer;
    enum weight said;
    const char *spent; // of what there was too much; NULL: of nothing
    long ends_us;      // of this thread's CPU time
    unsigned char *distances;
    struct ranking *ranking;
    struct signatures *signatures; // the question's, or of this search only
    struct judged *judged;
    int tier;      // edges of less are not followed
    size_t length; // of paths that are collected now
    uint32_t numbers[PATH_LENGTH_MAX];
    struct path now, candidates[CANDIDATES_MAX];
    size_t candidate_count;
    bool has_dropped; // there were more
    size_t broken;    // the certificate there has not signed the one before it in the path; 0: none
};

static const char unsigned_words[] = "its issuer's key did not make its signature";
static const char other_key_words[] =
    "the certificate of its issuer's name has another key (authorityKeyIdentifier)";
static const char verifications[] = "too many verifications of whole paths";

static bool accepts_leaf(struct search *s);
static bool search_tiers(struct search *s);
static bool search_tier(struct search *s);
static bool take_best(struct search *s);
static bool take(struct search *s, const struct path *p);
static void follow(struct search *s, size_t depth);
static bool is_over(const struct search *s, size_t depth);
static bool fits_key(const struct version *v, const struct version *w);
static void consider(struct search *s, size_t depth, uint32_t number);
static bool may_fit(const struct search *s, size_t depth, const struct version *v);
static bool is_used(const struct search *s, size_t depth, const struct version *v);
static bool may_be_kept(struct search *s, const struct version *v);
static bool is_issuer(struct search *s, uint32_t subject, uint32_t issuer);
static const char *judge(struct search *s, uint32_t number);
static bool is_signed(struct search *s);
static bool check_signature(struct search *s, uint32_t subject, uint32_t issuer);
static void keep(struct search *s);
static bool is_barred(void *arg, uint32_t number);
static void walk_in_vain(struct search *s);
static void say_spent(struct search *s);
static void explain(struct search *s);
static bool charge(struct search *s, int *spent, int limit, const char *what);
static long cpu_us(void);
static struct text *objection(struct search *s, enum weight weight);
static void object(struct search *s, enum weight weight, const X509 *cert, const char *why);

enum chain_result chain_find(struct graph *g, const struct chain_question *q,
                             struct chain_answer *answer) {
    struct search s = {.g = g, .q = q, .answer = answer};
    *answer = (struct chain_answer){0};
    text_init(&answer->why, WHY_BYTES_MAX);
    s.ends_us = cpu_us() + q->limits.cpu_ms * 1000L;
    s.numbers[0] = graph_add(g, q->leaf, false);
    if (s.numbers[0] == GRAPH_NOBODY) {
        object(&s, SAYS_PATH, q->leaf, "there is no room for it");
        return CHAIN_EXHAUSTED;
    }
    s.distances = calloc(graph_names(g), 1);
    s.judged = calloc(graph_count(g), sizeof *s.judged);
    CHECK(s.distances && s.judged);
    s.ranking = ranking_new(g);
    s.signatures = q->signatures ? q->signatures : signatures_new();
    s.now.steps[0] = &graph_version(g, s.numbers[0])->step;
    bool is_found = accepts_leaf(&s) && search_tiers(&s);
    if (is_found) text_clear(&answer->why); // of paths that were tried before
    if (!is_found && s.said < SAYS_PATH) explain(&s);
    if (!is_found && s.spent) say_spent(&s);
    free(s.distances);
    free(s.judged);
    ranking_free(s.ranking);
    if (!q->signatures) signatures_free(s.signatures);
    ERR_clear_error();
    return is_found ? CHAIN_FOUND : s.spent ? CHAIN_EXHAUSTED : CHAIN_REFUSED;
}

void chain_answer_fini(struct chain_answer *answer) {
    text_fini(&answer->why);
}

// What is wrong with the leaf is wrong on every path.
static bool accepts_leaf(struct search *s) {
    const struct chain_question *q = s->q;
    const char *why = rules_judge(q->leaf, PLACE_LEAF, q);
    if (!why && q->is_web) why = web_judge(q->leaf, PLACE_LEAF, q);
    if (why) object(s, SAYS_PATH, q->leaf, why);
    if (why || !q->host || q->host[0] == '\0' || host_is_named(q->leaf, q->host)) return !why;
    certificate_add_mismatch(objection(s, SAYS_PATH), q->leaf, q->host);
    return false;
}

static bool search_tiers(struct search *s) {
    bool has_tier[TIERS] = {false};
    const struct version *leaf = graph_version(s->g, s->numbers[0]);
    for (uint32_t i = 0; i < graph_count(s->g); i++) {
        has_tier[graph_version(s->g, i)->digest_bits] = true;
        has_tier[graph_version(s->g, i)->key_bits] = true;
    }
    s->now.length = 1;
    s->now.bits = STRENGTH_MAX;
    if (leaf->is_anchor) {
        keep(s);
        return take_best(s);
    }
    for (s->tier = STRENGTH_MAX; s->tier >= s->q->bits_min && !s->spent; s->tier--)
        if (has_tier[s->tier] && search_tier(s)) return true;
    return false;
}

static bool search_tier(struct search *s) {
    const struct version *leaf = graph_version(s->g, s->numbers[0]);
    graph_reach(s->g, s->tier, is_barred, s, s->distances);
    if (s->distances[leaf->issuer] == 0 || leaf->digest_bits < s->tier) return false;
    for (s->length = s->distances[leaf->issuer] + 1u; s->length <= PATH_LENGTH_MAX; s->length++) {
        s->candidate_count = 0;
        s->has_dropped = false;
        follow(s, 1);
        if (take_best(s)) return true;
        if (s->spent) return false;
    }
    return false;
}

// Candidates stand in order. Also of those that were found until a budget was spent.
static bool take_best(struct search *s) {
    const char *cut = s->spent;
    s->spent = NULL;
    if (cut) s->ends_us = cpu_us() + s->q->limits.cpu_ms * 1000L / CUT_SHARE;
    for (size_t i = 0; i < s->candidate_count; i++) {
        if (!charge(s, &s->answer->verifications, s->q->limits.verifications, verifications)) break;
        if (!take(s, &s->candidates[i])) continue;
        s->answer->cut = cut;
        return true;
    }
    if (cut) s->spent = cut;
    if (!s->spent && s->has_dropped) s->spent = verifications;
    return false;
}

// May this whole path be taken?
static bool take(struct search *s, const struct path *p) {
    struct text why;
    text_init(&why, WHY_BYTES_MAX);
    bool is_good = verdict_judge(s->g, p, s->q, &why);
    if (is_good) s->answer->path = *p;
    struct text *out = is_good ? NULL : objection(s, SAYS_PATH);
    if (out) text_add(out, text_slice(&why));
    text_fini(&why);
    return is_good;
}

// Goes on from the certificate at depth - 1; those whose key identifier fits come first.
static void follow(struct search *s, size_t depth) {
    const struct version *v = graph_version(s->g, s->numbers[depth - 1]);
    size_t count;
    const uint32_t *numbers = ranking_of(s->ranking, v->issuer, &count);
    for (int fits = 1; fits >= 0; fits--)
        for (size_t i = 0; i < count && !is_over(s, depth); i++)
            if (fits_key(v, graph_version(s->g, numbers[i])) == (fits == 1))
                consider(s, depth, numbers[i]);
}

// Is there nothing more to be looked for from the certificate at depth - 1?
static bool is_over(const struct search *s, size_t depth) {
    return s->spent || (s->broken > 0 && s->broken < depth);
}

static bool fits_key(const struct version *v, const struct version *w) {
    return v->issuer_key_id && w->key_id && ASN1_OCTET_STRING_cmp(v->issuer_key_id, w->key_id) == 0;
}

static void consider(struct search *s, size_t depth, uint32_t number) {
    struct version *w = graph_version(s->g, number);
    const struct version *v = graph_version(s->g, s->numbers[depth - 1]);
    if (!charge(s, &s->answer->visits, s->q->limits.visits, "too many steps")) return;
    int bits = v->digest_bits < w->key_bits ? v->digest_bits : w->key_bits;
    if (s->q->counts_end && w->is_anchor && w->issuer != w->subject && w->digest_bits < bits)
        bits = w->digest_bits;
    if (bits < s->tier || !may_fit(s, depth, w) || is_used(s, depth, w)) return;
    int bits_before = s->now.bits;
    s->numbers[depth] = number;
    s->now.steps[depth] = &w->step;
    s->now.length = depth + 1;
    if (bits < s->now.bits) s->now.bits = bits;
    if (may_be_kept(s, w) && is_issuer(s, s->numbers[depth - 1], number)) {
        if (!w->is_anchor)
            follow(s, depth + 1);
        else if (s->now.bits == s->tier && is_signed(s))
            keep(s); // more was tried in the tier above
    }
    if (s->broken == depth) s->broken = 0;
    s->now.length = depth;
    s->now.bits = bits_before;
}

// Can a path of the wanted length still be completed through it?
static bool may_fit(const struct search *s, size_t depth, const struct version *w) {
    size_t rest = s->distances[w->issuer];
    if (w->is_anchor) return depth + 1 == s->length;
    return rest > 0 && depth + 1 + rest <= s->length;
}

static bool is_used(const struct search *s, size_t depth, const struct version *w) {
    for (size_t i = 0; i < depth; i++)
        if (graph_version(s->g, s->numbers[i])->entity == w->entity) return true;
    return false;
}

// Before anything is paid for it: may the path that has come to w be one of the candidates?
static bool may_be_kept(struct search *s, const struct version *w) {
    if (s->candidate_count < CANDIDATES_MAX) return true;
    const struct path *last = &s->candidates[CANDIDATES_MAX - 1];
    bool may_be =
        w->is_anchor ? path_compare(&s->now, last) < 0 : path_end(&s->now) >= path_end(last);
    if (!may_be) s->has_dropped = true;
    return may_be;
}

static bool is_issuer(struct search *s, uint32_t subject, uint32_t issuer) {
    X509 *above = graph_version(s->g, issuer)->step.cert;
    X509 *cert = graph_version(s->g, subject)->step.cert;
    bool is_made = true;
    int relation = X509_check_issued(above, cert);
    if (relation == X509_V_ERR_KEYUSAGE_NO_CERTSIGN)
        object(s, SAYS_CERTIFICATE, above, "it may not sign certificates (keyUsage)");
    if (relation == X509_V_ERR_UNSUPPORTED_SIGNATURE_ALGORITHM)
        object(s, SAYS_CERTIFICATE, cert, "its signature's algorithm is not known here");
    if (relation == X509_V_ERR_AKID_SKID_MISMATCH) object(s, SAYS_KEY, cert, other_key_words);
    if (relation != X509_V_OK) return false;
    const char *why = judge(s, issuer);
    if (why) object(s, SAYS_CERTIFICATE, above, why);
    if (signatures_know(s->signatures, s->g, subject, issuer, &is_made) && !is_made)
        object(s, SAYS_CERTIFICATE, cert, unsigned_words);
    return !why && is_made;
}

static const char *judge(struct search *s, uint32_t number) {
    const struct version *w = graph_version(s->g, number);
    struct judged *j = &s->judged[number];
    if (j->is_done) return j->refusal;
    enum place place = w->is_anchor ? PLACE_ANCHOR : PLACE_INTERMEDIATE;
    j->refusal = rules_judge(w->step.cert, place, s->q);
    if (!j->refusal && s->q->is_web) j->refusal = web_judge(w->step.cert, place, s->q);
    j->is_done = true;
    return j->refusal;
}

// Signatures are the dearest, so they are looked at when a path is whole, each once. What was to come below a bad one is given up.
static bool is_signed(struct search *s) {
    for (size_t i = 1; i < s->now.length; i++) {
        if (check_signature(s, s->numbers[i - 1], s->numbers[i])) continue;
        if (!s->spent) s->broken = i;
        return false;
    }
    return true;
}

static bool check_signature(struct search *s, uint32_t subject, uint32_t issuer) {
    X509 *cert = graph_version(s->g, subject)->step.cert;
    bool is_made;
    if (signatures_know(s->signatures, s->g, subject, issuer, &is_made)) return is_made;
    if (!charge(s, &s->answer->signatures, s->q->limits.signatures,
                "too many checks of signatures"))
        return false;
    is_made = signatures_check(s->signatures, s->g, subject, issuer);
    if (!is_made) object(s, SAYS_CERTIFICATE, cert, unsigned_words);
    return is_made;
}

static void keep(struct search *s) {
    size_t i = s->candidate_count;
    while (i > 0 && path_compare(&s->now, &s->candidates[i - 1]) < 0) i--;
    if (s->candidate_count < CANDIDATES_MAX)
        s->candidate_count++;
    else
        s->has_dropped = true;
    if (i == CANDIDATES_MAX) return;
    memmove(&s->candidates[i + 1], &s->candidates[i],
            (s->candidate_count - 1 - i) * sizeof *s->candidates);
    s->candidates[i] = s->now;
}

// An anchor whose own rules refuse it, so that no path to it is tried in vain. With very many anchors that would cost more
// than it saves.
static bool is_barred(void *arg, uint32_t number) {
    struct search *s = arg;
    return graph_count(s->g) <= JUDGED_AT_ONCE_MAX && judge(s, number) != NULL;
}

// Follows the shortest paths to all anchors, whatever is wrong with them, for the objections that are met.
static void walk_in_vain(struct search *s) {
    const struct version *leaf = graph_version(s->g, s->numbers[0]);
    s->tier = s->q->bits_min;
    graph_reach(s->g, s->tier, NULL, NULL, s->distances);
    s->length = s->distances[leaf->issuer] + 1u;
    s->candidate_count = 0;
    if (s->length > 1 && s->length <= PATH_LENGTH_MAX && !s->spent) follow(s, 1);
    s->spent = NULL; // nothing was left to be found
}

static void say_spent(struct search *s) {
    s->said = SAYS_NOTHING;
    struct text *out = objection(s, SAYS_PATH);
    certificate_add_title(out, s->q->leaf);
    text_printf(out, ": given up after %s", s->spent);
}

// Nothing was found: names what stands in the way.
static void explain(struct search *s) {
    const struct version *v = graph_version(s->g, s->numbers[0]);
    if (!s->spent) walk_in_vain(s);
    for (size_t i = 1; i < PATH_LENGTH_MAX && graph_first(s->g, v->issuer) != GRAPH_NOBODY; i++)
        v = graph_version(s->g, graph_first(s->g, v->issuer));
    struct text *out = objection(s, SAYS_MISSING);
    if (out && graph_first(s->g, v->issuer) == GRAPH_NOBODY) {
        certificate_add_title(out, v->step.cert);
        text_add(out, SLICE(": it was issued by "));
        certificate_add_issuer(out, v->step.cert);
        text_add(out, SLICE(", which is neither trusted nor sent along"));
    } else if (out && v->issuer == v->subject && !v->is_anchor) {
        certificate_add_title(out, v->step.cert);
        text_add(out, SLICE(": it is self-signed and not among the trusted ones"));
    } else if (out) {
        certificate_add_title(out, s->q->leaf);
        text_add(out, SLICE(": no path leads from it to a trusted certificate"));
    }
    const struct version *leaf = graph_version(s->g, s->numbers[0]);
    graph_reach(s->g, 0, NULL, NULL, s->distances);
    if (s->distances[leaf->issuer] == 0) return;
    if (leaf->digest_bits < s->q->bits_min)
        object(s, SAYS_KEY, s->q->leaf, "its signature is too weak or of an unknown kind");
    object(s, SAYS_KEY, s->q->leaf, "every path from it has a weak signature or a weak key");
}

static bool charge(struct search *s, int *spent, int limit, const char *what) {
    if (s->spent) return false;
    if (*spent >= limit)
        s->spent = what;
    else if ((++*spent % CLOCK_EVERY == 0 || spent != &s->answer->visits) && cpu_us() > s->ends_us)
        s->spent = "too much time";
    return !s->spent;
}

static long cpu_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * 1000000L + now.tv_nsec / 1000;
}

// Where to write, when this says more than what has been said.
static struct text *objection(struct search *s, enum weight weight) {
    if (weight <= s->said) return NULL;
    s->said = weight;
    text_clear(&s->answer->why);
    return &s->answer->why;
}

static void object(struct search *s, enum weight weight, const X509 *cert, const char *why) {
    struct text *out = objection(s, weight);
    if (!out) return;
    certificate_add_title(out, cert);
    text_printf(out, ": %s", why);
}
