// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "certcheck/candidates.h"

#include <stdio.h>

#include "certcheck/walk.h"
#include "core/check.h"
#include "tls/certificate.h"

static void find_for_anybody(struct candidates *c, struct trial *t);
static bool keep(void *arg, const struct path *p, bool is_complete);
static bool is_same(const struct path *a, const struct path *b);
static void judge(struct candidate *one, struct trial *t);
static void say_end(struct candidate *one);

void candidates_init(struct candidates *c, struct trial *t) {
    struct chain_answer answer;
    c->count = 0;
    c->is_cut = false;
    c->taken = -1;
    c->best = (struct path){0};
    text_init(&c->why_none, 1000);
    if (!walk_up(t, NULL, keep, c)) c->is_cut = true;
    enum chain_result result = chain_find(t->graph, &t->asked, &answer);
    c->is_given_up = result == CHAIN_EXHAUSTED;
    c->is_taken = result == CHAIN_FOUND;
    if (c->is_taken && answer.cut) c->is_cut = true;
    if (c->is_taken)
        c->best = answer.path;
    else
        text_add(&c->why_none, text_slice(&answer.why));
    chain_answer_fini(&answer);
    if (!c->is_taken && t->asked.host) find_for_anybody(c, t);
    for (size_t i = 0; i < c->count; i++) {
        struct candidate *one = &c->list[i];
        bool is_taken = c->is_taken && is_same(&one->path, &c->best);
        if (is_taken) c->taken = (int)i;
        if (is_taken) one->is_valid = true;
        if (!is_taken && one->is_complete) judge(one, t);
        if (!one->is_complete) say_end(one);
    }
}

void candidates_fini(struct candidates *c) {
    text_fini(&c->why_none);
}

const struct path *candidates_main(const struct candidates *c) {
    if (c->best.length > 0) return &c->best;
    for (size_t i = 0; i < c->count; i++)
        if (c->list[i].is_complete) return &c->list[i].path;
    return c->count > 0 ? &c->list[0].path : NULL;
}

// What is wrong with a chain is looked for whether or not it is for the right name.
static void find_for_anybody(struct candidates *c, struct trial *t) {
    struct chain_answer answer;
    if (chain_find(t->graph, &t->question, &answer) == CHAIN_FOUND) c->best = answer.path;
    chain_answer_fini(&answer);
}

static bool keep(void *arg, const struct path *p, bool is_complete) {
    struct candidates *c = arg;
    if (c->count == CANDIDATES_SHOWN_MAX) {
        c->is_cut = true;
        return false;
    }
    c->list[c->count++] = (struct candidate){.path = *p, .is_complete = is_complete};
    return true;
}

static bool is_same(const struct path *a, const struct path *b) {
    for (size_t i = 0; i < a->length && a->length == b->length; i++)
        if (a->steps[i] != b->steps[i]) return false;
    return a->length == b->length;
}

static void judge(struct candidate *one, struct trial *t) {
    struct text why;
    text_init(&why, WHY_NOT_BYTES_MAX);
    one->is_valid = trial_judge(t, &t->asked, &one->path, &why);
    snprintf(one->why, sizeof one->why, "%s", text_string(&why));
    text_fini(&why);
}

static void say_end(struct candidate *one) {
    struct text why;
    const X509 *last = one->path.steps[one->path.length - 1]->cert;
    text_init(&why, WHY_NOT_BYTES_MAX);
    certificate_add_title(&why, last);
    if (certificate_is_self_issued(last)) {
        text_add(&why, SLICE(": it is self-signed and not among the trusted ones"));
    } else {
        text_add(&why, SLICE(": its issuer is neither sent nor trusted: "));
        certificate_add_issuer(&why, last);
    }
    snprintf(one->why, sizeof one->why, "%s", text_string(&why));
    text_fini(&why);
}
