// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/check.h"
#include "tests/unit/chain_fixture.h"

// What the search for a path costs by itself (CPU time, without reading and decoding): the usual chain, and graphs that are made to
// take long. By hand; see README.md.

#define MESH_MAX 64
#define MANY     10000

static struct made_cert keys[MESH_MAX]; // self-signed "CA 0", "CA 1" and so on

static struct made_cert make_version(unsigned subject, unsigned issuer);
static void add(struct graph *g, struct made_cert c, bool is_anchor);
static void measure_usual(void);
static void measure_mesh(unsigned cas, const char *anchor);
static void measure_versions(const char *what, bool has_one_key, bool is_below_another);
static void measure(const char *what, struct graph *g);

int main(void) {
    static const unsigned sizes[] = {4, 8, 16, 32, 64};
    for (unsigned i = 0; i < MESH_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "CA %u", i);
        keys[i] = make_ca(name, NULL, NULL, NULL);
    }
    printf("search\tms\tvisits\tsignatures\tverifications\tresult\n");
    measure_usual();
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        measure_mesh(sizes[i], "no");
        measure_mesh(sizes[i], "an");
        measure_mesh(sizes[i], "a wrong");
    }
    measure_versions("versions of one CA", true, false);
    measure_versions("versions of one CA below another", true, true);
    measure_versions("keys of one name", false, false);
    for (unsigned i = 0; i < MESH_MAX; i++) drop_cert(&keys[i]);
    return 0;
}

static struct made_cert make_version(unsigned subject, unsigned issuer) {
    char name[16];
    snprintf(name, sizeof name, "CA %u", subject);
    return make_ca(name, &keys[issuer], keys[subject].key, NULL);
}

static void add(struct graph *g, struct made_cert c, bool is_anchor) {
    graph_add(g, c.cert, is_anchor);
    drop_cert(&c);
}

static void measure_usual(void) {
    struct graph *g = graph_new(3);
    add(g, make_version(0, 1), false);
    graph_add(g, keys[1].cert, true);
    measure("chain of three", g);
}

// "a wrong" anchor has the name of CA 1 and another key: every path fails at its end.
static void measure_mesh(unsigned cas, const char *anchor) {
    char what[60];
    struct graph *g = graph_new((size_t)cas * cas);
    for (unsigned i = 0; i < cas; i++)
        for (unsigned k = 0; k < cas; k++)
            if (i != k) add(g, make_version(i, k), false);
    if (strcmp(anchor, "an") == 0) graph_add(g, keys[1].cert, true);
    if (strcmp(anchor, "a wrong") == 0) add(g, make_ca("CA 1", NULL, NULL, NULL), true);
    snprintf(what, sizeof what, "mesh of %u with %s anchor", cas, anchor);
    measure(what, g);
}

static void measure_versions(const char *what, bool has_one_key, bool is_below_another) {
    char name[80];
    struct graph *g = graph_new(MANY);
    for (unsigned i = 0; i < MANY; i++)
        add(g, has_one_key ? make_version(0, 1) : make_ca("CA 0", &keys[1], NULL, NULL), false);
    if (is_below_another) add(g, make_version(1, 2), false);
    graph_add(g, keys[is_below_another ? 2 : 1].cert, true);
    snprintf(name, sizeof name, "%d %s", MANY, what);
    measure(name, g);
}

// By both sets of limits. Frees the graph.
static void measure(const char *what, struct graph *g) {
    static const struct {
        const char *name;
        struct chain_limits limits;
    } sets[] = {{"handshake", CHAIN_LIMITS_HANDSHAKE}, {"tool", CHAIN_LIMITS_TOOL}};
    static const char *const results[] = {"found", "refused", "exhausted"};
    struct made_cert leaf = make_cert(&(struct cert_recipe){.subject = "leaf", .issuer = &keys[0]});
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        struct chain_question q = question_about(leaf.cert);
        struct chain_answer answer;
        q.limits = sets[i].limits;
        q.bits_min = CHAIN_BITS_MIN;
        clock_t begin = clock();
        enum chain_result result = chain_find(g, &q, &answer);
        double ms = (double)(clock() - begin) * 1000 / CLOCKS_PER_SEC;
        printf("%s, %s\t%.2f\t%d\t%d\t%d\t%s%s%s\n", what, sets[i].name, ms, answer.visits,
               answer.signatures, answer.verifications, results[result], answer.why.len ? ": " : "",
               text_string(&answer.why));
        chain_answer_fini(&answer);
    }
    graph_free(g);
    drop_cert(&leaf);
}
