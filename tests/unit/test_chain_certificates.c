// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// What is asked of one certificate by itself, its encoding and its purpose. Each is asked twice: of
// a path alone, and for a host by the web's rules. What is wrong with a certificate does not depend
// on the host.

#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/check.h"
#include "tests/unit/chain_line.h"
#include "tls/chain/narrow.h"

static struct chain_question question(bool is_web) {
    struct chain_question q = question_about(NULL);
    q.bits_min = CHAIN_BITS_MIN;
    q.is_web = is_web;
    if (is_web) q.host = "a.example";
    return q;
}

// words: of the reason; NULL: it is valid.
static void expect(struct line *l, const char *what, const char *words) {
    for (int is_web = 0; is_web <= 1; is_web++)
        if (line_is_valid(l, question(is_web), NULL, words) != (words == NULL))
            fail_msg("%s, %s the web's rules: %s", what, is_web ? "by" : "without",
                     words ? "accepted" : "refused");
}

struct row {
    const char *ca, *leaf; // extensions
    const char *words;
};

static void judge_rows(const struct row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct line l;
        make_line(&l,
                  (const struct link[]){{"A", rows[i].ca}, {"leaf", rows[i].leaf}, {NULL, NULL}});
        expect(&l, rows[i].leaf ? rows[i].leaf : rows[i].ca, rows[i].words);
        drop_line(&l);
    }
}
#define JUDGE(rows) judge_rows(rows, sizeof(rows) / sizeof *(rows))

static void the_value_of_an_extension_ends_where_the_extension_does(void **state) {
    static const char words[] = "bytes behind the value of an extension";
    static const struct row rows[] = {
        {NULL, "subjectAltName=DER:300b8209612e6578616d706c65", NULL},
        {NULL, "subjectAltName=DER:300b8209612e6578616d706c650000", words},
        {NULL, "basicConstraints=DER:300000", words},
        {NULL, "keyUsage=critical,DER:03020780", NULL},
        {NULL, "keyUsage=critical,DER:030207800500", words},
        {NULL, "extendedKeyUsage=DER:300a06082b060105050703010500", words},
        {"basicConstraints=critical,DER:30030101ff00", NULL, words},
        // Nobody knows what this one holds: it need not be DER to a reader that skips it.
        {NULL, "1.3.6.1.4.1.55738.1=DER:050400", NULL},
    };
    (void)state;
    JUDGE(rows);
}

static void only_a_ca_has_a_path_length(void **state) {
    static const struct row rows[] = {
        {NULL, "basicConstraints=CA:FALSE", NULL},
        {NULL, "basicConstraints=CA:FALSE,pathlen:0", "path length"},
    };
    (void)state;
    JUDGE(rows);
}

static void a_flag_that_is_not_set_is_left_out(void **state) {
    static const unsigned char der[] = {0x30, 0x0e, 0x06, 0x03, 0x55, 0x1d, 0x0f, 0x01,
                                        0x01, 0x00, 0x04, 0x04, 0x03, 0x02, 0x07, 0x80};
    const unsigned char *at = der;
    struct line l;
    (void)state;
    X509_EXTENSION *one = d2i_X509_EXTENSION(NULL, &at, sizeof der);
    make_line(&l, (const struct link[]){{"A", NULL}, {"leaf", NULL}, {NULL, NULL}});
    CHECK(one && X509_add_ext(l.certs[2].cert, one, -1) == 1);
    line_sign(&l, 2);
    expect(&l, "critical FALSE", "\"critical\" spelled out as false");
    X509_EXTENSION_free(one);
    drop_line(&l);
}

static void extensions_are_of_version_3_and_there_is_no_later_one(void **state) {
    struct line l;
    (void)state;
    make_line(&l, (const struct link[]){{"A", NULL}, {"leaf", NULL}, {NULL, NULL}});
    for (int version = 0; version <= 3; version++) {
        if (version == X509_VERSION_3) continue;
        CHECK(X509_set_version(l.certs[2].cert, version) == 1);
        line_sign(&l, 2);
        expect(&l, "version", version == 3 ? "version" : "extensions, which only version 3 has");
    }
    // Without any an older one is good, if not for the web.
    X509 *leaf = l.certs[2].cert;
    while (X509_get_ext_count(leaf) > 0) X509_EXTENSION_free(X509_delete_ext(leaf, 0));
    CHECK(X509_set_version(leaf, X509_VERSION_1) == 1);
    line_sign(&l, 2);
    assert_true(line_is_valid(&l, question(false), NULL, NULL));
    assert_false(line_is_valid(&l, question(true), NULL, "not of X.509 version 3"));
    drop_line(&l);
}

// The signature is good, over a certificate that names its algorithm so.
static void sign_with_parameters(X509 *cert, EVP_PKEY *key, int algorithm, int parameters) {
    const X509_ALGOR *outer;
    const ASN1_BIT_STRING *signature;
    unsigned char *der = NULL, made[512];
    size_t len = sizeof made;
    EVP_MD_CTX *signer = EVP_MD_CTX_new();
    X509_get0_signature(&signature, &outer, cert);
    X509_ALGOR *both[] = {(X509_ALGOR *)outer, (X509_ALGOR *)X509_get0_tbs_sigalg(cert)};
    for (size_t i = 0; i < 2; i++)
        X509_ALGOR_set0(both[i], OBJ_nid2obj(algorithm), parameters, NULL);
    int der_len = i2d_re_X509_tbs(cert, &der);
    CHECK(der_len > 0 && EVP_DigestSignInit(signer, NULL, EVP_sha256(), NULL, key) == 1);
    CHECK(EVP_DigestSign(signer, made, &len, der, (size_t)der_len) == 1);
    CHECK(ASN1_BIT_STRING_set((ASN1_BIT_STRING *)signature, made, (int)len) == 1);
    EVP_MD_CTX_free(signer);
    OPENSSL_free(der);
}

// RFC 5758 section 3.2; RFC 4055 section 5 has both accepted for RSA.
static void an_ecdsa_signature_has_no_parameters(void **state) {
    static const struct {
        const char *key;
        int algorithm, parameters;
        const char *words;
    } rows[] = {
        {"P-256", NID_ecdsa_with_SHA256, V_ASN1_UNDEF, NULL},
        {"P-256", NID_ecdsa_with_SHA256, V_ASN1_NULL, "has parameters, which ECDSA has not"},
        {"RSA2048", NID_sha256WithRSAEncryption, V_ASN1_UNDEF, NULL},
        {"RSA2048", NID_sha256WithRSAEncryption, V_ASN1_NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct line l = {.count = 2};
        l.certs[0] = make_cert(
            &(struct cert_recipe){.subject = "Anchor", .key = rows[i].key, .is_ca = true});
        l.certs[1] = make_cert(&(struct cert_recipe){
            .subject = "leaf", .names = "DNS:a.example", .issuer = &l.certs[0]});
        sign_with_parameters(l.certs[1].cert, l.certs[0].key, rows[i].algorithm,
                             rows[i].parameters);
        expect(&l, rows[i].key, rows[i].words);
        drop_line(&l);
    }
}

// RFC 5280 section 4.1.2.5: a verifier reads both forms of any year, whatever a CA should have
// written.
static void a_time_before_2050_may_be_written_with_four_digits(void **state) {
    struct line l;
    (void)state;
    make_line(&l, (const struct link[]){{"A", NULL}, {"leaf", NULL}, {NULL, NULL}});
    CHECK(ASN1_TIME_set_string(X509_getm_notAfter(l.certs[2].cert), "20491231235959Z") == 1);
    line_sign(&l, 2);
    expect(&l, "GeneralizedTime", NULL);
    drop_line(&l);
}

// RFC 5280 section 4.2.1.3 asks it of a CA, section 6.1.4 (n) of a path only where it is there.
static void a_ca_without_key_usage_may_sign(void **state) {
    static const struct row rows[] = {
        {NULL, NULL, NULL},
        {"keyUsage=critical,keyCertSign", NULL, NULL},
        {"keyUsage=critical,cRLSign", NULL, "may not sign certificates"},
    };
    (void)state;
    JUDGE(rows);
}

// RFC 5280 section 4.2.1.12.
static void a_ca_for_any_purpose_is_one_for_servers(void **state) {
    static const struct row rows[] = {
        {"extendedKeyUsage=anyExtendedKeyUsage", NULL, NULL},
        {"extendedKeyUsage=clientAuth,anyExtendedKeyUsage", NULL, NULL},
        {"extendedKeyUsage=serverAuth", NULL, NULL},
        {"extendedKeyUsage=clientAuth", NULL, "a CA for other purposes"},
        {"extendedKeyUsage=nsSGC", NULL, "a CA for other purposes"},
        {NULL, "extendedKeyUsage=clientAuth", "for another purpose"},
        {NULL, "keyUsage=critical,nonRepudiation;extendedKeyUsage=serverAuth",
         "for another purpose"},
        {NULL, "keyUsage=critical,keyAgreement", NULL},
        {NULL, "nsCertType=server", NULL},
        {NULL, "nsCertType=client", "for another purpose"},
    };
    (void)state;
    JUDGE(rows);
}

static void a_leaf_for_any_purpose_is_one_where_the_web_does_not_forbid_it(void **state) {
    struct line l;
    (void)state;
    make_line(&l, (const struct link[]){
                      {"A", NULL}, {"leaf", "extendedKeyUsage=anyExtendedKeyUsage"}, {NULL, NULL}});
    for (int is_client = 0; is_client <= 1; is_client++) {
        struct chain_question q = question(false);
        if (is_client) q.purpose = CHAIN_CLIENT;
        assert_true(line_is_valid(&l, q, NULL, NULL));
    }
    assert_false(line_is_valid(&l, question(true), NULL, "anyExtendedKeyUsage"));
    drop_line(&l);
}

// RFC 5280 section 6.1.1 (d): of an anchor its name and key count. The web lets no root have an
// extendedKeyUsage.
// An otherName of kind 1.2.3.4 is permitted; the leaf has one beside a.example, or only that.
static void a_name_that_cannot_be_judged_says_why(void **state) {
#define PERMITTED "nameConstraints=critical,DER:300fa00d300ba00906032a0304a0020500"
    static const struct row rows[] = {
        {PERMITTED, NULL, NULL},
        {PERMITTED, "subjectAltName=DER:30178209612e6578616d706c65a00a06032a0304a0030c0178",
         "in a form that is not known"},
    };
    (void)state;
    JUDGE(rows);
}

static void an_anchor_is_for_every_purpose_without_the_webs_rules(void **state) {
    struct line l;
    (void)state;
    make_line(&l, (const struct link[]){{"A", NULL}, {"leaf", NULL}, {NULL, NULL}});
    line_extend(&l, 0, "extendedKeyUsage=codeSigning");
    assert_true(line_is_valid(&l, question(false), NULL, NULL));
    assert_false(line_is_valid(&l, question(true), NULL, "a root certificate with an extended"));
    drop_line(&l);
}

static void so_many_extensions_are_for_nobody(void **state) {
    struct line l;
    (void)state;
    make_line(&l, (const struct link[]){{"A", NULL}, {"leaf", NULL}, {NULL, NULL}});
    for (int count = 1000; count <= 1001; count++) {
        while (X509_get_ext_count(l.certs[2].cert) < count) {
            char one[100];
            snprintf(one, sizeof one, "1.3.6.1.4.1.55738.%d=DER:0500",
                     X509_get_ext_count(l.certs[2].cert));
            add_extensions(l.certs[2].cert, l.certs[1].cert, one);
        }
        line_sign(&l, 2);
        expect(&l, "extensions", count > 1000 ? "more than 1000 extensions" : NULL);
    }
    drop_line(&l);
}

static void a_client_may_sign_or_agree_on_keys(void **state) {
    static const struct {
        const char *leaf;
        bool is_valid;
    } rows[] = {
        {"keyUsage=critical,digitalSignature", true},
        {"keyUsage=critical,keyAgreement", true},
        {"keyUsage=critical,keyEncipherment", false},
        {"extendedKeyUsage=serverAuth", false},
        {"nsCertType=server", false},
        {"nsCertType=client;extendedKeyUsage=clientAuth", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct line l;
        struct chain_question q = question(false);
        q.purpose = CHAIN_CLIENT;
        make_line(&l, (const struct link[]){{"A", NULL}, {"leaf", rows[i].leaf}, {NULL, NULL}});
        if (line_is_valid(&l, q, NULL, "for another purpose") != rows[i].is_valid)
            fail_msg("%s", rows[i].leaf);
        drop_line(&l);
    }
}

// As a handshake does, which asks for the client's purpose.
static bool is_good_in_a_handshake(struct line *l) {
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *verification = X509_STORE_CTX_new();
    STACK_OF(X509) *sent = sk_X509_new_null();
    struct narrow_rules rules = {.purpose = CHAIN_CLIENT, .intermediates_max = -1};
    struct narrow_verdict verdict;
    struct text why;
    text_init(&why, 1000);
    CHECK(X509_STORE_add_cert(store, l->certs[0].cert) == 1);
    CHECK(sk_X509_push(sent, l->certs[1].cert) > 0);
    CHECK(X509_STORE_CTX_init(verification, store, l->certs[2].cert, sent) == 1);
    CHECK(X509_STORE_CTX_set_default(verification, "ssl_client") == 1);
    bool is_good = narrow_verify(verification, &rules, &verdict, &why);
    assert_int_equal(is_good, X509_STORE_CTX_get_error(verification) == X509_V_OK);
    sk_X509_free(sent);
    X509_STORE_CTX_free(verification);
    X509_STORE_free(store);
    text_fini(&why);
    return is_good;
}

static void a_handshake_judges_as_the_search_does(void **state) {
    static const struct {
        const char *ca, *leaf;
        bool is_good;
    } rows[] = {
        {NULL, NULL, true},
        {"extendedKeyUsage=anyExtendedKeyUsage", NULL, true},
        {NULL, "extendedKeyUsage=anyExtendedKeyUsage", true},
        {"extendedKeyUsage=serverAuth", NULL, false},
        {"nameConstraints=critical,DER:3011a00f300d860b6578616d706c652e636f6d",
         "subjectAltName=URI:https://u@example.com/", true},
        {"nameConstraints=critical,DER:3011a00f300d860b6578616d706c652e636f6d",
         "subjectAltName=URI:https://u@example.org/", false},
        {NULL, "1.3.6.1.4.1.55738.1=critical,DER:0500", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct line l;
        make_line(&l,
                  (const struct link[]){{"A", rows[i].ca}, {"leaf", rows[i].leaf}, {NULL, NULL}});
        if (is_good_in_a_handshake(&l) != rows[i].is_good) fail_msg("row %zu", i);
        drop_line(&l);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_value_of_an_extension_ends_where_the_extension_does),
        cmocka_unit_test(only_a_ca_has_a_path_length),
        cmocka_unit_test(a_flag_that_is_not_set_is_left_out),
        cmocka_unit_test(extensions_are_of_version_3_and_there_is_no_later_one),
        cmocka_unit_test(an_ecdsa_signature_has_no_parameters),
        cmocka_unit_test(a_time_before_2050_may_be_written_with_four_digits),
        cmocka_unit_test(a_ca_without_key_usage_may_sign),
        cmocka_unit_test(a_ca_for_any_purpose_is_one_for_servers),
        cmocka_unit_test(a_leaf_for_any_purpose_is_one_where_the_web_does_not_forbid_it),
        cmocka_unit_test(a_name_that_cannot_be_judged_says_why),
        cmocka_unit_test(an_anchor_is_for_every_purpose_without_the_webs_rules),
        cmocka_unit_test(so_many_extensions_are_for_nobody),
        cmocka_unit_test(a_client_may_sign_or_agree_on_keys),
        cmocka_unit_test(a_handshake_judges_as_the_search_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
