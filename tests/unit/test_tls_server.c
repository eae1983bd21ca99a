// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/test_certs.h"
#include "tests/unit/test_tls_peer.h"

struct fixture {
    struct loop *loop;
    struct files *files;
    struct text problems;
    struct made_cert ca;
    struct tls_server *server;
};

static struct fixture prepare(void) {
    struct fixture f = {.loop = loop_new(), .files = files_new()};
    f.ca = make_cert(&(struct cert_recipe){.subject = "Test CA", .is_ca = true});
    text_init(&f.problems, 10000);
    return f;
}

static void clean(struct fixture *f) {
    tls_server_free(f->server);
    drop_cert(&f->ca);
    text_fini(&f->problems);
    files_free(f->files);
    loop_free(f->loop);
}

static void add_file(struct fixture *f, const char *path, const char *subject, const char *names,
                     const char *key) {
    struct made_cert c = make_cert(
        &(struct cert_recipe){.subject = subject, .names = names, .issuer = &f->ca, .key = key});
    put_pem(f->files, path, "ck", &c, NULL);
    drop_cert(&c);
}

static void start(struct fixture *f, const struct tls_identity_conf *identities, size_t count,
                  struct tls_server_conf conf) {
    conf.identities = identities;
    conf.identity_count = count;
    f->server = tls_server_new(f->files, &conf, &f->problems);
    assert_non_null(f->server);
}

// Which certificate a client gets for this name; "" and the alert's words when it is refused.
static const char *answer(struct fixture *f, const char *name) {
    static char said[200];
    struct peer p = peer_new(f->loop, f->server, name);
    if (peer_shake(&p))
        peer_cert_name(&p, said);
    else
        snprintf(said, sizeof said, "%s", peer_reason());
    peer_drop(&p);
    return said;
}

static const struct tls_identity_conf three[] = {
    {.cert = "a.pem"}, {.cert = "wild.pem"}, {.cert = "deep.pem"}};

static void start_three(struct fixture *f, bool strict, const char *default_name) {
    add_file(f, "a.pem", "a", "DNS:a.example,DNS:www.a.example", NULL);
    add_file(f, "wild.pem", "wild", "DNS:*.b.example,DNS:b.example", NULL);
    add_file(f, "deep.pem", "deep", "DNS:x.b.example", NULL);
    start(f, three, 3,
          (struct tls_server_conf){.strict_sni = strict, .default_name = default_name});
    assert_int_equal(f->problems.len, 0);
    assert_int_equal(tls_server_count(f->server), 3);
}

static void the_name_asked_for_picks_the_certificate(void **state) {
    (void)state;
    struct fixture f = prepare();
    start_three(&f, false, NULL);
    assert_string_equal(answer(&f, "a.example"), "a");
    assert_string_equal(answer(&f, "WWW.A.Example"), "a");
    assert_string_equal(answer(&f, "a.example."), "a");
    assert_string_equal(answer(&f, "b.example"), "wild");
    assert_string_equal(answer(&f, "any.b.example"), "wild");
    assert_string_equal(answer(&f, "x.b.example"), "deep");
    clean(&f);
}

static void unknown_names_get_the_default_certificate(void **state) {
    (void)state;
    struct fixture f = prepare();
    start_three(&f, false, NULL);
    assert_string_equal(answer(&f, "else.example"), "a");
    assert_string_equal(answer(&f, "two.labels.b.example"), "a");
    assert_string_equal(answer(&f, NULL), "a");
    clean(&f);
    f = prepare();
    start_three(&f, false, "b.example");
    assert_string_equal(answer(&f, "else.example"), "wild");
    assert_string_equal(answer(&f, NULL), "wild");
    clean(&f);
}

static void strict_sni_refuses_unknown_names_and_clients_without_one(void **state) {
    (void)state;
    struct fixture f = prepare();
    start_three(&f, true, NULL);
    assert_string_equal(answer(&f, "a.example"), "a");
    assert_string_equal(answer(&f, "else.example"), "tlsv1 unrecognized name");
    assert_string_equal(answer(&f, NULL), "tlsv1 unrecognized name");
    clean(&f);
}

static void has_name_tells_of_certificates_not_of_the_default(void **state) {
    (void)state;
    struct fixture f = prepare();
    start_three(&f, false, NULL);
    assert_true(tls_server_has_name(f.server, SLICE("a.example")));
    assert_true(tls_server_has_name(f.server, SLICE("q.b.example")));
    assert_false(tls_server_has_name(f.server, SLICE("q.q.b.example")));
    assert_false(tls_server_has_name(f.server, SLICE("else.example")));
    clean(&f);
}

static void a_site_uses_its_certificate_whatever_names_that_carries(void **state) {
    (void)state;
    struct fixture f = prepare();
    add_file(&f, "a.pem", "a", "DNS:a.example", NULL);
    add_file(&f, "own.pem", "own", "DNS:own.example", NULL);
    const struct tls_identity_conf list[] = {{.cert = "a.pem"},
                                             {.cert = "own.pem", .site = "a.example"},
                                             {.cert = "own.pem", .site = "*.deep.example"}};
    start(&f, list, 3, (struct tls_server_conf){0});
    assert_string_equal(answer(&f, "a.example"), "own");
    assert_string_equal(answer(&f, "own.example"), "own");
    assert_string_equal(answer(&f, "x.y.deep.example"), "own");
    clean(&f);
}

static void rsa_and_ecdsa_serve_one_name_side_by_side(void **state) {
    (void)state;
    struct fixture f = prepare();
    add_file(&f, "ec.pem", "ec", "DNS:a.example", "P-256");
    add_file(&f, "rsa.pem", "rsa", "DNS:a.example", "RSA2048");
    const struct tls_identity_conf list[] = {{.cert = "ec.pem"}, {.cert = "rsa.pem"}};
    start(&f, list, 2, (struct tls_server_conf){0});
    static const struct {
        int version;
        const char *sigalgs, *expected;
    } rows[] = {
        {TLS1_2_VERSION, "RSA+SHA256:RSA-PSS+SHA256", "rsa"},
        {TLS1_2_VERSION, "ECDSA+SHA256", "ec"},
        {TLS1_3_VERSION, "RSA-PSS+SHA256", "rsa"},
        {TLS1_3_VERSION, "ECDSA+SHA256", "ec"},
        {TLS1_3_VERSION, "ECDSA+SHA256:RSA-PSS+SHA256", "ec"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char name[200];
        struct peer p = peer_new(f.loop, f.server, "a.example");
        SSL_set_max_proto_version(p.ssl, rows[i].version);
        assert_int_equal(SSL_set1_sigalgs_list(p.ssl, rows[i].sigalgs), 1);
        // The CA's own signature is ECDSA; a client that only takes RSA would not verify, but it gets the certificate.
        SSL_set_verify(p.ssl, SSL_VERIFY_NONE, NULL);
        assert_true(peer_shake(&p));
        peer_cert_name(&p, name);
        assert_string_equal(name, rows[i].expected);
        peer_drop(&p);
    }
    clean(&f);
}

static void names_of_a_broken_certificate_are_refused_and_the_others_served(void **state) {
    (void)state;
    struct fixture f = prepare();
    struct made_cert old =
        make_cert(&(struct cert_recipe){.subject = "old",
                                        .names = "DNS:old.example,DNS:v.wild.example",
                                        .issuer = &f.ca,
                                        .begins_s = -9000,
                                        .ends_s = -60});
    put_pem(f.files, "old.pem", "ck", &old, NULL);
    add_file(&f, "good.pem", "good", "DNS:good.example", NULL);
    add_file(&f, "wild.pem", "wild", "DNS:*.wild.example", NULL);
    const struct tls_identity_conf list[] = {{.cert = "old.pem"},
                                             {.cert = "good.pem"},
                                             {.cert = "wild.pem"},
                                             {.cert = "none.pem", .site = "site.wild.example"}};
    start(&f, list, 4, (struct tls_server_conf){0});
    assert_int_equal(tls_server_count(f.server), 2);
    assert_string_equal(answer(&f, "old.example"), "tlsv1 unrecognized name");
    assert_string_equal(answer(&f, "good.example"), "good");
    assert_string_equal(answer(&f, "else.example"), "good");
    // Another certificate that is for the name may stand in, but not for a site that says which one is its own.
    assert_string_equal(answer(&f, "v.wild.example"), "wild");
    assert_string_equal(answer(&f, "site.wild.example"), "tlsv1 unrecognized name");
    assert_false(tls_server_has_name(f.server, SLICE("old.example")));
    assert_non_null(strstr(text_string(&f.problems), "old.pem: the certificate \"old\""));
    assert_non_null(strstr(text_string(&f.problems), "none.pem: No such file"));
    drop_cert(&old);
    clean(&f);
}

static void a_server_without_any_certificate_refuses_every_name(void **state) {
    (void)state;
    struct fixture f = prepare();
    start(&f, NULL, 0, (struct tls_server_conf){0});
    assert_string_equal(answer(&f, "a.example"), "tlsv1 unrecognized name");
    assert_string_equal(answer(&f, NULL), "tlsv1 unrecognized name");
    clean(&f);
}

static void of_two_certificates_for_a_name_the_one_that_lasts_longer_is_served(void **state) {
    (void)state;
    struct fixture f = prepare();
    struct cert_recipe r = {.subject = "long",
                            .names = "DNS:a.example",
                            .issuer = &f.ca,
                            .begins_s = -60,
                            .ends_s = 9000};
    struct made_cert longer = make_cert(&r);
    r.subject = "short";
    r.ends_s = 600;
    struct made_cert shorter = make_cert(&r);
    put_pem(f.files, "1.pem", "ck", &shorter, NULL);
    put_pem(f.files, "2.pem", "ck", &longer, NULL);
    put_pem(f.files, "3.pem", "ck", &shorter, NULL);
    const struct tls_identity_conf list[] = {
        {.cert = "1.pem"}, {.cert = "2.pem"}, {.cert = "3.pem"}};
    start(&f, list, 3, (struct tls_server_conf){0});
    assert_string_equal(answer(&f, "a.example"), "long");
    drop_cert(&longer);
    drop_cert(&shorter);
    clean(&f);
}

static void every_pem_of_the_directory_is_served(void **state) {
    (void)state;
    struct fixture f = prepare();
    char folder[] = "/tmp/rsp-test-XXXXXX", path[100];
    assert_non_null(mkdtemp(folder));
    for (int i = 0; i < 3; i++) {
        static const char *const names[] = {"DNS:a.example", "DNS:b.example", "DNS:c.example"};
        struct slice pem;
        add_file(&f, "made.pem", names[i] + 4, names[i], NULL);
        assert_true(files_peek(f.files, "made.pem", &pem));
        snprintf(path, sizeof path, "%s/%d.%s", folder, i, i < 2 ? "pem" : "old");
        FILE *file = fopen(path, "w");
        fwrite(pem.at, 1, pem.len, file);
        fclose(file);
    }
    start(&f, NULL, 0, (struct tls_server_conf){.certificates = folder});
    assert_int_equal(tls_server_count(f.server), 2);
    assert_string_equal(answer(&f, "b.example"), "b.example");
    assert_false(tls_server_has_name(f.server, SLICE("c.example")));
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%d.%s", folder, i, i < 2 ? "pem" : "old");
        unlink(path);
    }
    rmdir(folder);
    clean(&f);
}

// The version, and the words of the refusal when there is none.
static const char *version_with(struct fixture *f, int least, int most) {
    static char said[200];
    struct peer p = peer_new(f->loop, f->server, "a.example");
    SSL_set_security_level(p.ssl, 0);
    SSL_set_min_proto_version(p.ssl, least);
    SSL_set_max_proto_version(p.ssl, most);
    bool is_good = peer_shake(&p);
    snprintf(said, sizeof said, "%s", is_good ? tls_version(p.ours) : stream_failure(p.ours));
    peer_drop(&p);
    return said;
}

static void profiles_decide_the_versions(void **state) {
    (void)state;
    struct fixture f = prepare();
    start_three(&f, false, NULL);
    assert_string_equal(version_with(&f, TLS1_2_VERSION, TLS1_3_VERSION), "TLSv1.3");
    assert_string_equal(version_with(&f, TLS1_2_VERSION, TLS1_2_VERSION), "TLSv1.2");
    assert_non_null(strstr(version_with(&f, TLS1_VERSION, TLS1_1_VERSION), "too old"));
    tls_server_free(f.server);
    start(&f, three, 3, (struct tls_server_conf){.profile = "modern"});
    assert_string_equal(version_with(&f, TLS1_2_VERSION, TLS1_3_VERSION), "TLSv1.3");
    assert_non_null(strstr(version_with(&f, TLS1_2_VERSION, TLS1_2_VERSION), "too old"));
    clean(&f);
}

static void alpn_is_http11_or_nothing(void **state) {
    (void)state;
    struct fixture f = prepare();
    start_three(&f, false, NULL);
    struct peer p = peer_new(f.loop, f.server, "a.example");
    const unsigned char *chosen;
    unsigned len;
    SSL_set_alpn_protos(p.ssl, (const unsigned char *)"\x02h2\x08http/1.1", 12);
    assert_true(peer_shake(&p));
    SSL_get0_alpn_selected(p.ssl, &chosen, &len);
    assert_int_equal(len, 8);
    assert_memory_equal(chosen, "http/1.1", 8);
    assert_true(slice_equals(tls_name(p.ours), SLICE("a.example")));
    peer_drop(&p);
    p = peer_new(f.loop, f.server, "a.example");
    SSL_set_alpn_protos(p.ssl, (const unsigned char *)"\x02h2", 3);
    assert_false(peer_shake(&p));
    assert_string_equal(stream_failure(p.ours), "TLS: the peer does not offer http/1.1 (ALPN)");
    peer_drop(&p);
    clean(&f);
}

static void a_self_signed_pair_serves_localhost(void **state) {
    (void)state;
    struct fixture f = prepare();
    struct text pem;
    text_init(&pem, 10000);
    const char *const names[] = {"dev.example", "10.1.2.3"};
    assert_true(tls_self_signed(names, 2, &pem));
    files_replace(f.files, "self.pem", text_slice(&pem));
    start(&f, (const struct tls_identity_conf[]){{.cert = "self.pem"}}, 1,
          (struct tls_server_conf){0});
    assert_int_equal(f.problems.len, 0);
    assert_true(tls_server_has_name(f.server, SLICE("localhost")));
    assert_string_equal(answer(&f, "dev.example"), "rsp self-signed");
    text_fini(&pem);
    clean(&f);
}

static void a_weak_certificate_is_served_where_its_site_says_so(void **state) {
    (void)state;
    struct fixture f = prepare();
    struct made_cert sha1 = make_cert(&(struct cert_recipe){
        .subject = "sha1", .names = "DNS:sha1.example", .issuer = &f.ca, .digest = "SHA1"});
    struct made_cert small = make_cert(&(struct cert_recipe){
        .subject = "small", .names = "DNS:small.example", .issuer = &f.ca, .key = "RSA1024"});
    put_pem(f.files, "sha1.pem", "ck", &sha1, NULL);
    put_pem(f.files, "small.pem", "ck", &small, NULL);
    add_file(&f, "a.pem", "a", "DNS:a.example", NULL);
    start(&f,
          (const struct tls_identity_conf[]){{.cert = "a.pem"},
                                             {.cert = "sha1.pem", .allows_weak = true},
                                             {.cert = "small.pem", .allows_weak = true}},
          3, (struct tls_server_conf){0});
    assert_int_equal(f.problems.len, 0);
    assert_string_equal(answer(&f, "sha1.example"), "sha1");
    assert_string_equal(answer(&f, "small.example"), "small");
    assert_string_equal(answer(&f, "a.example"), "a");
    drop_cert(&sha1);
    drop_cert(&small);
    clean(&f);
}

// What OpenSSL makes of private keys stands in its secure heap: locked, out of core dumps, wiped when it is freed.
static void private_keys_live_in_the_secure_heap(void **state) {
    (void)state;
    static const char *const kinds[] = {"P-256", "RSA2048", "ED25519"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct fixture f = prepare();
        start(&f, NULL, 0, (struct tls_server_conf){0}); // the heap is there
        add_file(&f, "a.pem", "a", "DNS:a.example", kinds[i]);
        size_t before = CRYPTO_secure_used();
        struct tls_server *other = tls_server_new(
            f.files,
            &(struct tls_server_conf){.identities = &(struct tls_identity_conf){.cert = "a.pem"},
                                      .identity_count = 1},
            &f.problems);
        assert_int_equal(tls_server_count(other), 1);
        assert_true(CRYPTO_secure_used() >= before + 32);
        tls_server_free(other);
        assert_int_equal(CRYPTO_secure_used(), before);
        clean(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(private_keys_live_in_the_secure_heap),
        cmocka_unit_test(the_name_asked_for_picks_the_certificate),
        cmocka_unit_test(unknown_names_get_the_default_certificate),
        cmocka_unit_test(strict_sni_refuses_unknown_names_and_clients_without_one),
        cmocka_unit_test(has_name_tells_of_certificates_not_of_the_default),
        cmocka_unit_test(a_site_uses_its_certificate_whatever_names_that_carries),
        cmocka_unit_test(rsa_and_ecdsa_serve_one_name_side_by_side),
        cmocka_unit_test(names_of_a_broken_certificate_are_refused_and_the_others_served),
        cmocka_unit_test(a_server_without_any_certificate_refuses_every_name),
        cmocka_unit_test(of_two_certificates_for_a_name_the_one_that_lasts_longer_is_served),
        cmocka_unit_test(every_pem_of_the_directory_is_served),
        cmocka_unit_test(profiles_decide_the_versions),
        cmocka_unit_test(alpn_is_http11_or_nothing),
        cmocka_unit_test(a_weak_certificate_is_served_where_its_site_says_so),
        cmocka_unit_test(a_self_signed_pair_serves_localhost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
