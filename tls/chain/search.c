// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/chain/search.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <time.h>

#include "core/check.h"
#include "tls/certificate.h"
#include "tls/chain/host.h"
#include "tls/chain/ranking.h"
#include "tls/chain/rules.h"
#include "tls/chain/search_parts.h"
#include "tls/chain/signatures.h"
#include "tls/chain/strength.h"
#include "tls/chain/verdict.h"
#include "tls/chain/web.h"

#define WHY_BYTES_MAX      1000
#define CLOCK_EVERY        64   // visits
#define JUDGED_AT_ONCE_MAX 5000 // certificates in the graph
#define CUT_SHARE          4    // of the time, for what was found when a budget was spent
#define TIERS              (STRENGTH_MAX + 1)

static const char verifications[] = "too many verifications of whole paths";

static bool accepts_leaf(struct search *s);
static bool search_tiers(struct search *s);
static bool search_tier(struct search *s);
static bool take_best(struct search *s);
static bool take(struct search *s, const struct path *p);
static bool is_barred(void *arg, uint32_t number);
static long cpu_us(void);

enum chain_result chain_find(struct graph *g, const struct chain_question *q,
                             struct chain_answer *answer) {
    struct search s = {.g = g, .q = q, .answer = answer};
    *answer = (struct chain_answer){0};
    text_init(&answer->why, WHY_BYTES_MAX);
    s.ends_us = cpu_us() + q->limits.cpu_ms * 1000L;
    s.numbers[0] = graph_add(g, q->leaf, false);
    if (s.numbers[0] == GRAPH_NOBODY) {
        search_object(&s, SAYS_PATH, q->leaf, "there is no room for it");
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
    if (!is_found && s.said < SAYS_PATH) search_explain(&s);
    if (!is_found && s.spent) search_say_spent(&s);
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
    if (why) search_object(s, SAYS_PATH, q->leaf, why);
    if (why || !q->host || q->host[0] == '\0' || host_is_named(q->leaf, q->host)) return !why;
    certificate_add_mismatch(search_objection(s, SAYS_PATH), q->leaf, q->host);
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
        search_keep(s);
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
        search_follow(s, 1);
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
        if (!search_charge(s, &s->answer->verifications, s->q->limits.verifications, verifications))
            break;
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
    struct text *out = is_good ? NULL : search_objection(s, SAYS_PATH);
    if (out) text_add(out, text_slice(&why));
    text_fini(&why);
    return is_good;
}

// An anchor whose own rules refuse it, so that no path to it is tried in vain. With very many anchors that would cost more
// than it saves.
static bool is_barred(void *arg, uint32_t number) {
    struct search *s = arg;
    return graph_count(s->g) <= JUDGED_AT_ONCE_MAX && search_judge(s, number) != NULL;
}

bool search_charge(struct search *s, int *spent, int limit, const char *what) {
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
