// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// What a server sends after its leaf.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/chain_fixture.h"
#include "tls/chain/serve.h"

enum cert { LEAF, INT_SHA1, INT_SHA256, ROOT, ROOT_X_SHA1, ROOT_X_SHA256, LEGACY, STRANGER, CERTS };
#define POOL(...) ((const int[]){__VA_ARGS__, -1})

static struct made_cert made[CERTS];

static int make_certs(void **state) {
    (void)state;
    made[ROOT] = make_ca("New Root", NULL, NULL, "SHA256");
    made[LEGACY] = make_ca("Legacy Root", NULL, NULL, "SHA1");
    made[STRANGER] = make_ca("Stranger", &made[LEGACY], NULL, "SHA256");
    made[ROOT_X_SHA1] = make_ca("New Root", &made[LEGACY], made[ROOT].key, "SHA1");
    made[ROOT_X_SHA256] = make_ca("New Root", &made[LEGACY], made[ROOT].key, "SHA256");
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

static void sends(const int *pool, const int *wanted) {
    STACK_OF(X509) *all = sk_X509_new_null();
    for (; *pool >= 0; pool++) sk_X509_push(all, made[*pool].cert);
    STACK_OF(X509) *chain = serve_chain(made[LEAF].cert, all);
    assert_non_null(chain);
    int count = 0;
    for (; wanted[count] >= 0; count++)
        assert_ptr_equal(sk_X509_value(chain, count), made[wanted[count]].cert);
    assert_int_equal(sk_X509_num(chain), count);
    sk_X509_pop_free(chain, X509_free);
    sk_X509_free(all);
}

static void the_root_is_not_sent(void **state) {
    (void)state;
    sends(POOL(LEAF, INT_SHA256, ROOT), POOL(INT_SHA256));
    sends(POOL(ROOT, INT_SHA256, LEAF), POOL(INT_SHA256));
}

static void of_two_versions_the_strong_one_is_sent_even_if_the_root_is_not_known(void **state) {
    (void)state;
    sends(POOL(LEAF, INT_SHA1, INT_SHA256), POOL(INT_SHA256));
    sends(POOL(LEAF, INT_SHA1, INT_SHA256, ROOT), POOL(INT_SHA256));
}

static void a_strong_cross_signature_is_sent_for_clients_that_know_only_the_old_root(void **state) {
    (void)state;
    sends(POOL(LEAF, ROOT_X_SHA256, INT_SHA256), POOL(INT_SHA256, ROOT_X_SHA256));
}

static void a_weak_cross_signature_is_left_away(void **state) {
    (void)state;
    sends(POOL(LEAF, INT_SHA256, ROOT_X_SHA1), POOL(INT_SHA256));
    sends(POOL(LEAF, INT_SHA256, ROOT_X_SHA1, LEGACY), POOL(INT_SHA256));
}

static void strangers_are_left_away(void **state) {
    (void)state;
    sends(POOL(LEAF, STRANGER, INT_SHA256, LEGACY), POOL(INT_SHA256));
}

static void a_weak_path_is_taken_only_when_there_is_no_other(void **state) {
    (void)state;
    sends(POOL(LEAF, INT_SHA1), POOL(INT_SHA1));
}

static void a_leaf_alone_has_nothing_after_it(void **state) {
    (void)state;
    sends(POOL(LEAF, STRANGER), POOL(-1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_root_is_not_sent),
        cmocka_unit_test(of_two_versions_the_strong_one_is_sent_even_if_the_root_is_not_known),
        cmocka_unit_test(a_strong_cross_signature_is_sent_for_clients_that_know_only_the_old_root),
        cmocka_unit_test(a_weak_cross_signature_is_left_away),
        cmocka_unit_test(strangers_are_left_away),
        cmocka_unit_test(a_weak_path_is_taken_only_when_there_is_no_other),
        cmocka_unit_test(a_leaf_alone_has_nothing_after_it),
    };
    return cmocka_run_group_tests(tests, make_certs, drop_certs);
}
