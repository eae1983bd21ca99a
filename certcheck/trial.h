// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "certcheck/policy.h"
#include "certcheck/target.h"
#include "certcheck/trust.h"
#include "tls/chain/search.h"
#include "tls/chain/strength.h"

// One target while it is judged: its leaf, every certificate that a path may be made of, and the rules. Certificates are
// numbered in the graph in the order in which clients meet them: sent, at hand, trusted.

struct trial_rules {
    const struct trust *trust;
    const struct policy *policy; // NULL: signatures and keys must be worth 112 bits
    time_t at;
    struct signatures
        *signatures; // shared by all targets; NULL: each is checked whenever it is met
};
struct trial {
    const struct target *target;
    const struct trial_rules *rules;
    struct graph *graph;
    X509 *leaf;
    int leaf_at; // among those that were sent
    uint32_t leaf_number;
    int *sent_places; // of each number, its first place among those that were sent, or -1
    size_t place_count;
    bool
        has_own_roots; // nobody trusted is reached; the target's self-signed certificates count as anchors
    struct chain_question question; // as the rules have it
    struct chain_question asked; // and for the target's names, by the web's rules where they apply
    struct chain_question plain; // RFC 5280 alone: any strength, no policy
};

// The target has sent at least one certificate; it and the rules must outlive this. trial_fini() is due.
void trial_init(struct trial *t, const struct target *target, const struct trial_rules *rules);
void trial_fini(struct trial *t);

// Can it be the issuer by names and key identifiers? (Whether it may sign is judged later.)
bool trial_may_issue(const struct trial *t, uint32_t issuer, uint32_t subject);
// The strength of that signature, the issuer's key considered.
int trial_bits(const struct trial *t, uint32_t issuer, uint32_t subject);
// Is this whole path valid by the question (one of those above)? False: one line in `why`, which begins with the certificate
// at fault.
bool trial_judge(struct trial *t, const struct chain_question *q, const struct path *p,
                 struct text *why);
// The number of a certificate that is in the graph.
uint32_t trial_number(struct trial *t, X509 *cert);
// Its first place among those that were sent, or -1.
int trial_sent_at(const struct trial *t, const X509 *cert);
