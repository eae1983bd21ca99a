// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <stdio.h>
#include <unistd.h>

#include "core/log.h"
#include "tests/unit/test_certs.h"
#include "tls/chains.h"
#include "tls/identity.h"

// A small tree: root → middle → leaf.
struct tree {
    struct made_cert root, middle, leaf;
    struct files *files;
    struct text problems;
    struct identity id;
};

static struct tree plant(void) {
    struct tree t = {.files = files_new()};
    t.root = make_cert(&(struct cert_recipe){.subject = "Test Root", .is_ca = true});
    t.middle = make_cert(
        &(struct cert_recipe){.subject = "Test Middle", .is_ca = true, .issuer = &t.root});
    t.leaf = make_cert(&(struct cert_recipe){.subject = "a.example",
                                             .names = "DNS:A.Example,DNS:*.a.example,IP:10.0.0.1",
                                             .issuer = &t.middle});
    text_init(&t.problems, 10000);
    return t;
}

static void fell(struct tree *t) {
    drop_cert(&t->root);
    drop_cert(&t->middle);
    drop_cert(&t->leaf);
    text_fini(&t->problems);
    files_free(t->files);
}

static bool load(struct tree *t, const char *cert, const char *key) {
    struct tls_identity_conf conf = {.cert = cert, .key = key};
    text_clear(&t->problems);
    return identity_load(&t->id, t->files, &conf, &t->problems);
}

static void expect_problem(struct tree *t, const char *begin, const char *part) {
    const char *said = text_string(&t->problems);
    if (strncmp(said, begin, strlen(begin)) != 0 || !strstr(said, part)) fail_msg("said: %s", said);
    const char *newline = strchr(said, '\n');
    assert_non_null(newline);
    assert_string_equal(newline, "\n"); // one line
}

static void refuses(struct tree *t, const char *path, const char *part) {
    assert_false(load(t, path, NULL));
    expect_problem(t, path, part);
    identity_fini(&t->id);
}

static void a_good_certificate_is_taken_with_its_names_and_chain(void **state) {
    (void)state;
    struct tree t = plant();
    put_pem(t.files, "a.pem", "c1k", &t.leaf, (const struct made_cert *[]){&t.middle});
    assert_true(load(&t, "a.pem", NULL));
    assert_int_equal(t.problems.len, 0);
    assert_int_equal(t.id.name_count, 2);
    assert_string_equal(t.id.names[0], "a.example");
    assert_string_equal(t.id.names[1], "*.a.example");
    assert_int_equal(t.id.kind, KEY_ECDSA);
    assert_int_equal(sk_X509_num(t.id.chain), 1);
    assert_int_equal(t.id.notes.len, 0);
    identity_fini(&t.id);
    fell(&t);
}

static void a_chain_out_of_order_is_put_in_order_and_the_root_is_left_out(void **state) {
    (void)state;
    struct tree t = plant();
    struct made_cert low =
        make_cert(&(struct cert_recipe){.subject = "Test Low", .is_ca = true, .issuer = &t.middle});
    struct made_cert leaf =
        make_cert(&(struct cert_recipe){.subject = "b.example", .issuer = &low});
    put_pem(t.files, "b.pem", "kc1234", &leaf,
            (const struct made_cert *[]){&t.root, &t.middle, &t.leaf, &low});
    assert_true(load(&t, "b.pem", NULL));
    assert_int_equal(sk_X509_num(t.id.chain), 2);
    assert_int_equal(X509_cmp(sk_X509_value(t.id.chain, 0), low.cert), 0);
    assert_int_equal(X509_cmp(sk_X509_value(t.id.chain, 1), t.middle.cert), 0);
    assert_non_null(strstr(text_string(&t.id.notes), "not in order"));
    assert_non_null(strstr(text_string(&t.id.notes), "2 of 5 certificates"));
    identity_fini(&t.id);
    drop_cert(&low);
    drop_cert(&leaf);
    fell(&t);
}

static void an_issuer_of_the_right_name_with_another_key_is_not_taken(void **state) {
    (void)state;
    struct tree t = plant();
    struct made_cert other = make_cert(
        &(struct cert_recipe){.subject = "Test Middle", .is_ca = true, .issuer = &t.root});
    put_pem(t.files, "a.pem", "ck12", &t.leaf, (const struct made_cert *[]){&other, &t.middle});
    assert_true(load(&t, "a.pem", NULL));
    assert_int_equal(sk_X509_num(t.id.chain), 1);
    assert_int_equal(X509_cmp(sk_X509_value(t.id.chain, 0), t.middle.cert), 0);
    identity_fini(&t.id);
    drop_cert(&other);
    fell(&t);
}

static void a_key_that_does_not_match_is_refused_with_the_remedy(void **state) {
    (void)state;
    struct tree t = plant();
    put_pem(t.files, "a.pem", "c", &t.leaf, NULL);
    put_pem(t.files, "other.key", "k", &t.middle, NULL);
    assert_false(load(&t, "a.pem", "other.key"));
    expect_problem(&t,
                   "a.pem: the private key does not match the certificate \"a.example\" (serial ",
                   "put the key that the certificate was requested with into other.key");
    identity_fini(&t.id);
    fell(&t);
}

static void a_leaf_that_is_not_first_is_refused_and_named(void **state) {
    (void)state;
    struct tree t = plant();
    put_pem(t.files, "a.pem", "1ck", &t.leaf, (const struct made_cert *[]){&t.middle});
    refuses(&t, "a.pem", "\"a.example\"");
    assert_non_null(
        strstr(text_string(&t.problems), "is number 2 in the file; move it to the top"));
    fell(&t);
}

static void expired_and_future_certificates_are_refused_but_their_names_are_known(void **state) {
    (void)state;
    struct tree t = plant();
    struct made_cert old = make_cert(&(struct cert_recipe){.subject = "old.example",
                                                           .names = "DNS:old.example",
                                                           .issuer = &t.middle,
                                                           .begins_s = -864000,
                                                           .ends_s = -3600});
    struct made_cert early = make_cert(&(struct cert_recipe){
        .subject = "early.example", .issuer = &t.middle, .begins_s = 3600, .ends_s = 864000});
    put_pem(t.files, "old.pem", "ck", &old, NULL);
    put_pem(t.files, "early.pem", "ck", &early, NULL);
    assert_false(load(&t, "old.pem", NULL));
    expect_problem(&t, "old.pem: the certificate \"old.example\"", "expired on 20");
    assert_int_equal(t.id.name_count, 1);
    assert_string_equal(t.id.names[0], "old.example");
    identity_fini(&t.id);
    refuses(&t, "early.pem", "is not valid before 20");
    drop_cert(&old);
    drop_cert(&early);
    fell(&t);
}

static void weak_keys_and_signatures_are_refused(void **state) {
    (void)state;
    struct tree t = plant();
    struct made_cert weak_middle = make_cert(&(struct cert_recipe){
        .subject = "Weak Middle", .is_ca = true, .issuer = &t.root, .digest = "SHA1"});
    struct cert_recipe sha1 = {.subject = "s.example", .issuer = &t.middle, .digest = "SHA1"};
    struct cert_recipe small = {.subject = "r.example", .issuer = &t.middle, .key = "RSA1024"};
    struct cert_recipe below = {.subject = "m.example", .issuer = &weak_middle};
    struct made_cert a = make_cert(&sha1), b = make_cert(&small), c = make_cert(&below);
    put_pem(t.files, "s.pem", "ck", &a, NULL);
    put_pem(t.files, "r.pem", "ck", &b, NULL);
    put_pem(t.files, "m.pem", "ck1", &c, (const struct made_cert *[]){&weak_middle});
    refuses(&t, "s.pem", "SHA-1");
    refuses(&t, "r.pem", "its key is RSA 1024");
    struct made_cert d = make_cert(
        &(struct cert_recipe){.subject = "e.example", .issuer = &t.middle, .key = "P-192"});
    put_pem(t.files, "e.pem", "ck", &d, NULL);
    refuses(&t, "e.pem", "its key is EC P-192");
    drop_cert(&d);
    refuses(&t, "m.pem", "the intermediate certificate \"Weak Middle\"");
    drop_cert(&a);
    drop_cert(&b);
    drop_cert(&c);
    drop_cert(&weak_middle);
    fell(&t);
}

static void a_strong_version_of_an_intermediate_is_preferred_to_its_sha1_version(void **state) {
    (void)state;
    struct tree t = plant();
    struct made_cert weak = make_cert(&(struct cert_recipe){.subject = "Test Middle",
                                                            .is_ca = true,
                                                            .issuer = &t.root,
                                                            .digest = "SHA1",
                                                            .use_key = t.middle.key});
    put_pem(t.files, "a.pem", "ck12", &t.leaf, (const struct made_cert *[]){&weak, &t.middle});
    assert_true(load(&t, "a.pem", NULL));
    assert_int_equal(sk_X509_num(t.id.chain), 1);
    assert_int_equal(X509_cmp(sk_X509_value(t.id.chain, 0), t.middle.cert), 0);
    identity_fini(&t.id);
    drop_cert(&weak);
    fell(&t);
}

static void missing_parts_are_named(void **state) {
    (void)state;
    struct tree t = plant();
    put_pem(t.files, "c.pem", "c", &t.leaf, NULL);
    put_pem(t.files, "k.pem", "k", &t.leaf, NULL);
    files_replace(t.files, "text.pem", SLICE("this is no certificate\n"));
    files_replace(t.files, "empty.pem", SLICE(""));
    refuses(&t, "c.pem", "there is no private key");
    refuses(&t, "k.pem", "holds no certificate");
    refuses(&t, "text.pem", "holds no certificate");
    refuses(&t, "empty.pem", "holds no certificate");
    refuses(&t, "/nonexistent/x.pem", "No such file");
    fell(&t);
}

static void an_encrypted_key_is_refused_without_asking_for_its_pass_phrase(void **state) {
    (void)state;
    struct tree t = plant();
    struct text pem;
    text_init(&pem, 100000);
    add_cert_pem(&pem, &t.leaf);
    BIO *bio = BIO_new(BIO_s_mem());
    char *at = NULL;
    assert_int_equal(
        PEM_write_bio_PKCS8PrivateKey(bio, t.leaf.key, EVP_aes_128_cbc(), "secret", 6, NULL, NULL),
        1);
    long len = BIO_get_mem_data(bio, &at);
    text_add(&pem, (struct slice){at, (size_t)len});
    BIO_free(bio);
    files_replace(t.files, "e.pem", text_slice(&pem));
    refuses(&t, "e.pem", "it is encrypted and there is no password for it");
    text_fini(&pem);
    fell(&t);
}

static void what_was_mended_is_logged_a_line_each(void **state) {
    (void)state;
    struct tree t = plant();
    char said[1000] = "";
    FILE *log = tmpfile();
    put_pem(t.files, "a.pem", "ck1", &t.leaf, (const struct made_cert *[]){&t.root});
    log_set_fd(fileno(log));
    struct identity id;
    assert_true(
        identity_load(&id, t.files, &(struct tls_identity_conf){.cert = "a.pem"}, &t.problems));
    identity_log_notes(&id);
    identity_fini(&id);
    log_set_fd(-1);
    assert_int_equal(t.problems.len, 0);
    assert_true(pread(fileno(log), said, sizeof said - 1, 0) > 0);
    assert_non_null(strstr(said, "a.pem: 1 of 2 certificates are not part of the chain"));
    assert_non_null(strstr(said, "a.pem: no intermediate certificate"));
    fclose(log);
    fell(&t);
}

static void a_file_cut_anywhere_is_refused_with_its_line(void **state) {
    (void)state;
    struct tree t = plant();
    struct text pem;
    text_init(&pem, 100000);
    add_cert_pem(&pem, &t.leaf);
    add_key_pem(&pem, &t.leaf);
    while (pem.at[pem.len - 1] == '\n') pem.len--;
    for (size_t n = 0; n < pem.len; n++) {
        files_replace(t.files, "cut.pem", (struct slice){pem.at, n});
        bool is_good = load(&t, "cut.pem", NULL);
        if (is_good) fail_msg("%zu of %zu bytes were enough", n, pem.len);
        expect_problem(&t, "cut.pem:", ";");
        identity_fini(&t.id);
    }
    text_fini(&pem);
    fell(&t);
}

static void a_changed_byte_never_crashes_and_never_gives_a_wrong_certificate(void **state) {
    (void)state;
    struct tree t = plant();
    struct text pem;
    text_init(&pem, 100000);
    add_cert_pem(&pem, &t.leaf);
    add_key_pem(&pem, &t.leaf);
    for (size_t i = 0; i < pem.len; i += 3) {
        char was = pem.at[i];
        pem.at[i] = was == 'A' ? 'B' : 'A';
        files_replace(t.files, "bad.pem", text_slice(&pem));
        if (load(&t, "bad.pem", NULL))
            assert_int_equal(X509_check_private_key(t.id.leaf, t.id.key), 1);
        else
            assert_true(t.problems.len > 0);
        identity_fini(&t.id);
        pem.at[i] = was;
    }
    text_fini(&pem);
    fell(&t);
}

static void der_and_pkcs12_are_served_as_well(void **state) {
    (void)state;
    struct tree t = plant();
    unsigned char *der = NULL;
    int len = i2d_X509(t.leaf.cert, &der);
    files_replace(t.files, "a.crt", (struct slice){(char *)der, (size_t)len});
    OPENSSL_free(der);
    der = NULL;
    len = i2d_PrivateKey(t.leaf.key, &der);
    files_replace(t.files, "a.key", (struct slice){(char *)der, (size_t)len});
    OPENSSL_free(der);
    assert_true(load(&t, "a.crt", "a.key"));
    identity_fini(&t.id);

    STACK_OF(X509) *more = sk_X509_new_null();
    sk_X509_push(more, t.middle.cert);
    PKCS12 *p = PKCS12_create(NULL, "a", t.leaf.key, t.leaf.cert, more, 0, 0, 10, 10, 0);
    der = NULL;
    len = i2d_PKCS12(p, &der);
    files_replace(t.files, "a.p12", (struct slice){(char *)der, (size_t)len});
    assert_true(load(&t, "a.p12", NULL));
    assert_int_equal(sk_X509_num(t.id.chain), 1);
    identity_fini(&t.id);
    OPENSSL_free(der);
    PKCS12_free(p);
    sk_X509_free(more);
    fell(&t);
}

// --- chain_dir ---

static struct tls_chains *chains_of(struct tree *t, const char *const *names) {
    for (; *names; names++) files_add_match(t->files, "dir/*.pem", *names);
    return tls_chains_new(t->files, "dir", NULL, &t->problems);
}

static bool load_with(struct tree *t, const char *cert, const struct tls_chains *chains) {
    struct tls_identity_conf conf = {.cert = cert, .chains = chains};
    return identity_load(&t->id, t->files, &conf, &t->problems);
}

static void what_a_file_lacks_is_sent_from_the_chain_dir(void **state) {
    (void)state;
    struct tree t = plant();
    struct made_cert other =
        make_cert(&(struct cert_recipe){.subject = "Stranger", .is_ca = true, .issuer = &t.root});
    put_pem(t.files, "a.pem", "ck", &t.leaf, NULL);
    put_pem(t.files, "dir/m.pem", "c", &t.middle, NULL);
    put_pem(t.files, "dir/o.pem", "c1", &other, (const struct made_cert *[]){&t.root});
    struct tls_chains *chains =
        chains_of(&t, (const char *const[]){"dir/m.pem", "dir/o.pem", NULL});
    assert_true(load_with(&t, "a.pem", chains));
    assert_string_equal(text_string(&t.problems), "");
    assert_int_equal(sk_X509_num(t.id.chain), 1);
    assert_int_equal(X509_cmp(sk_X509_value(t.id.chain, 0), t.middle.cert), 0);
    assert_non_null(strstr(text_string(&t.id.notes), "a.pem: the intermediate certificate \"Test "
                                                     "Middle\""));
    assert_non_null(strstr(text_string(&t.id.notes), "is not in it; it is sent from dir/m.pem\n"));
    assert_null(strstr(text_string(&t.id.notes), "order"));
    identity_fini(&t.id);
    tls_chains_free(chains);
    drop_cert(&other);
    fell(&t);
}

static void a_gap_in_a_file_is_closed_and_its_order_is_not_blamed(void **state) {
    (void)state;
    struct tree t = plant();
    struct made_cert low =
        make_cert(&(struct cert_recipe){.subject = "Low", .is_ca = true, .issuer = &t.middle});
    struct made_cert leaf = make_cert(
        &(struct cert_recipe){.subject = "b.example", .names = "DNS:b.example", .issuer = &low});
    put_pem(t.files, "b.pem", "c1k", &leaf, (const struct made_cert *[]){&t.middle});
    put_pem(t.files, "dir/low.pem", "c", &low, NULL);
    struct tls_chains *chains = chains_of(&t, (const char *const[]){"dir/low.pem", NULL});
    assert_true(load_with(&t, "b.pem", chains));
    assert_int_equal(sk_X509_num(t.id.chain), 2);
    assert_int_equal(X509_cmp(sk_X509_value(t.id.chain, 0), low.cert), 0);
    assert_int_equal(X509_cmp(sk_X509_value(t.id.chain, 1), t.middle.cert), 0);
    assert_null(strstr(text_string(&t.id.notes), "order"));
    assert_null(strstr(text_string(&t.id.notes), "not part of the chain"));
    identity_fini(&t.id);
    tls_chains_free(chains);
    drop_cert(&leaf);
    drop_cert(&low);
    fell(&t);
}

static void a_strong_version_in_the_chain_dir_replaces_a_weak_one_of_the_file(void **state) {
    (void)state;
    struct tree t = plant();
    struct made_cert weak = make_cert(&(struct cert_recipe){.subject = "Test Middle",
                                                            .is_ca = true,
                                                            .issuer = &t.root,
                                                            .digest = "SHA1",
                                                            .use_key = t.middle.key});
    put_pem(t.files, "a.pem", "c1k", &t.leaf, (const struct made_cert *[]){&weak});
    put_pem(t.files, "dir/m.pem", "c", &t.middle, NULL);
    refuses(&t, "a.pem", "is too weak");
    text_clear(&t.problems);
    struct tls_chains *chains = chains_of(&t, (const char *const[]){"dir/m.pem", NULL});
    assert_true(load_with(&t, "a.pem", chains));
    assert_int_equal(X509_cmp(sk_X509_value(t.id.chain, 0), t.middle.cert), 0);
    identity_fini(&t.id);
    tls_chains_free(chains);
    drop_cert(&weak);
    fell(&t);
}

static void of_hundreds_of_versions_in_a_chain_dir_so_many_are_looked_at(void **state) {
    (void)state;
    struct tree t = plant();
    struct text pem;
    text_init(&pem, 1u << 20);
    for (int i = 0; i < 200; i++) {
        struct made_cert version = make_cert(&(struct cert_recipe){
            .subject = "Test Middle", .is_ca = true, .issuer = &t.root, .use_key = t.middle.key});
        add_cert_pem(&pem, &version);
        drop_cert(&version);
    }
    files_replace(t.files, "dir/many.pem", text_slice(&pem));
    struct tls_chains *chains = chains_of(&t, (const char *const[]){"dir/many.pem", NULL});
    STACK_OF(X509) *pool = sk_X509_new_null();
    X509_up_ref(t.leaf.cert);
    sk_X509_push(pool, t.leaf.cert);
    chains_complete(chains, pool);
    assert_int_equal(sk_X509_num(pool), 1 + CHAINS_ADDED_MAX);
    sk_X509_pop_free(pool, X509_free);
    tls_chains_free(chains);
    text_fini(&pem);
    fell(&t);
}

static void what_is_wrong_with_a_chain_dir_is_said_and_the_rest_is_used(void **state) {
    (void)state;
    struct tree t = plant();
    put_pem(t.files, "a.pem", "ck", &t.leaf, NULL);
    put_pem(t.files, "dir/m.pem", "c", &t.middle, NULL);
    files_replace(t.files, "dir/bad.pem",
                  SLICE("\n-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"));
    struct tls_chains *chains =
        chains_of(&t, (const char *const[]){"dir/bad.pem", "dir/m.pem", "dir/gone.pem", NULL});
    assert_non_null(strstr(text_string(&t.problems), "dir/bad.pem:2: certificate 1: "));
    assert_non_null(strstr(text_string(&t.problems), "dir/gone.pem: No such file"));
    text_clear(&t.problems);
    assert_true(load_with(&t, "a.pem", chains));
    assert_int_equal(sk_X509_num(t.id.chain), 1);
    identity_fini(&t.id);
    tls_chains_free(chains);
    chains = tls_chains_new(t.files, "/nonexistent/", "rsp.lua:3: tls: ", &t.problems);
    assert_non_null(
        strstr(text_string(&t.problems),
               "rsp.lua:3: tls: /nonexistent/: no file with intermediate certificates in it"));
    tls_chains_free(chains);
    fell(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_certificate_is_taken_with_its_names_and_chain),
        cmocka_unit_test(a_chain_out_of_order_is_put_in_order_and_the_root_is_left_out),
        cmocka_unit_test(an_issuer_of_the_right_name_with_another_key_is_not_taken),
        cmocka_unit_test(a_key_that_does_not_match_is_refused_with_the_remedy),
        cmocka_unit_test(a_leaf_that_is_not_first_is_refused_and_named),
        cmocka_unit_test(expired_and_future_certificates_are_refused_but_their_names_are_known),
        cmocka_unit_test(weak_keys_and_signatures_are_refused),
        cmocka_unit_test(a_strong_version_of_an_intermediate_is_preferred_to_its_sha1_version),
        cmocka_unit_test(missing_parts_are_named),
        cmocka_unit_test(an_encrypted_key_is_refused_without_asking_for_its_pass_phrase),
        cmocka_unit_test(what_was_mended_is_logged_a_line_each),
        cmocka_unit_test(a_file_cut_anywhere_is_refused_with_its_line),
        cmocka_unit_test(a_changed_byte_never_crashes_and_never_gives_a_wrong_certificate),
        cmocka_unit_test(der_and_pkcs12_are_served_as_well),
        cmocka_unit_test(what_a_file_lacks_is_sent_from_the_chain_dir),
        cmocka_unit_test(a_gap_in_a_file_is_closed_and_its_order_is_not_blamed),
        cmocka_unit_test(a_strong_version_in_the_chain_dir_replaces_a_weak_one_of_the_file),
        cmocka_unit_test(of_hundreds_of_versions_in_a_chain_dir_so_many_are_looked_at),
        cmocka_unit_test(what_is_wrong_with_a_chain_dir_is_said_and_the_rest_is_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
