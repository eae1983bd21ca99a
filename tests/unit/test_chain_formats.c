// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/check.h"
#include "tests/unit/chain_fixture.h"
#include "tls/chain/load.h"

static struct made_cert root, intermediate, leaf;

static int make_certs(void **state) {
    (void)state;
    root = make_ca("Root", NULL, NULL, NULL);
    intermediate = make_ca("Intermediate", &root, NULL, NULL);
    leaf = make_cert(&(struct cert_recipe){
        .subject = "leaf", .names = "DNS:a.example", .issuer = &intermediate});
    return 0;
}

static int drop_certs(void **state) {
    (void)state;
    drop_cert(&leaf);
    drop_cert(&intermediate);
    drop_cert(&root);
    return 0;
}

// What a file gave.
struct loaded {
    struct bundle b;
    size_t failed;
    struct text said;
};

static struct loaded load(struct slice content, const char *password) {
    struct loaded l;
    struct load_conf conf = {.path = "x", .password = password, .wanted = LOAD_ALL};
    char *copy =
        malloc(content.len > 0 ? content.len : 1); // so that reading behind the end is seen
    CHECK(copy);
    if (content.len > 0) memcpy(copy, content.at, content.len);
    text_init(&l.said, 4000);
    l.failed = bundle_load(&l.b, (struct slice){copy, content.len}, &conf, &l.said);
    assert_int_equal(l.failed > 0, l.said.len > 0);
    free(copy);
    return l;
}

static void drop(struct loaded *l) {
    bundle_fini(&l->b);
    text_fini(&l->said);
}

static void holds(const struct loaded *l, const struct made_cert *const *certs, int count) {
    assert_int_equal(sk_X509_num(l->b.certificates), count);
    for (int i = 0; i < count; i++)
        assert_int_equal(X509_cmp(sk_X509_value(l->b.certificates, i), certs[i]->cert), 0);
}

static void says(struct loaded *l, const char *words) {
    if (!strstr(text_string(&l->said), words))
        fail_msg("no \"%s\" in: %s", words, text_string(&l->said));
}

// Leaf, intermediate, root; the caller frees with OPENSSL_free().
static struct slice make_pkcs7(void) {
    PKCS7 *p = PKCS7_new();
    unsigned char *der = NULL;
    CHECK(PKCS7_set_type(p, NID_pkcs7_signed) == 1 && PKCS7_content_new(p, NID_pkcs7_data) == 1);
    CHECK(PKCS7_add_certificate(p, leaf.cert) == 1);
    CHECK(PKCS7_add_certificate(p, intermediate.cert) == 1);
    CHECK(PKCS7_add_certificate(p, root.cert) == 1);
    int len = i2d_PKCS7(p, &der);
    CHECK(len > 0);
    PKCS7_free(p);
    return (struct slice){(char *)der, (size_t)len};
}

// The same with the leaf's key.
static PKCS12 *make_pkcs12(const char *password) {
    STACK_OF(X509) *more = sk_X509_new_null();
    CHECK(sk_X509_push(more, intermediate.cert) > 0 && sk_X509_push(more, root.cert) > 0);
    PKCS12 *p = PKCS12_create(password, "leaf", leaf.key, leaf.cert, more, 0, 0, 10, 10, 0);
    CHECK(p);
    sk_X509_free(more);
    return p;
}

static struct slice der_of(PKCS12 *p) {
    unsigned char *der = NULL;
    int len = i2d_PKCS12(p, &der);
    CHECK(len > 0);
    PKCS12_free(p);
    return (struct slice){(char *)der, (size_t)len};
}

static void add_block(struct text *out, const char *label, struct slice der) {
    BIO *bio = BIO_new(BIO_s_mem());
    char *at = NULL;
    CHECK(PEM_write_bio(bio, label, "", (const unsigned char *)der.at, (long)der.len) > 0);
    long len = BIO_get_mem_data(bio, &at);
    text_add(out, (struct slice){at, (size_t)len});
    BIO_free(bio);
}

static void pkcs7_gives_its_certificates_in_order_as_der_and_as_pem(void **state) {
    const struct made_cert *all[] = {&leaf, &intermediate, &root};
    static const char *const labels[] = {"PKCS7", "CMS", "PKCS #7 SIGNED DATA"};
    struct slice der = make_pkcs7();
    struct loaded l = load(der, NULL);
    (void)state;
    holds(&l, all, 3);
    assert_int_equal(l.failed, 0);
    drop(&l);
    for (size_t i = 0; i < 3; i++) {
        struct text pem;
        text_init(&pem, 100000);
        add_block(&pem, labels[i], der);
        l = load(text_slice(&pem), NULL);
        holds(&l, all, 3);
        drop(&l);
        text_fini(&pem);
    }
    OPENSSL_free((void *)der.at);
}

static void pkcs7_without_certificates_is_said(void **state) {
    PKCS7 *p = PKCS7_new();
    unsigned char *der = NULL;
    (void)state;
    CHECK(PKCS7_set_type(p, NID_pkcs7_data) == 1);
    int len = i2d_PKCS7(p, &der);
    struct loaded l = load((struct slice){(char *)der, (size_t)len}, NULL);
    says(&l, "x: byte 0: PKCS#7 1: it is not of the kind that holds certificates");
    drop(&l);
    OPENSSL_free(der);
    PKCS7_free(p);
}

static void pkcs12_gives_certificates_and_key_with_its_password(void **state) {
    const struct made_cert *all[] = {&leaf, &intermediate, &root};
    struct slice der = der_of(make_pkcs12("secret"));
    struct loaded l = load(der, "secret");
    (void)state;
    assert_int_equal(l.failed, 0);
    holds(&l, all, 3);
    assert_non_null(l.b.key);
    assert_int_equal(X509_check_private_key(leaf.cert, l.b.key), 1);
    drop(&l);
    l = load(der, "wrong");
    says(&l, "PKCS#12 1: it has another password");
    holds(&l, all, 0);
    drop(&l);
    l = load(der, NULL);
    says(&l, "PKCS#12 1: it has a password, and none was given");
    drop(&l);
    OPENSSL_free((void *)der.at);
}

static void pkcs12_without_a_password_needs_none(void **state) {
    static const char *const passwords[] = {NULL, ""};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct slice der = der_of(make_pkcs12(passwords[i]));
        struct loaded l = load(der, NULL);
        assert_int_equal(l.failed, 0);
        assert_int_equal(sk_X509_num(l.b.certificates), 3);
        assert_non_null(l.b.key);
        drop(&l);
        OPENSSL_free((void *)der.at);
    }
}

// The rounds are in the file, so a file could ask for hours.
static void a_file_cannot_ask_for_hours_of_key_derivation(void **state) {
    const ASN1_INTEGER *rounds;
    PKCS12 *p = make_pkcs12("secret");
    (void)state;
    PKCS12_get0_mac(NULL, NULL, NULL, &rounds, p);
    CHECK(ASN1_INTEGER_set((ASN1_INTEGER *)rounds, 0x7fffffff) == 1);
    struct slice der = der_of(p);
    struct loaded l = load(der, "secret");
    says(&l, "PKCS#12 1: it asks for more rounds of key derivation than a file may cost");
    drop(&l);
    OPENSSL_free((void *)der.at);

    X509_SIG *sealed = X509_SIG_new();
    X509_ALGOR *algorithm, *asked = PKCS5_pbe2_set(EVP_aes_128_cbc(), 0x7fffffff, NULL, 0);
    ASN1_OCTET_STRING *bytes;
    unsigned char *key = NULL;
    X509_SIG_getm(sealed, &algorithm, &bytes);
    CHECK(asked && X509_ALGOR_copy(algorithm, asked) == 1);
    CHECK(ASN1_OCTET_STRING_set(bytes, (const unsigned char *)"0123456789abcdef", 16) == 1);
    int len = i2d_X509_SIG(sealed, &key);
    l = load((struct slice){(char *)key, (size_t)len}, "secret");
    says(&l, "private key 1: it asks for more rounds");
    assert_null(l.b.key);
    drop(&l);
    OPENSSL_free(key);
    X509_ALGOR_free(asked);
    X509_SIG_free(sealed);
}

static void an_encrypted_key_is_opened_with_its_password(void **state) {
    (void)state;
    for (int is_old = 0; is_old < 2; is_old++) {
        BIO *bio = BIO_new(BIO_s_mem());
        char *at = NULL;
        if (is_old)
            CHECK(PEM_write_bio_PrivateKey_traditional(bio, leaf.key, EVP_aes_128_cbc(), NULL, 0,
                                                       NULL, (void *)"secret") == 1);
        else
            CHECK(PEM_write_bio_PKCS8PrivateKey(bio, leaf.key, EVP_aes_128_cbc(), "secret", 6, NULL,
                                                NULL) == 1);
        long len = BIO_get_mem_data(bio, &at);
        struct slice pem = {at, (size_t)len};
        struct loaded l = load(pem, "secret");
        assert_int_equal(l.failed, 0);
        assert_int_equal(l.b.key_count, 1);
        assert_int_equal(X509_check_private_key(leaf.cert, l.b.key), 1);
        drop(&l);
        l = load(pem, "wrong");
        says(&l, "x:1: private key 1: it is encrypted, and not with this password");
        assert_int_equal(l.b.key_count, 1);
        assert_null(l.b.key);
        drop(&l);
        l = load(pem, NULL);
        says(&l, "x:1: private key 1: it is encrypted and there is no password for it");
        drop(&l);
        BIO_free(bio);
    }
}

static void any_mixture_of_blocks_is_read_whatever_stands_between(void **state) {
    const struct made_cert *all[] = {&root, &leaf, &intermediate, &root, &intermediate};
    struct slice seven = make_pkcs7();
    struct text pem;
    (void)state;
    text_init(&pem, 100000);
    text_add(&pem, SLICE("\xef\xbb\xbf")); // directly before the first block
    add_cert_pem(&pem, &root);
    text_add(&pem, SLICE("Bag Attributes\r\n  friendlyName: a\r\n"));
    add_block(&pem, "PKCS7", seven);
    add_key_pem(&pem, &leaf);
    add_block(&pem, "EC PARAMETERS", SLICE("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"));
    add_cert_pem(&pem, &intermediate);
    struct loaded l = load(text_slice(&pem), NULL);
    assert_int_equal(l.failed, 0);
    holds(&l, all, 5);
    assert_int_equal(l.b.key_count, 1);
    drop(&l);
    text_fini(&pem);
    OPENSSL_free((void *)seven.at);
}

static void der_objects_of_all_kinds_follow_each_other(void **state) {
    const struct made_cert *all[] = {&root, &leaf, &leaf, &intermediate, &root};
    struct slice seven = make_pkcs7();
    unsigned char *key = NULL, *cert = NULL;
    struct text der;
    (void)state;
    text_init(&der, 100000);
    size_t len = (size_t)i2d_X509(root.cert, &cert);
    text_add(&der, (struct slice){(char *)cert, len});
    OPENSSL_free(cert);
    cert = NULL;
    len = (size_t)i2d_PrivateKey(leaf.key, &key);
    text_add(&der, (struct slice){(char *)key, len});
    OPENSSL_free(key);
    len = (size_t)i2d_X509(leaf.cert, &cert);
    text_add(&der, (struct slice){(char *)cert, len});
    OPENSSL_free(cert);
    text_add(&der, seven);
    struct loaded l = load(text_slice(&der), NULL);
    assert_int_equal(l.failed, 0);
    holds(&l, all, 5);
    assert_int_equal(X509_check_private_key(leaf.cert, l.b.key), 1);
    drop(&l);
    text_add(&der, SLICE("0\n"));
    l = load(text_slice(&der), NULL);
    char where[60];
    snprintf(where, sizeof where, "x: byte %zu: certificate 6: ", der.len - 2);
    says(&l, where);
    drop(&l);
    text_fini(&der);
    OPENSSL_free((void *)seven.at);
}

static void positions_are_lines_of_the_blocks_that_are_damaged(void **state) {
    struct text pem;
    (void)state;
    text_init(&pem, 100000);
    text_add(&pem,
             SLICE("one\ntwo\n-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"));
    text_add(&pem, SLICE("six\n-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n"));
    add_cert_pem(&pem, &leaf);
    struct loaded l = load(text_slice(&pem), NULL);
    says(&l, "x:3: certificate 1: ");
    says(&l, "x:7: certificate 2: ");
    assert_int_equal(l.failed, 2);
    assert_int_equal(sk_X509_num(l.b.certificates), 1);
    drop(&l);
    text_fini(&pem);
    l = load(SLICE("\xff\xfe-\0-\0"), NULL);
    says(&l, "UTF-16");
    drop(&l);
}

static void bytes_behind_a_certificate_in_its_block_are_said(void **state) {
    unsigned char *der = NULL;
    struct text pem, bytes;
    (void)state;
    text_init(&pem, 100000);
    text_init(&bytes, 100000);
    int len = i2d_X509(leaf.cert, &der);
    text_add(&bytes, (struct slice){(char *)der, (size_t)len});
    text_add_char(&bytes, '\0');
    add_block(&pem, "CERTIFICATE", text_slice(&bytes));
    struct loaded l = load(text_slice(&pem), NULL);
    says(&l, "more stands in this block");
    drop(&l);
    text_fini(&pem);
    text_fini(&bytes);
    OPENSSL_free(der);
}

static void cut_at_any_byte_nothing_is_taken_for_whole(void **state) {
    struct slice seven = make_pkcs7(), twelve = der_of(make_pkcs12("secret"));
    (void)state;
    for (size_t cut = 1; cut < seven.len; cut++) {
        struct loaded l = load((struct slice){seven.at, cut}, NULL);
        assert_int_equal(l.failed, 1);
        drop(&l);
    }
    for (size_t cut = 1; cut < twelve.len; cut++) {
        struct loaded l = load((struct slice){twelve.at, cut}, "secret");
        assert_int_equal(l.failed, 1);
        drop(&l);
    }
    OPENSSL_free((void *)seven.at);
    OPENSSL_free((void *)twelve.at);
}

static void a_changed_byte_of_pkcs12_never_gives_another_key(void **state) {
    struct slice der = der_of(make_pkcs12("secret"));
    char *changed = (char *)der.at;
    (void)state;
    for (size_t i = 0; i < der.len; i += 3) {
        changed[i] ^= 0x55;
        struct loaded l = load(der, "secret");
        if (l.b.key) assert_int_equal(X509_check_private_key(leaf.cert, l.b.key), 1);
        drop(&l);
        changed[i] ^= 0x55;
    }
    OPENSSL_free((void *)der.at);
}

static void a_certificate_with_a_name_of_64_kib_is_read(void **state) {
    struct text names, pem;
    (void)state;
    text_init(&names, 100000);
    text_init(&pem, 200000);
    while (names.len < 65536) text_printf(&names, "DNS:a%zu.example,", names.len);
    text_add(&names, SLICE("DNS:last.example"));
    struct made_cert big = make_cert(
        &(struct cert_recipe){.subject = "big", .names = text_string(&names), .issuer = &root});
    add_cert_pem(&pem, &big);
    struct loaded l = load(text_slice(&pem), NULL);
    assert_int_equal(sk_X509_num(l.b.certificates), 1);
    drop(&l);
    drop_cert(&big);
    text_fini(&names);
    text_fini(&pem);
}

static void beyond_the_maximum_the_rest_is_left_out_and_that_is_said_once(void **state) {
    struct load_conf conf = {.path = "x", .wanted = LOAD_CERTIFICATES, .certificates_max = 3};
    struct bundle b;
    struct text pem, said;
    (void)state;
    text_init(&pem, 100000);
    text_init(&said, 1000);
    for (int i = 0; i < 9; i++) add_cert_pem(&pem, &leaf);
    assert_int_equal(bundle_load(&b, text_slice(&pem), &conf, &said), 1);
    assert_int_equal(sk_X509_num(b.certificates), 3);
    assert_non_null(strstr(text_string(&said), "more than 3 certificates; the rest is left out"));
    bundle_fini(&b);
    text_fini(&pem);
    text_fini(&said);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pkcs7_gives_its_certificates_in_order_as_der_and_as_pem),
        cmocka_unit_test(pkcs7_without_certificates_is_said),
        cmocka_unit_test(pkcs12_gives_certificates_and_key_with_its_password),
        cmocka_unit_test(pkcs12_without_a_password_needs_none),
        cmocka_unit_test(a_file_cannot_ask_for_hours_of_key_derivation),
        cmocka_unit_test(an_encrypted_key_is_opened_with_its_password),
        cmocka_unit_test(any_mixture_of_blocks_is_read_whatever_stands_between),
        cmocka_unit_test(der_objects_of_all_kinds_follow_each_other),
        cmocka_unit_test(positions_are_lines_of_the_blocks_that_are_damaged),
        cmocka_unit_test(bytes_behind_a_certificate_in_its_block_are_said),
        cmocka_unit_test(cut_at_any_byte_nothing_is_taken_for_whole),
        cmocka_unit_test(a_changed_byte_of_pkcs12_never_gives_another_key),
        cmocka_unit_test(a_certificate_with_a_name_of_64_kib_is_read),
        cmocka_unit_test(beyond_the_maximum_the_rest_is_left_out_and_that_is_said_once),
    };
    return cmocka_run_group_tests(tests, make_certs, drop_certs);
}
