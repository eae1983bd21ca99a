// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/loop.h"
#include "core/stream.h"
#include "tests/unit/test_certs.h"
#include "tls/tls.h"

struct fixture {
    struct loop *loop;
    struct files *files;
    struct text problems;
    struct made_cert ca;
    struct tls_server *server;
    struct tls_client *client;
};

static struct fixture prepare(void) {
    struct fixture f = {.loop = loop_new(), .files = files_new()};
    f.ca = make_cert(&(struct cert_recipe){.subject = "Test CA", .is_ca = true});
    put_pem(f.files, "ca.pem", "c", &f.ca, NULL);
    text_init(&f.problems, 10000);
    return f;
}

static void clean(struct fixture *f) {
    tls_server_free(f->server);
    tls_client_free(f->client);
    drop_cert(&f->ca);
    text_fini(&f->problems);
    files_free(f->files);
    loop_free(f->loop);
}

static void serve(struct fixture *f, const struct cert_recipe *recipe) {
    struct made_cert c = make_cert(recipe);
    put_pem(f->files, "a.pem", "ck", &c, NULL);
    drop_cert(&c);
    struct tls_server_conf conf = {.identities = &(struct tls_identity_conf){.cert = "a.pem"},
                                   .identity_count = 1,
                                   .has_tickets = true};
    tls_server_free(f->server);
    f->server = tls_server_new(f->files, &conf, &f->problems);
    assert_int_equal(f->problems.len, 0);
}

static void trust(struct fixture *f, const char *ca_file, bool verifies) {
    tls_client_free(f->client);
    f->client = tls_client_new(f->files,
                               &(struct tls_client_conf){.ca_file = ca_file, .verifies = verifies},
                               &f->problems);
    assert_non_null(f->client);
}

struct outcome {
    enum progress progress;
    bool is_resumed;
    char failure[500], server_failure[500];
};

// One connection: handshake, one byte each way (so that tickets arrive), an orderly end.
static struct outcome visit(struct fixture *f, const char *name) {
    struct outcome o = {0};
    struct stream *pair[2];
    stream_pair(f->loop, pair);
    tls_accept(f->server, pair[1]);
    tls_connect(f->client, pair[0], name);
    for (int i = 0;
         i < 2000 && (stream_handshake(pair[0]) == PENDING || stream_handshake(pair[1]) == PENDING);
         i++)
        loop_turn(f->loop, 1);
    o.progress = stream_handshake(pair[0]);
    if (o.progress == READY) {
        o.is_resumed = tls_is_resumed(pair[0]);
        assert_int_equal(o.is_resumed, tls_is_resumed(pair[1]));
        stream_write(pair[1], SLICE("x"));
        for (int i = 0; i < 2000 && stream_input_len(pair[0]) == 0; i++) loop_turn(f->loop, 1);
        assert_int_equal(stream_input_len(pair[0]), 1);
    }
    snprintf(o.failure, sizeof o.failure, "%s", stream_failure(pair[0]));
    snprintf(o.server_failure, sizeof o.server_failure, "%s", stream_failure(pair[1]));
    stream_free(pair[0]);
    stream_free(pair[1]);
    loop_turn(f->loop, 0);
    return o;
}

static void fails_with(struct fixture *f, const char *name, const char *part) {
    struct outcome o = visit(f, name);
    assert_int_equal(o.progress, BROKEN);
    if (!strstr(o.failure, part)) fail_msg("said: %s", o.failure);
}

static void a_trusted_backend_of_the_right_name_is_accepted(void **state) {
    (void)state;
    struct fixture f = prepare();
    serve(&f, &(struct cert_recipe){.subject = "a",
                                    .names = "DNS:a.example,DNS:*.w.example,IP:10.0.0.1,IP:fd00::1",
                                    .issuer = &f.ca});
    trust(&f, "ca.pem", true);
    static const char *const names[] = {"a.example", "x.w.example", "10.0.0.1", "fd00::1"};
    for (size_t i = 0; i < 4; i++) assert_int_equal(visit(&f, names[i]).progress, READY);
    clean(&f);
}

static void a_wrong_name_is_refused_and_both_names_are_said(void **state) {
    (void)state;
    struct fixture f = prepare();
    serve(&f, &(struct cert_recipe){.subject = "a", .names = "DNS:a.example", .issuer = &f.ca});
    trust(&f, "ca.pem", true);
    fails_with(&f, "b.example", "is not for \"b.example\" but for \"a.example\"");
    fails_with(&f, "10.0.0.9", "is not for \"10.0.0.9\" but for \"a.example\"");
    clean(&f);
}

static void an_unknown_ca_is_refused_and_named(void **state) {
    (void)state;
    struct fixture f = prepare();
    struct made_cert other = make_cert(&(struct cert_recipe){.subject = "Other CA", .is_ca = true});
    serve(&f, &(struct cert_recipe){.subject = "a", .names = "DNS:a.example", .issuer = &other});
    trust(&f, "ca.pem", true);
    fails_with(&f, "a.example",
               "was issued by CN = Other CA, which is neither trusted nor sent along");
    assert_non_null(strstr(visit(&f, "a.example").server_failure, "unknown CA"));
    trust(&f, NULL, true);
    fails_with(&f, "a.example", "CN = Other CA");
    drop_cert(&other);
    clean(&f);
}

static void a_self_signed_certificate_is_refused_unless_it_is_trusted(void **state) {
    (void)state;
    struct fixture f = prepare();
    serve(&f, &(struct cert_recipe){.subject = "self", .names = "DNS:a.example"});
    trust(&f, "ca.pem", true);
    fails_with(&f, "a.example", "is self-signed and not among the trusted ones");
    trust(&f, "a.pem", true);
    assert_int_equal(visit(&f, "a.example").progress, READY);
    clean(&f);
}

// The certificate is good when the server begins and expires while it serves.
static void an_expired_certificate_is_refused_with_its_date(void **state) {
    (void)state;
    struct fixture f = prepare();
    serve(&f, &(struct cert_recipe){.subject = "a",
                                    .names = "DNS:a.example",
                                    .issuer = &f.ca,
                                    .begins_s = -900,
                                    .ends_s = 1});
    trust(&f, "ca.pem", true);
    for (int i = 0; i < 22; i++) loop_turn(f.loop, 100);
    fails_with(&f, "a.example", "\"a\" (serial ");
    fails_with(&f, "a.example", "expired on 20");
    clean(&f);
}

static void without_verification_everything_is_accepted(void **state) {
    (void)state;
    struct fixture f = prepare();
    serve(&f, &(struct cert_recipe){.subject = "self", .names = "DNS:a.example"});
    trust(&f, NULL, false);
    assert_int_equal(visit(&f, "b.example").progress, READY);
    clean(&f);
}

static void the_second_visit_to_a_name_resumes_the_session(void **state) {
    (void)state;
    struct fixture f = prepare();
    serve(&f, &(struct cert_recipe){
                  .subject = "a", .names = "DNS:a.example,DNS:b.example", .issuer = &f.ca});
    trust(&f, "ca.pem", true);
    assert_false(visit(&f, "a.example").is_resumed);
    assert_true(visit(&f, "a.example").is_resumed);
    assert_false(visit(&f, "b.example").is_resumed);
    assert_true(visit(&f, "a.example").is_resumed);
    clean(&f);
}

static void a_ca_file_that_cannot_be_used_is_named(void **state) {
    (void)state;
    struct fixture f = prepare();
    files_replace(f.files, "empty.pem", SLICE("no certificate\n"));
    struct tls_client_conf conf = {.ca_file = "empty.pem", .verifies = true};
    assert_null(tls_client_new(f.files, &conf, &f.problems));
    assert_string_equal(
        text_string(&f.problems),
        "empty.pem: holds no certificate; put the CA certificates there in PEM form\n");
    text_clear(&f.problems);
    conf.ca_file = "/nonexistent/ca.pem";
    assert_null(tls_client_new(f.files, &conf, &f.problems));
    assert_non_null(strstr(text_string(&f.problems), "/nonexistent/ca.pem: No such file"));
    clean(&f);
}

// Debian's own file of CA certificates has 142.
static void a_ca_file_may_have_hundreds_of_certificates(void **state) {
    (void)state;
    struct fixture f = prepare();
    struct text pem;
    text_init(&pem, 1u << 20);
    for (int i = 0; i < 300; i++) {
        struct made_cert other = make_cert(
            &(struct cert_recipe){.subject = "Other", .use_key = f.ca.key, .is_ca = true});
        add_cert_pem(&pem, &other);
        drop_cert(&other);
    }
    add_cert_pem(&pem, &f.ca);
    files_replace(f.files, "many.pem", text_slice(&pem));
    serve(&f, &(struct cert_recipe){.subject = "a", .names = "DNS:a.example", .issuer = &f.ca});
    trust(&f, "many.pem", true);
    assert_int_equal(visit(&f, "a.example").progress, READY);
    text_fini(&pem);
    clean(&f);
}

// The order of the CA file makes OpenSSL alone try the path over SHA-1 only (test_chain_rows.c).
static void a_weak_version_of_the_root_in_the_ca_file_hides_no_strong_path(void **state) {
    (void)state;
    struct fixture f = prepare();
    struct made_cert legacy =
        make_cert(&(struct cert_recipe){.subject = "Legacy", .digest = "SHA1", .is_ca = true});
    struct made_cert weak = make_cert(&(struct cert_recipe){.subject = "Test CA",
                                                            .issuer = &legacy,
                                                            .use_key = f.ca.key,
                                                            .digest = "SHA1",
                                                            .is_ca = true});
    put_pem(f.files, "weak_first.pem", "12c", &f.ca, (const struct made_cert *[]){&weak, &legacy});
    put_pem(f.files, "weak_only.pem", "12", &f.ca, (const struct made_cert *[]){&weak, &legacy});
    serve(&f, &(struct cert_recipe){.subject = "a", .names = "DNS:a.example", .issuer = &f.ca});
    trust(&f, "weak_first.pem", true);
    assert_int_equal(visit(&f, "a.example").progress, READY);
    trust(&f, "weak_only.pem", true);
    fails_with(&f, "a.example", "CA signature digest algorithm too weak");
    drop_cert(&weak);
    drop_cert(&legacy);
    clean(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trusted_backend_of_the_right_name_is_accepted),
        cmocka_unit_test(a_wrong_name_is_refused_and_both_names_are_said),
        cmocka_unit_test(an_unknown_ca_is_refused_and_named),
        cmocka_unit_test(a_self_signed_certificate_is_refused_unless_it_is_trusted),
        cmocka_unit_test(an_expired_certificate_is_refused_with_its_date),
        cmocka_unit_test(without_verification_everything_is_accepted),
        cmocka_unit_test(the_second_visit_to_a_name_resumes_the_session),
        cmocka_unit_test(a_weak_version_of_the_root_in_the_ca_file_hides_no_strong_path),
        cmocka_unit_test(a_ca_file_that_cannot_be_used_is_named),
        cmocka_unit_test(a_ca_file_may_have_hundreds_of_certificates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
