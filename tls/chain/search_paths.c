// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <string.h>

#include "tls/chain/ranking.h"
#include "tls/chain/search_parts.h"

static bool is_over(const struct search *s, size_t depth);
static bool fits_key(const struct version *v, const struct version *w);
static void consider(struct search *s, size_t depth, uint32_t number);
static bool may_fit(const struct search *s, size_t depth, const struct version *v);
static bool is_used(const struct search *s, size_t depth, const struct version *v);
static bool may_be_kept(struct search *s, const struct version *v);

// Goes on from the certificate at depth - 1; those whose key identifier fits come first.
void search_follow(struct search *s, size_t depth) {
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
    if (!search_charge(s, &s->answer->visits, s->q->limits.visits, "too many steps")) return;
    int bits = v->digest_bits < w->key_bits ? v->digest_bits : w->key_bits;
    if (s->q->counts_end && w->is_anchor && w->issuer != w->subject && w->digest_bits < bits)
        bits = w->digest_bits;
    if (bits < s->tier || !may_fit(s, depth, w) || is_used(s, depth, w)) return;
    int bits_before = s->now.bits;
    s->numbers[depth] = number;
    s->now.steps[depth] = &w->step;
    s->now.length = depth + 1;
    if (bits < s->now.bits) s->now.bits = bits;
    if (may_be_kept(s, w) && search_is_issuer(s, s->numbers[depth - 1], number)) {
        if (!w->is_anchor)
            search_follow(s, depth + 1);
        else if (s->now.bits == s->tier && search_is_signed(s))
            search_keep(s); // more was tried in the tier above
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

void search_keep(struct search *s) {
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
