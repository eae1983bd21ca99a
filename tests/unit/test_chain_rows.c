// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// A CA's key certified twice and a cross-signed root: OpenSSL takes the first issuer that fits and never goes back, we find
// the strong path in every order.

#include <openssl/x509_vfy.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/check.h"
#include "tests/unit/chain_fixture.h"

enum cert { LEAF, INT_SHA1, INT_SHA256, ROOT, ROOT_X_SHA1, LEGACY, CERTS };
#define CERTS_OF(...) ((const int[]){__VA_ARGS__, -1})

static struct made_cert made[CERTS];

static int make_certs(void **state) {
    (void)state;
    made[ROOT] = make_ca("New Root", NULL, NULL, "SHA256");
    made[LEGACY] = make_ca("Legacy Root", NULL, NULL, "SHA1");
    made[ROOT_X_SHA1] = make_ca("New Root", &made[LEGACY], made[ROOT].key, "SHA1");
    made[INT_SHA256] = make_ca("Int CA", &made[ROOT], NULL, "SHA256");
    made[INT_SHA1] = make_ca("Int CA", &made[ROOT], made[INT_SHA256].key, "SHA1");
    made[LEAF] = make_cert(&(struct cert_recipe){
        .subject = "leaf", .names = "DNS:a.example", .issuer = &made[INT_SHA256]});
    return 0;
}

static int drop_certs(void **state) {
    (void)state;
    for (int i = 0; i < CERTS; i++) drop_cert(&made[i]);
    return 0;
}

// Plain X509_verify_cert: its error, the depth of that, and who is taken as the leaf's issuer.
static int plain(const int *trusted, const int *sent, int level, int *depth, X509 **issuer) {
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *verification = X509_STORE_CTX_new();
    STACK_OF(X509) *others = sk_X509_new_null();
    for (; *trusted >= 0; trusted++) X509_STORE_add_cert(store, made[*trusted].cert);
    for (; *sent >= 0; sent++) sk_X509_push(others, made[*sent].cert);
    X509_STORE_CTX_init(verification, store, made[LEAF].cert, others);
    X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(verification), level);
    X509_verify_cert(verification);
    int error = X509_STORE_CTX_get_error(verification);
    *depth = X509_STORE_CTX_get_error_depth(verification);
    *issuer = sk_X509_value(X509_STORE_CTX_get0_chain(verification), 1);
    X509_STORE_CTX_free(verification);
    X509_STORE_free(store);
    sk_X509_free(others);
    return error;
}

static bool is_self_signed(int cert) {
    return cert == ROOT || cert == LEGACY;
}

// The strong path is leaf, int-sha256, root: 128 bits throughout.
static void assert_strong(const int *trusted, const int *sent) {
    struct graph *g = graph_new(0);
    struct chain_question q = question_about(made[LEAF].cert);
    struct chain_answer answer;
    for (; *trusted >= 0; trusted++) graph_add(g, made[*trusted].cert, is_self_signed(*trusted));
    for (; *sent >= 0; sent++) graph_add(g, made[*sent].cert, false);
    assert_int_equal(chain_find(g, &q, &answer), CHAIN_FOUND);
    assert_int_equal(answer.path.length, 3);
    assert_int_equal(answer.path.bits, 128);
    assert_ptr_equal(answer.path.steps[1]->cert, made[INT_SHA256].cert);
    assert_ptr_equal(answer.path.steps[2]->cert, made[ROOT].cert);
    chain_answer_fini(&answer);
    graph_free(g);
}

static void openssl_takes_a_sha1_link_silently_without_a_level(void **state) {
    const int *trusted = CERTS_OF(ROOT), *sent = CERTS_OF(INT_SHA1, INT_SHA256);
    int depth;
    X509 *issuer;
    (void)state;
    assert_int_equal(plain(trusted, sent, 0, &depth, &issuer), X509_V_OK);
    assert_ptr_equal(issuer, made[INT_SHA1].cert);
    assert_strong(trusted, sent);
}

static void openssl_refuses_at_depth_1_what_a_second_version_would_have_mended(void **state) {
    const int *trusted = CERTS_OF(ROOT), *sent = CERTS_OF(INT_SHA1, INT_SHA256);
    int depth;
    X509 *issuer;
    (void)state;
    assert_int_equal(plain(trusted, sent, 1, &depth, &issuer), X509_V_ERR_CA_MD_TOO_WEAK);
    assert_int_equal(depth, 1);
    assert_strong(trusted, sent);
}

static void openssl_accepts_the_same_certificates_in_another_order(void **state) {
    const int *trusted = CERTS_OF(ROOT), *sent = CERTS_OF(INT_SHA256, INT_SHA1);
    int depth;
    X509 *issuer;
    (void)state;
    assert_int_equal(plain(trusted, sent, 1, &depth, &issuer), X509_V_OK);
    assert_strong(trusted, sent);
}

static void openssl_prefers_a_weak_version_in_the_store(void **state) {
    const int *trusted = CERTS_OF(ROOT, INT_SHA1), *sent = CERTS_OF(INT_SHA256);
    int depth;
    X509 *issuer;
    (void)state;
    assert_int_equal(plain(trusted, sent, 1, &depth, &issuer), X509_V_ERR_CA_MD_TOO_WEAK);
    assert_strong(trusted, sent);
}

static void openssl_refuses_over_a_cross_signed_root_before_the_root(void **state) {
    const int *trusted = CERTS_OF(ROOT_X_SHA1, LEGACY, ROOT), *sent = CERTS_OF(INT_SHA256);
    int depth;
    X509 *issuer;
    (void)state;
    assert_int_equal(plain(trusted, sent, 2, &depth, &issuer), X509_V_ERR_CA_MD_TOO_WEAK);
    assert_int_equal(depth, 2);
    assert_strong(trusted, sent);
}

static void openssl_accepts_with_the_root_before_its_cross_signed_version(void **state) {
    const int *trusted = CERTS_OF(ROOT, ROOT_X_SHA1, LEGACY), *sent = CERTS_OF(INT_SHA256);
    int depth;
    X509 *issuer;
    (void)state;
    assert_int_equal(plain(trusted, sent, 2, &depth, &issuer), X509_V_OK);
    assert_strong(trusted, sent);
}

static void permute(int *all, int count, int fixed) {
    if (fixed == count) {
        assert_strong(all, CERTS_OF(-1));
        return;
    }
    for (int i = fixed; i < count; i++) {
        int first = all[fixed];
        all[fixed] = all[i];
        all[i] = first;
        permute(all, count, fixed + 1);
        all[i] = all[fixed];
        all[fixed] = first;
    }
}

static void every_order_of_the_certificates_gives_the_same_path(void **state) {
    int all[] = {INT_SHA1, INT_SHA256, ROOT, ROOT_X_SHA1, LEGACY, -1};
    (void)state;
    permute(all, 5, 0);
}

static void with_a_least_strength_only_weak_paths_are_refused_in_words(void **state) {
    struct graph *g = graph_new(0);
    struct chain_question q = question_about(made[LEAF].cert);
    struct chain_answer answer;
    (void)state;
    q.bits_min = CHAIN_BITS_MIN;
    graph_add(g, made[ROOT].cert, true);
    graph_add(g, made[INT_SHA1].cert, false);
    assert_int_equal(chain_find(g, &q, &answer), CHAIN_REFUSED);
    assert_non_null(strstr(text_string(&answer.why), "weak signature"));
    chain_answer_fini(&answer);
    graph_free(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openssl_takes_a_sha1_link_silently_without_a_level),
        cmocka_unit_test(openssl_refuses_at_depth_1_what_a_second_version_would_have_mended),
        cmocka_unit_test(openssl_accepts_the_same_certificates_in_another_order),
        cmocka_unit_test(openssl_prefers_a_weak_version_in_the_store),
        cmocka_unit_test(openssl_refuses_over_a_cross_signed_root_before_the_root),
        cmocka_unit_test(openssl_accepts_with_the_root_before_its_cross_signed_version),
        cmocka_unit_test(every_order_of_the_certificates_gives_the_same_path),
        cmocka_unit_test(with_a_least_strength_only_weak_paths_are_refused_in_words),
    };
    return cmocka_run_group_tests(tests, make_certs, drop_certs);
}
