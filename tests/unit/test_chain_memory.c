// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// What is remembered over many files and searches: certificates by their bytes, signatures by certificate and key.

#include <openssl/err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/check.h"
#include "tests/unit/chain_fixture.h"
#include "tls/chain/decoded.h"
#include "tls/chain/load.h"
#include "tls/chain/signatures.h"

#define SERIALS 100 // more than a table holds at first

// Two certificates one after the other; the first one differs by the serial number.
static long write_der(struct made_cert *c, long serial, unsigned char *out) {
    unsigned char *at = out;
    ASN1_INTEGER_set(X509_get_serialNumber(c->cert), serial);
    i2d_re_X509_tbs(c->cert, NULL);
    CHECK(i2d_X509(c->cert, &at) > 0 && i2d_X509(c->cert, &at) > 0);
    return at - out;
}

static void the_same_bytes_are_one_certificate_and_others_are_not(void **state) {
    unsigned char der[4096];
    struct made_cert c = make_ca("CA", NULL, NULL, NULL);
    X509 *first[SERIALS];
    (void)state;
    struct decoded *d = decoded_new();
    for (long i = 0; i < 2 * SERIALS; i++) {
        const unsigned char *at = der;
        long len = write_der(&c, 1000 + i % SERIALS, der);
        X509 *one = decoded_take(d, &at, len);
        assert_non_null(one);
        assert_int_equal(at - der, len / 2); // behind it, not at the end
        assert_int_equal(ASN1_INTEGER_get(X509_get0_serialNumber(one)), 1000 + i % SERIALS);
        if (i >= SERIALS) {
            assert_ptr_equal(one, first[i - SERIALS]);
            X509_free(one);
        } else {
            first[i] = one;
        }
    }
    decoded_free(d);
    for (long i = 0; i < SERIALS; i++) { // references of their own
        assert_int_equal(ASN1_INTEGER_get(X509_get0_serialNumber(first[i])), 1000 + i);
        X509_free(first[i]);
    }
    drop_cert(&c);
}

static void a_file_that_has_a_certificate_many_times_has_it_decoded_once(void **state) {
    struct made_cert c = make_ca("CA", NULL, NULL, NULL);
    STACK_OF(X509) *all = NULL;
    struct text pem, problems;
    (void)state;
    text_init(&pem, 1u << 20);
    text_init(&problems, 1000);
    for (int i = 0; i < SERIALS; i++) add_cert_pem(&pem, &c);
    assert_int_equal(load_certificates(text_slice(&pem), "many.pem", &all, &problems), 0);
    assert_int_equal(sk_X509_num(all), SERIALS); // all are there: a report tells of each
    for (int i = 1; i < SERIALS; i++)
        assert_ptr_equal(sk_X509_value(all, i), sk_X509_value(all, 0));
    sk_X509_pop_free(all, X509_free);
    text_fini(&pem);
    text_fini(&problems);
    drop_cert(&c);
}

static void what_is_cut_or_damaged_is_no_certificate_even_beside_a_whole_one(void **state) {
    unsigned char der[4096];
    struct made_cert c = make_ca("CA", NULL, NULL, NULL);
    (void)state;
    struct decoded *d = decoded_new();
    long len = write_der(&c, 1, der) / 2;
    const unsigned char *at = der;
    X509_free(decoded_take(d, &at, len));
    for (long cut = 0; cut < len; cut++) {
        at = der;
        assert_null(decoded_take(d, &at, cut));
        assert_ptr_equal(at, der);
    }
    for (long i = 0; i < len; i++) {
        der[i] ^= 0x55;
        at = der;
        const unsigned char *plain_at = der;
        X509 *one = decoded_take(d, &at, len), *plain = d2i_X509(NULL, &plain_at, len);
        assert_int_equal(one == NULL, plain == NULL);
        assert_ptr_equal(at, plain_at);
        if (one) assert_int_equal(X509_cmp(one, plain), 0);
        X509_free(one);
        X509_free(plain);
        der[i] ^= 0x55;
    }
    ERR_clear_error();
    decoded_free(d);
    drop_cert(&c);
}

static void a_signature_is_told_apart_by_certificate_and_by_key(void **state) {
    struct made_cert root = make_ca("Root", NULL, NULL, NULL);
    struct made_cert other = make_ca("Root", NULL, NULL, NULL); // another key of that name
    struct made_cert children[SERIALS];
    struct signatures *s = signatures_new();
    struct graph *g = graph_new(0);
    uint32_t r = graph_add(g, root.cert, true), o = graph_add(g, other.cert, true);
    (void)state;
    for (int i = 0; i < SERIALS; i++) {
        children[i] = make_ca("Child", i % 3 ? &root : &other, other.key, NULL);
        graph_add(g, children[i].cert, false);
    }
    for (int round = 0; round < 2; round++)
        for (uint32_t i = 0; i < SERIALS; i++) {
            assert_int_equal(signatures_check(s, g, 2 + i, r), i % 3 != 0);
            assert_int_equal(signatures_check(s, g, 2 + i, o), i % 3 == 0);
            assert_int_equal(signatures_check(NULL, g, 2 + i, o), i % 3 == 0);
        }
    graph_free(g);
    signatures_free(s);
    for (int i = 0; i < SERIALS; i++) drop_cert(&children[i]);
    drop_cert(&root);
    drop_cert(&other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_bytes_are_one_certificate_and_others_are_not),
        cmocka_unit_test(a_file_that_has_a_certificate_many_times_has_it_decoded_once),
        cmocka_unit_test(what_is_cut_or_damaged_is_no_certificate_even_beside_a_whole_one),
        cmocka_unit_test(a_signature_is_told_apart_by_certificate_and_by_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
