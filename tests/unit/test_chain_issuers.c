// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// Who issued a certificate is told by its signature: authorityKeyIdentifier helps to find the issuer (RFC 5280 section 4.2.1.1) and
// forbids nobody. And how far a search goes.

#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/check.h"
#include "tests/unit/chain_fixture.h"

enum { LINE_MAX_CERTS = 40 };

struct fixture {
    struct made_cert root, ca, older_ca, namesake; // two versions of one CA; another with its name
    struct made_cert leaf;
    struct text why;
    size_t length; // of the path that was found last
};

static int set_up(void **state) {
    static struct fixture f;
    f.root = make_ca("Root", NULL, NULL, NULL);
    f.ca = make_ca("CA", &f.root, NULL, NULL);
    f.older_ca = make_ca("CA", &f.root, f.ca.key, NULL);
    f.namesake = make_ca("CA", &f.root, NULL, NULL);
    f.leaf = make_cert(&(struct cert_recipe){.subject = "leaf", .issuer = &f.ca});
    text_init(&f.why, 1000);
    *state = &f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    struct made_cert *const all[] = {&f->root, &f->ca, &f->older_ca, &f->namesake, &f->leaf};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) drop_cert(all[i]);
    text_fini(&f->why);
    return 0;
}

// The leaf's authorityKeyIdentifier says of its issuer what `value` picks from `named`; it is signed by the CA all the same.
static void name_issuer(struct fixture *f, const struct made_cert *named, const char *value) {
    X509V3_CTX about;
    X509V3_set_ctx_nodb(&about);
    X509V3_set_ctx(&about, named->cert, f->leaf.cert, NULL, NULL, 0);
    X509_EXTENSION *one = X509V3_EXT_conf_nid(NULL, &about, NID_authority_key_identifier, value);
    CHECK(one);
    int before = X509_get_ext_by_NID(f->leaf.cert, NID_authority_key_identifier, -1);
    if (before >= 0) X509_EXTENSION_free(X509_delete_ext(f->leaf.cert, before));
    CHECK(X509_add_ext(f->leaf.cert, one, -1) == 1);
    X509_EXTENSION_free(one);
    CHECK(X509_sign(f->leaf.cert, f->ca.key, EVP_sha256()) > 0);
}

// From the last of `certs` to the first, which is the anchor.
static bool finds(struct fixture *f, const struct made_cert *const *certs, size_t count) {
    struct graph *g = graph_new(0);
    struct chain_question q = question_about(certs[count - 1]->cert);
    struct chain_answer answer;
    for (size_t i = 0; i + 1 < count; i++) graph_add(g, certs[i]->cert, i == 0);
    bool is_found = chain_find(g, &q, &answer) == CHAIN_FOUND;
    f->length = is_found ? answer.path.length : 0;
    text_clear(&f->why);
    text_add(&f->why, text_slice(&answer.why));
    chain_answer_fini(&answer);
    graph_free(g);
    return is_found;
}

#define FINDS(f, ...)                                                                              \
    finds(f, (const struct made_cert *const[]){__VA_ARGS__},                                       \
          sizeof(const struct made_cert *const[]){__VA_ARGS__} / sizeof(const struct made_cert *))

static void the_serial_number_of_another_version_of_the_issuer_does_not_matter(void **state) {
    struct fixture *f = *state;
    name_issuer(f, &f->older_ca, "issuer:always");
    assert_true(FINDS(f, &f->root, &f->ca, &f->leaf));
    assert_true(FINDS(f, &f->root, &f->older_ca, &f->leaf));
}

static void the_identifier_of_another_key_does_not_matter_when_the_signature_is_good(void **state) {
    struct fixture *f = *state;
    name_issuer(f, &f->namesake, "keyid:always");
    assert_true(FINDS(f, &f->root, &f->ca, &f->leaf));
    assert_true(FINDS(f, &f->root, &f->namesake, &f->ca, &f->leaf));
    assert_int_equal(f->length, 3);
}

static void a_namesake_with_another_key_is_no_issuer(void **state) {
    struct fixture *f = *state;
    assert_false(FINDS(f, &f->root, &f->namesake, &f->leaf));
    assert_non_null(strstr(text_string(&f->why), "has another key (authorityKeyIdentifier)"));
}

static void who_is_named_but_has_not_signed_is_no_issuer(void **state) {
    struct fixture *f = *state;
    name_issuer(f, &f->namesake, "keyid:always");
    assert_false(FINDS(f, &f->root, &f->namesake, &f->leaf));
    assert_non_null(strstr(text_string(&f->why), "its issuer's key did not make its signature"));
}

static void an_anchor_may_be_for_any_purpose(void **state) {
    struct fixture *f = *state;
    struct made_cert mail = make_cert(&(struct cert_recipe){
        .subject = "Root", .use_key = f->root.key, .usages = "emailProtection", .is_ca = true});
    assert_true(FINDS(f, &mail, &f->ca, &f->leaf));
    drop_cert(&mail);
}

// --- long paths ---

static bool finds_line_of(struct fixture *f, size_t count) {
    struct made_cert line[LINE_MAX_CERTS];
    const struct made_cert *all[LINE_MAX_CERTS];
    char name[40];
    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof name, "Level %zu", i);
        line[i] = make_cert(&(struct cert_recipe){
            .subject = name, .issuer = i > 0 ? &line[i - 1] : NULL, .is_ca = i + 1 < count});
        all[i] = &line[i];
    }
    bool is_found = finds(f, all, count);
    for (size_t i = 0; i < count; i++) drop_cert(&line[i]);
    return is_found;
}

static void a_path_may_have_as_many_certificates_as_are_stated(void **state) {
    struct fixture *f = *state;
    assert_true(finds_line_of(f, 9));
    assert_int_equal(f->length, 9);
    assert_true(finds_line_of(f, PATH_LENGTH_MAX));
    assert_int_equal(f->length, PATH_LENGTH_MAX);
}

static void a_longer_one_is_refused_for_its_length(void **state) {
    struct fixture *f = *state;
    assert_false(finds_line_of(f, PATH_LENGTH_MAX + 1));
    assert_non_null(strstr(text_string(&f->why), "no path of at most 32 certificates"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_serial_number_of_another_version_of_the_issuer_does_not_matter),
        TEST(the_identifier_of_another_key_does_not_matter_when_the_signature_is_good),
        TEST(a_namesake_with_another_key_is_no_issuer),
        TEST(who_is_named_but_has_not_signed_is_no_issuer),
        TEST(an_anchor_may_be_for_any_purpose),
        TEST(a_path_may_have_as_many_certificates_as_are_stated),
        TEST(a_longer_one_is_refused_for_its_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
