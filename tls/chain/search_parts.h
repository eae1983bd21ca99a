// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "tls/chain/search.h"

// What the parts of a search share: the loop over tiers and lengths (search.c), the paths of one of them (search_paths.c), who
// issued whom (search_issuers.c), and what is said when there is none (search_words.c).

#define CANDIDATES_MAX 64 // of one tier and length; the best are kept

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

// All issuers of the certificate at depth - 1, and so on to the anchors: keeps the paths of s->length and s->tier.
void search_follow(struct search *s, size_t depth);
// The path that is now whole becomes a candidate.
void search_keep(struct search *s);

// May this version have issued that one? All but the signature, unless that is known.
bool search_is_issuer(struct search *s, uint32_t subject, uint32_t issuer);
// What its place's rules say against this one as an issuer; NULL: nothing.
const char *search_judge(struct search *s, uint32_t number);
// Signatures are the dearest, so they are looked at when a path is whole, each once. What was to come below a bad one is given up.
bool search_is_signed(struct search *s);

// Counts before it is done; false: the limit has been reached, and s->spent says so.
bool search_charge(struct search *s, int *spent, int limit, const char *what);

// Nothing was found: names what stands in the way.
void search_explain(struct search *s);
void search_say_spent(struct search *s);
// Where to write, when this says more than what has been said; else NULL.
struct text *search_objection(struct search *s, enum weight weight);
void search_object(struct search *s, enum weight weight, const X509 *cert, const char *why);
