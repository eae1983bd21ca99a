// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/chain/relation.h"
#include "tls/chain/rules.h"
#include "tls/chain/search_parts.h"
#include "tls/chain/signatures.h"
#include "tls/chain/web.h"

static void say_unsigned(struct search *s, X509 *cert, X509 *above);
static bool check_signature(struct search *s, uint32_t subject, uint32_t issuer);

bool search_is_issuer(struct search *s, uint32_t subject, uint32_t issuer) {
    X509 *above = graph_version(s->g, issuer)->step.cert;
    X509 *cert = graph_version(s->g, subject)->step.cert;
    bool is_made = true;
    enum relation relation = relation_find(above, cert);
    if (relation == RELATION_WITHOUT_CERT_SIGN)
        search_object(s, SAYS_CERTIFICATE, above, "it may not sign certificates (keyUsage)");
    if (relation == RELATION_OF_UNKNOWN_ALGORITHM)
        search_object(s, SAYS_CERTIFICATE, cert, "its signature's algorithm is not known here");
    if (relation != RELATION_OF_ISSUER && relation != RELATION_OF_NAME) return false;
    const char *why = search_judge(s, issuer);
    if (why) search_object(s, SAYS_CERTIFICATE, above, why);
    if (signatures_know(s->signatures, s->g, subject, issuer, &is_made) && !is_made)
        say_unsigned(s, cert, above);
    return !why && is_made;
}

const char *search_judge(struct search *s, uint32_t number) {
    const struct version *w = graph_version(s->g, number);
    struct judged *j = &s->judged[number];
    if (j->is_done) return j->refusal;
    enum place place = w->is_anchor ? PLACE_ANCHOR : PLACE_INTERMEDIATE;
    j->refusal = rules_judge(w->step.cert, place, s->q);
    if (!j->refusal && s->q->is_web) j->refusal = web_judge(w->step.cert, place, s->q);
    j->is_done = true;
    return j->refusal;
}

bool search_is_signed(struct search *s) {
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
    if (!search_charge(s, &s->answer->signatures, s->q->limits.signatures,
                       "too many checks of signatures"))
        return false;
    is_made = signatures_check(s->signatures, s->g, subject, issuer);
    if (!is_made) say_unsigned(s, cert, graph_version(s->g, issuer)->step.cert);
    return is_made;
}

static void say_unsigned(struct search *s, X509 *cert, X509 *above) {
    bool has_other_key = relation_find(above, cert) == RELATION_OF_NAME;
    if (has_other_key)
        search_object(
            s, SAYS_KEY, cert,
            "the certificate of its issuer's name has another key (authorityKeyIdentifier)");
    else
        search_object(s, SAYS_CERTIFICATE, cert, "its issuer's key did not make its signature");
}
