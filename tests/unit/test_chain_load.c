// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "certcheck/check.h"
#include "core/check.h"
#include "tests/unit/chain_fixture.h"
#include "tls/chain/load.h"

#define MANY 10000

static struct made_cert root, leaf;

static int make_certs(void **state) {
    (void)state;
    root = make_ca("Root", NULL, NULL, NULL);
    leaf = make_cert(
        &(struct cert_recipe){.subject = "leaf", .names = "DNS:a.example", .issuer = &root});
    return 0;
}

static int drop_certs(void **state) {
    (void)state;
    drop_cert(&leaf);
    drop_cert(&root);
    return 0;
}

// How many certificates are read; `failed` and `said` as the loader says.
static int load(struct slice content, size_t *failed, struct text *said) {
    STACK_OF(X509) * certs;
    *failed = load_certificates(content, "x.pem", &certs, said);
    int count = sk_X509_num(certs);
    sk_X509_pop_free(certs, X509_free);
    return count;
}

static void der_that_is_cut_at_any_byte_is_said_and_left_out(void **state) {
    unsigned char *der = NULL;
    int len = i2d_X509(leaf.cert, &der);
    (void)state;
    for (int cut = 0; cut <= len; cut++) {
        struct text said;
        size_t failed;
        text_init(&said, 1000);
        char *copy = malloc((size_t)cut + 1); // so that reading behind the end is seen
        CHECK(copy);
        memcpy(copy, der, (size_t)cut);
        copy = realloc(copy, cut > 0 ? (size_t)cut : 1);
        CHECK(copy);
        int count = load((struct slice){copy, (size_t)cut}, &failed, &said);
        assert_int_equal(count, cut == len);
        assert_int_equal(failed, cut > 0 && cut < len);
        assert_int_equal(said.len > 0, failed > 0);
        free(copy);
        text_fini(&said);
    }
    OPENSSL_free(der);
}

static void der_certificates_one_after_the_other_are_read(void **state) {
    unsigned char both[4096], *at = both;
    struct text said;
    size_t failed;
    (void)state;
    text_init(&said, 1000);
    CHECK(i2d_X509(leaf.cert, &at) > 0 && i2d_X509(root.cert, &at) > 0);
    assert_int_equal(load((struct slice){(char *)both, (size_t)(at - both)}, &failed, &said), 2);
    assert_int_equal(failed, 0);
    text_fini(&said);
}

static void ten_thousand_certificates_in_one_file_are_read_and_searched(void **state) {
    struct text pem, said;
    (void)state;
    text_init(&pem, 64u << 20);
    text_init(&said, 1000);
    for (int i = 0; i < MANY / 10; i++) {
        struct made_cert c = make_ca("Root", &root, root.key, NULL);
        for (int k = 0; k < 10;
             k++) { // ten serial numbers from one signature: they need not be right
            ASN1_INTEGER_set(X509_get_serialNumber(c.cert), 1000000 + i * 10 + k);
            i2d_re_X509_tbs(c.cert, NULL);
            add_cert_pem(&pem, &c);
        }
        drop_cert(&c);
    }
    struct files *files = files_new();
    files_replace(files, "many.pem", text_slice(&pem));
    text_clear(&pem);
    add_cert_pem(&pem, &root);
    files_replace(files, "root.pem", text_slice(&pem));
    text_clear(&pem);
    add_cert_pem(&pem, &leaf);
    files_replace(files, "leaf.pem", text_slice(&pem));
    struct check_conf conf = {.leaf = "leaf.pem",
                              .anchors = "root.pem",
                              .chain = "many.pem",
                              .at = time(NULL),
                              .intermediates_max = -1};
    text_clear(&pem);
    assert_int_equal(check_files(files, &conf, &pem, &said), CHECK_VALID);
    assert_non_null(strstr(text_string(&pem), "valid: 2 certificates"));
    assert_int_equal(said.len, 0);
    files_free(files);
    text_fini(&pem);
    text_fini(&said);
}

static void garbage_holds_nothing(void **state) {
    struct text garbage, said;
    size_t failed;
    (void)state;
    text_init(&garbage, 8u << 20);
    text_init(&said, 1000);
    for (unsigned i = 0; i < 4u << 20; i++)
        text_add_char(&garbage, (char)(i * 2654435761u >> 24 | 0x80));
    assert_int_equal(load(text_slice(&garbage), &failed, &said), 0);
    text_fini(&garbage);
    text_fini(&said);
}

static void an_empty_file_is_an_empty_set_and_a_missing_one_is_said(void **state) {
    struct files *files = files_new();
    struct text out, said;
    (void)state;
    text_init(&out, 1000);
    text_init(&said, 1000);
    add_cert_pem(&out, &leaf);
    files_replace(files, "leaf.pem", text_slice(&out));
    text_clear(&out);
    files_replace(files, "empty.pem", (struct slice){"", 0});
    struct check_conf conf = {.leaf = "leaf.pem",
                              .anchors = "empty.pem",
                              .chain = "empty.pem",
                              .crl = "empty.pem",
                              .at = time(NULL),
                              .intermediates_max = -1};
    assert_int_equal(check_files(files, &conf, &out, &said), CHECK_REFUSED);
    assert_non_null(strstr(text_string(&out), "neither trusted nor sent along"));
    conf.anchors = "/nonexistent/anchors.pem";
    assert_int_equal(check_files(files, &conf, &out, &said), CHECK_UNREADABLE);
    assert_non_null(strstr(text_string(&said), "/nonexistent/anchors.pem: No such file"));
    text_fini(&out);
    text_fini(&said);
    files_free(files);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(der_that_is_cut_at_any_byte_is_said_and_left_out),
        cmocka_unit_test(der_certificates_one_after_the_other_are_read),
        cmocka_unit_test(ten_thousand_certificates_in_one_file_are_read_and_searched),
        cmocka_unit_test(garbage_holds_nothing),
        cmocka_unit_test(an_empty_file_is_an_empty_set_and_a_missing_one_is_said),
    };
    return cmocka_run_group_tests(tests, make_certs, drop_certs);
}
