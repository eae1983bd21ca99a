// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/certificate.h"
#include "tls/chain/search_parts.h"

static void walk_in_vain(struct search *s);

void search_explain(struct search *s) {
    const struct version *v = graph_version(s->g, s->numbers[0]);
    if (!s->spent) walk_in_vain(s);
    for (size_t i = 1; i < PATH_LENGTH_MAX && graph_first(s->g, v->issuer) != GRAPH_NOBODY; i++)
        v = graph_version(s->g, graph_first(s->g, v->issuer));
    struct text *out = search_objection(s, SAYS_MISSING);
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
        text_printf(out, ": no path of at most %d certificates leads from it to a trusted one",
                    PATH_LENGTH_MAX);
    }
    const struct version *leaf = graph_version(s->g, s->numbers[0]);
    graph_reach(s->g, 0, NULL, NULL, s->distances);
    if (s->distances[leaf->issuer] == 0 || s->distances[leaf->issuer] == PATH_LENGTH_MAX) return;
    if (leaf->digest_bits < s->q->bits_min)
        search_object(s, SAYS_KEY, s->q->leaf, "its signature is too weak or of an unknown kind");
    search_object(s, SAYS_KEY, s->q->leaf, "every path from it has a weak signature or a weak key");
}

// Follows the shortest paths to all anchors, whatever is wrong with them, for the objections that are met.
static void walk_in_vain(struct search *s) {
    const struct version *leaf = graph_version(s->g, s->numbers[0]);
    s->tier = s->q->bits_min;
    graph_reach(s->g, s->tier, NULL, NULL, s->distances);
    s->length = s->distances[leaf->issuer] + 1u;
    s->candidate_count = 0;
    if (s->length > 1 && s->length <= PATH_LENGTH_MAX && !s->spent) search_follow(s, 1);
    s->spent = NULL; // nothing was left to be found
}

void search_say_spent(struct search *s) {
    s->said = SAYS_NOTHING;
    struct text *out = search_objection(s, SAYS_PATH);
    certificate_add_title(out, s->q->leaf);
    text_printf(out, ": given up after %s", s->spent);
}

struct text *search_objection(struct search *s, enum weight weight) {
    if (weight <= s->said) return NULL;
    s->said = weight;
    text_clear(&s->answer->why);
    return &s->answer->why;
}

void search_object(struct search *s, enum weight weight, const X509 *cert, const char *why) {
    struct text *out = search_objection(s, weight);
    if (!out) return;
    certificate_add_title(out, cert);
    text_printf(out, ": %s", why);
}
