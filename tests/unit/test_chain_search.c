// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// The search against a search that tries everything, on small random graphs; and on graphs that are made to take long.

#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/check.h"
#include "tests/unit/chain_fixture.h"
#include "tls/chain/path.h"
#include "tls/chain/signatures.h"
#include "tls/chain/strength.h"

#define GRAPHS    150
#define CAS       4
#define CERTS_MAX 14
#define MESH_MAX  64

static struct made_cert
    keys[MESH_MAX]; // self-signed "CA 0", "CA 1" and so on; every third with a P-384 key
static unsigned seed;

static unsigned random_below(unsigned n) {
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % n;
}

static const char *name_of(unsigned ca) {
    static char name[16];
    snprintf(name, sizeof name, "CA %u", ca);
    return name;
}

static int make_keys(void **state) {
    (void)state;
    for (unsigned i = 0; i < MESH_MAX; i++)
        keys[i] = make_cert(&(struct cert_recipe){
            .subject = name_of(i), .key = i % 3 == 2 ? "P-384" : "P-256", .is_ca = true});
    return 0;
}

static int drop_keys(void **state) {
    (void)state;
    for (unsigned i = 0; i < MESH_MAX; i++) drop_cert(&keys[i]);
    return 0;
}

static struct made_cert cross_sign(unsigned subject, unsigned issuer, const char *digest,
                                   bool is_expired) {
    return make_cert(&(struct cert_recipe){.subject = name_of(subject),
                                           .issuer = &keys[issuer],
                                           .use_key = keys[subject].key,
                                           .digest = digest,
                                           .begins_s = is_expired ? -7200 : 0,
                                           .ends_s = is_expired ? -3600 : 0,
                                           .is_ca = true});
}

static struct made_cert make_leaf(unsigned issuer) {
    return make_cert(&(struct cert_recipe){.subject = "leaf", .issuer = &keys[issuer]});
}

// --- everything is tried ---

struct all_paths {
    struct graph *g;
    const struct chain_question *q;
    struct path now, best;
    uint32_t numbers[PATH_LENGTH_MAX];
    bool is_found;
};

static bool leads_to(const struct version *v, const struct version *w) {
    return X509_check_issued(w->step.cert, v->step.cert) == X509_V_OK &&
           X509_verify(v->step.cert, X509_get0_pubkey(w->step.cert)) == 1;
}

static void try_all(struct all_paths *a, size_t depth) {
    const struct version *v = graph_version(a->g, a->numbers[depth - 1]);
    if (v->step.ends < a->q->at) return;
    if (v->is_anchor && (!a->is_found || path_compare(&a->now, &a->best) < 0)) {
        a->best = a->now;
        a->is_found = true;
    }
    if (v->is_anchor || depth == PATH_LENGTH_MAX) return;
    for (uint32_t i = 0; i < graph_count(a->g); i++) {
        const struct version *w = graph_version(a->g, i);
        bool is_used = false;
        for (size_t k = 0; k < depth; k++)
            is_used = is_used || graph_version(a->g, a->numbers[k])->entity == w->entity;
        if (is_used || !leads_to(v, w)) continue;
        struct path before = a->now;
        int bits = v->digest_bits < w->key_bits ? v->digest_bits : w->key_bits;
        if (bits < a->now.bits) a->now.bits = bits;
        a->numbers[depth] = i;
        a->now.steps[depth] = &w->step;
        a->now.length = depth + 1;
        try_all(a, depth + 1);
        a->now = before;
    }
}

// Signatures are remembered from one graph to the next: they hold for all.
static void compare_on_a_random_graph(unsigned number, struct signatures *signatures) {
    static const char *const digests[] = {"SHA1", "SHA256", "SHA384"};
    struct made_cert certs[CERTS_MAX], leaf = make_leaf(0);
    struct graph *g = graph_new(0);
    seed = number;
    unsigned count = 3 + random_below(CERTS_MAX - 2);
    for (unsigned i = 0; i < count; i++) {
        certs[i] = cross_sign(random_below(CAS), random_below(CAS), digests[random_below(3)],
                              random_below(5) == 0);
        graph_add(g, certs[i].cert, false);
    }
    graph_add(g, keys[1 + random_below(CAS - 1)].cert, true);
    graph_add(g, keys[CAS - 1].cert, random_below(2) == 0);
    struct chain_question q = question_about(leaf.cert);
    struct chain_answer answer;
    q.signatures = signatures;
    enum chain_result result = chain_find(g, &q, &answer);
    struct all_paths all = {.g = g, .q = &q};
    all.numbers[0] = graph_add(g, leaf.cert, false);
    all.now = (struct path){{&graph_version(g, all.numbers[0])->step}, 1, STRENGTH_MAX};
    try_all(&all, 1);
    assert_int_equal(result, all.is_found ? CHAIN_FOUND : CHAIN_REFUSED);
    if (all.is_found) assert_int_equal(path_compare(&answer.path, &all.best), 0);
    if (!all.is_found) assert_true(answer.why.len > 0);
    chain_answer_fini(&answer);
    graph_free(g);
    drop_cert(&leaf);
    for (unsigned i = 0; i < count; i++) drop_cert(&certs[i]);
}

static void on_small_random_graphs_it_finds_what_trying_everything_finds(void **state) {
    struct signatures *signatures = signatures_new();
    (void)state;
    for (unsigned i = 1; i <= GRAPHS; i++) compare_on_a_random_graph(i, signatures);
    signatures_free(signatures);
}

// --- the order ---

static void random_path(struct path *p, struct path_step *steps) {
    *p = (struct path){.length = 1 + random_below(3), .bits = (int)random_below(3)};
    for (size_t i = 0; i < p->length; i++) {
        steps[i] = (struct path_step){.begins = random_below(3), .ends = random_below(3)};
        steps[i].print[0] = (unsigned char)random_below(2);
        p->steps[i] = &steps[i];
    }
}

static int sign(int n) {
    return (n > 0) - (n < 0);
}

static void the_order_is_antisymmetric_transitive_and_total(void **state) {
    struct path_step steps[40][3];
    struct path p[40];
    (void)state;
    seed = 7;
    for (int i = 0; i < 40; i++) random_path(&p[i], steps[i]);
    for (int a = 0; a < 40; a++)
        for (int b = 0; b < 40; b++) {
            int ab = sign(path_compare(&p[a], &p[b]));
            assert_int_equal(ab, -sign(path_compare(&p[b], &p[a])));
            if (a == b) assert_int_equal(ab, 0);
            for (int c = 0; c < 40; c++)
                if (ab <= 0 && path_compare(&p[b], &p[c]) <= 0)
                    assert_true(path_compare(&p[a], &p[c]) <= 0);
        }
}

// --- made to take long ---

// All CAs sign one another.
static struct graph *make_mesh(unsigned cas) {
    struct graph *g = graph_new(0);
    for (unsigned i = 0; i < cas; i++)
        for (unsigned k = 0; k < cas; k++) {
            if (i == k) continue;
            struct made_cert c = cross_sign(i, k, "SHA256", false);
            graph_add(g, c.cert, false);
            drop_cert(&c);
        }
    return g;
}

static enum chain_result ask(struct graph *g, X509 *leaf, struct chain_answer *answer) {
    struct chain_question q = question_about(leaf);
    q.limits = CHAIN_LIMITS_HANDSHAKE;
    q.limits.cpu_ms = 1000; // this build is slow
    enum chain_result result = chain_find(g, &q, answer);
    assert_true(answer->visits <= q.limits.visits);
    assert_true(answer->signatures <= q.limits.signatures);
    assert_true(answer->verifications <= q.limits.verifications);
    return result;
}

static void a_mesh_is_answered_at_once_with_and_without_an_anchor(void **state) {
    static const unsigned sizes[] = {4, 8, 16, 32, 64};
    struct made_cert leaf = make_leaf(0);
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct graph *g = make_mesh(sizes[i]);
        struct chain_answer answer;
        assert_int_equal(ask(g, leaf.cert, &answer), CHAIN_REFUSED);
        assert_int_equal(answer.visits, 0); // nothing leads anywhere
        chain_answer_fini(&answer);
        graph_add(g, keys[1].cert, true);
        assert_int_equal(ask(g, leaf.cert, &answer), CHAIN_FOUND);
        assert_int_equal(answer.path.length, 3);
        chain_answer_fini(&answer);
        graph_free(g);
    }
    drop_cert(&leaf);
}

// The anchor has the right name and another key. Each CA's version that names it as its issuer shows that by one signature.
static void a_mesh_in_which_every_path_fails_is_given_up_within_the_budgets(void **state) {
    struct made_cert leaf = make_leaf(0);
    struct made_cert anchor =
        make_cert(&(struct cert_recipe){.subject = name_of(1), .key = "P-256", .is_ca = true});
    struct graph *g = make_mesh(16);
    struct chain_answer answer;
    (void)state;
    graph_add(g, anchor.cert, true);
    assert_int_equal(ask(g, leaf.cert, &answer), CHAIN_EXHAUSTED);
    assert_in_range(answer.signatures, 1, 2 * 16);
    assert_non_null(strstr(text_string(&answer.why), "given up after too many"));
    chain_answer_fini(&answer);
    graph_free(g);
    drop_cert(&anchor);
    drop_cert(&leaf);
}

static void no_path_to_an_expired_anchor_is_tried_but_it_is_named(void **state) {
    struct made_cert leaf = make_leaf(0);
    struct made_cert anchor = make_cert(&(struct cert_recipe){.subject = name_of(1),
                                                              .use_key = keys[1].key,
                                                              .begins_s = -7200,
                                                              .ends_s = -3600,
                                                              .is_ca = true});
    struct graph *g = make_mesh(16);
    struct chain_answer answer;
    (void)state;
    graph_add(g, anchor.cert, true);
    assert_int_equal(ask(g, leaf.cert, &answer), CHAIN_REFUSED);
    assert_true(answer.visits < 1000);
    assert_non_null(strstr(text_string(&answer.why), "\"CA 1\""));
    assert_non_null(strstr(text_string(&answer.why), "it has expired"));
    chain_answer_fini(&answer);
    graph_free(g);
    drop_cert(&anchor);
    drop_cert(&leaf);
}

static void many_certificates_with_one_subject_and_different_keys_stay_within_the_budgets(
    void **state) {
    struct made_cert leaf = make_leaf(0), wrong;
    struct graph *g = graph_new(0);
    struct chain_answer answer;
    (void)state;
    for (int i = 0; i < 300; i++) {
        wrong = make_cert(&(struct cert_recipe){
            .subject = name_of(0), .key = "P-256", .issuer = &keys[1], .is_ca = true});
        X509_EXTENSION_free(X509_delete_ext( // no key identifier tells them apart
            wrong.cert, X509_get_ext_by_NID(wrong.cert, NID_subject_key_identifier, -1)));
        X509_sign(wrong.cert, keys[1].key, EVP_sha256());
        graph_add(g, wrong.cert, false);
        drop_cert(&wrong);
    }
    graph_add(g, keys[1].cert, true);
    assert_int_equal(ask(g, leaf.cert, &answer), CHAIN_EXHAUSTED);
    assert_non_null(strstr(text_string(&answer.why), "signatures"));
    chain_answer_fini(&answer);
    graph_free(g);
    drop_cert(&leaf);
}

#define VERSIONS 300

// Versions of CA 0 by CA 1, each ending a minute after the one before it; the one at `latest` ends last.
static struct graph *make_versions(unsigned latest) {
    struct graph *g = graph_new(VERSIONS);
    for (unsigned i = 0; i < VERSIONS; i++) {
        struct made_cert c = make_cert(&(struct cert_recipe){
            .subject = name_of(0),
            .issuer = &keys[1],
            .use_key = keys[0].key,
            .begins_at = time(NULL) - 3600,
            .ends_at = time(NULL) + 3600 + 60L * ((i + VERSIONS - 1 - latest) % VERSIONS),
            .is_ca = true});
        graph_add(g, c.cert, false);
        assert_int_equal(graph_add(g, c.cert, false), i); // the same bytes are one certificate
        drop_cert(&c);
    }
    graph_add(g, keys[1].cert, true);
    return g;
}

static void of_many_versions_of_a_ca_the_one_that_ends_last_is_taken_wherever_it_stands(
    void **state) {
    static const unsigned places[] = {0, VERSIONS / 2, VERSIONS - 1};
    struct made_cert leaf = make_leaf(0);
    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct graph *g = make_versions(places[i]);
        struct chain_answer answer;
        assert_int_equal(ask(g, leaf.cert, &answer), CHAIN_FOUND);
        assert_ptr_equal(answer.path.steps[1], &graph_version(g, places[i])->step);
        assert_null(answer.cut);
        chain_answer_fini(&answer);
        graph_free(g);
    }
    drop_cert(&leaf);
}

static void a_spent_budget_does_not_take_back_what_was_found(void **state) {
    struct made_cert leaf = make_leaf(0);
    struct graph *g = make_versions(VERSIONS / 2);
    struct chain_question q = question_about(leaf.cert);
    struct chain_answer answer;
    (void)state;
    for (q.limits.signatures = 2; q.limits.signatures < 12; q.limits.signatures++) {
        assert_int_equal(chain_find(g, &q, &answer), CHAIN_FOUND);
        assert_string_equal(answer.cut, "too many checks of signatures");
        assert_ptr_equal(answer.path.steps[1], &graph_version(g, VERSIONS / 2)->step);
        chain_answer_fini(&answer);
    }
    q.limits.signatures = 1; // a path of three needs two
    assert_int_equal(chain_find(g, &q, &answer), CHAIN_EXHAUSTED);
    chain_answer_fini(&answer);
    graph_free(g);
    drop_cert(&leaf);
}

// What is bad of the best is found for each; then there were more than are kept.
static void more_bad_paths_than_are_kept_are_no_proof_that_there_is_none(void **state) {
    struct made_cert leaf = make_leaf(0);
    struct graph *g = make_versions(0);
    struct chain_question q = question_about(leaf.cert);
    struct chain_answer answer;
    (void)state;
    q.intermediates_max = 0;
    assert_int_equal(chain_find(g, &q, &answer), CHAIN_EXHAUSTED);
    assert_non_null(strstr(text_string(&answer.why), "too many verifications of whole paths"));
    chain_answer_fini(&answer);
    graph_free(g);
    drop_cert(&leaf);
}

static void what_one_handshake_adds_is_forgotten_for_the_next(void **state) {
    struct made_cert leaf = make_leaf(0), link = cross_sign(0, 1, "SHA256", false);
    struct graph *g = graph_new(0);
    struct chain_answer answer;
    (void)state;
    graph_add(g, keys[1].cert, true);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(ask(g, leaf.cert, &answer), CHAIN_REFUSED);
        chain_answer_fini(&answer);
        graph_add(g, link.cert, false);
        assert_int_equal(ask(g, leaf.cert, &answer), CHAIN_FOUND);
        chain_answer_fini(&answer);
        graph_rewind(g, 1);
        assert_int_equal(graph_count(g), 1);
        assert_int_equal(graph_names(g), 1);
        assert_int_equal(graph_entities(g), 1);
    }
    graph_free(g);
    drop_cert(&link);
    drop_cert(&leaf);
}

// The usual chain costs what it must and nothing else. The time is for whoever reads the log: no test depends on it.
static void a_chain_of_three_costs_two_signatures_and_one_verification(void **state) {
    struct made_cert root = make_ca("Root", NULL, NULL, NULL);
    struct made_cert middle = make_ca("Middle", &root, NULL, NULL);
    struct made_cert leaf =
        make_cert(&(struct cert_recipe){.subject = "leaf.example", .issuer = &middle});
    struct graph *g = graph_new(3);
    struct chain_question q = question_about(leaf.cert);
    struct chain_answer answer;
    (void)state;
    graph_add(g, middle.cert, false);
    graph_add(g, root.cert, true);
    clock_t begin = clock();
    enum { ROUNDS = 200 };
    for (int i = 0; i < ROUNDS; i++) {
        assert_int_equal(chain_find(g, &q, &answer), CHAIN_FOUND);
        assert_int_equal(answer.path.length, 3);
        assert_int_equal(answer.signatures, 2);
        assert_int_equal(answer.verifications, 1);
        assert_in_range(answer.visits, 2, 4);
        chain_answer_fini(&answer);
    }
    print_message("  %.3f ms of CPU time for each\n",
                  (double)(clock() - begin) * 1000 / CLOCKS_PER_SEC / ROUNDS);
    graph_free(g);
    drop_cert(&leaf);
    drop_cert(&middle);
    drop_cert(&root);
}

static void a_leaf_that_is_trusted_itself_is_a_path(void **state) {
    struct made_cert leaf = make_cert(&(struct cert_recipe){.subject = "own", .names = "DNS:own"});
    struct graph *g = graph_new(0);
    struct chain_answer answer;
    (void)state;
    graph_add(g, leaf.cert, true);
    assert_int_equal(ask(g, leaf.cert, &answer), CHAIN_FOUND);
    assert_int_equal(answer.path.length, 1);
    chain_answer_fini(&answer);
    graph_free(g);
    drop_cert(&leaf);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_small_random_graphs_it_finds_what_trying_everything_finds),
        cmocka_unit_test(the_order_is_antisymmetric_transitive_and_total),
        cmocka_unit_test(a_mesh_is_answered_at_once_with_and_without_an_anchor),
        cmocka_unit_test(a_mesh_in_which_every_path_fails_is_given_up_within_the_budgets),
        cmocka_unit_test(no_path_to_an_expired_anchor_is_tried_but_it_is_named),
        cmocka_unit_test(
            many_certificates_with_one_subject_and_different_keys_stay_within_the_budgets),
        cmocka_unit_test(
            of_many_versions_of_a_ca_the_one_that_ends_last_is_taken_wherever_it_stands),
        cmocka_unit_test(a_spent_budget_does_not_take_back_what_was_found),
        cmocka_unit_test(more_bad_paths_than_are_kept_are_no_proof_that_there_is_none),
        cmocka_unit_test(what_one_handshake_adds_is_forgotten_for_the_next),
        cmocka_unit_test(a_chain_of_three_costs_two_signatures_and_one_verification),
        cmocka_unit_test(a_leaf_that_is_trusted_itself_is_a_path),
    };
    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
