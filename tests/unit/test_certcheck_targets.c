// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <openssl/pkcs12.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "certcheck/password.h"
#include "certcheck/target.h"
#include "core/check.h"
#include "tests/unit/test_certs.h"

static struct made_cert root, leaf;
static char folder[] = "/tmp/rsp-targets-XXXXXX";

static int make_folder(void **state) {
    (void)state;
    root = make_cert(&(struct cert_recipe){.subject = "Root", .is_ca = true});
    leaf = make_cert(
        &(struct cert_recipe){.subject = "a.example", .names = "DNS:a.example", .issuer = &root});
    return mkdtemp(folder) ? 0 : -1;
}

static int drop_folder(void **state) {
    (void)state;
    drop_cert(&leaf);
    drop_cert(&root);
    return rmdir(folder);
}

// Returns the path, valid until the next call.
static const char *write_file(const char *name, struct slice content) {
    static char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *out = fopen(path, "w");
    CHECK(out);
    CHECK(fwrite(content.at, 1, content.len, out) == content.len && fclose(out) == 0);
    return path;
}

static void drop_file(const char *name) {
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
}

static void a_file_is_one_target_with_its_certificates_in_order(void **state) {
    struct text pem;
    (void)state;
    text_init(&pem, 100000);
    add_cert_pem(&pem, &root);
    add_cert_pem(&pem, &leaf);
    struct targets *t = targets_new(&(struct target_conf){.host = "A.example."});
    targets_add(t, write_file("both.pem", text_slice(&pem)));
    assert_int_equal(targets_count(t), 1);
    struct target *one = targets_at(t, 0);
    assert_int_equal(one->kind, TARGET_FILE);
    assert_int_equal(sk_X509_num(one->sent), 2);
    assert_int_equal(X509_cmp(sk_X509_value(one->sent, 1), leaf.cert), 0);
    assert_int_equal(one->host_count, 1);
    assert_string_equal(one->hosts[0], "a.example");
    assert_int_equal(one->problems.len, 0);
    targets_free(t);
    text_fini(&pem);
    drop_file("both.pem");
}

static void a_directory_is_a_target_for_each_file_by_name(void **state) {
    struct text pem;
    (void)state;
    text_init(&pem, 100000);
    add_cert_pem(&pem, &leaf);
    write_file("b.pem", text_slice(&pem));
    write_file("a.txt", SLICE("nothing here\n"));
    write_file(".hidden", SLICE("x"));
    struct targets *t = targets_new(&(struct target_conf){0});
    targets_add(t, folder);
    assert_int_equal(targets_count(t), 2);
    assert_non_null(
        strstr(text_string(&targets_at(t, 0)->problems), "a.txt: holds no certificate"));
    assert_int_equal(sk_X509_num(targets_at(t, 1)->sent), 1);
    assert_int_equal(targets_at(t, 1)->problems.len, 0);
    targets_free(t);
    text_fini(&pem);
    drop_file("a.txt");
    drop_file("b.pem");
    drop_file(".hidden");
}

static void what_is_not_there_is_a_target_with_a_problem(void **state) {
    struct targets *t = targets_new(&(struct target_conf){0});
    (void)state;
    targets_add(t, folder); // empty
    targets_add(t, "/nonexistent/a.pem");
    assert_int_equal(targets_count(t), 2);
    assert_non_null(strstr(text_string(&targets_at(t, 0)->problems), "holds no file"));
    assert_non_null(strstr(text_string(&targets_at(t, 1)->problems),
                           "/nonexistent/a.pem: No such file or directory"));
    assert_int_equal(sk_X509_num(targets_at(t, 1)->sent), 0);
    targets_free(t);
}

static void standard_input_and_pipes_are_read_to_their_end(void **state) {
    struct text pem;
    int ends[2], kept = dup(STDIN_FILENO);
    char path[40];
    (void)state;
    text_init(&pem, 100000);
    add_cert_pem(&pem, &leaf);
    for (int i = 0; i < 2; i++) {
        CHECK(pipe(ends) == 0);
        CHECK(write(ends[1], pem.at, pem.len) == (ssize_t)pem.len && close(ends[1]) == 0);
        snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
        if (i == 0) dup2(ends[0], STDIN_FILENO);
        struct targets *t = targets_new(&(struct target_conf){0});
        targets_add(t, i == 0 ? "-" : path);
        assert_int_equal(sk_X509_num(targets_at(t, 0)->sent), 1);
        assert_int_equal(targets_at(t, 0)->problems.len, 0);
        targets_free(t);
        close(ends[0]);
    }
    dup2(kept, STDIN_FILENO);
    close(kept);
    text_fini(&pem);
}

// As Windows and OpenSSL before 3.0 wrote them: certificates with RC2-40, the key with 3DES.
static void an_old_pkcs12_file_is_opened_with_the_password_of_a_file(void **state) {
    struct text said;
    char *password;
    (void)state;
    text_init(&said, 1000);
    assert_true(password_read(write_file("password", SLICE("secret\r\nmore\n")), &password, &said));
    assert_string_equal(password, "secret");
    struct target_conf conf = {.password = password};
    struct targets *t = targets_new(&conf); // which knows the old algorithms
    PKCS12 *p = PKCS12_create("secret", "a", leaf.key, leaf.cert, NULL,
                              NID_pbe_WithSHA1And3_Key_TripleDES_CBC,
                              NID_pbe_WithSHA1And40BitRC2_CBC, 10, 10, 0);
    unsigned char *der = NULL;
    int len = i2d_PKCS12(p, &der);
    CHECK(len > 0);
    targets_add(t, write_file("old.p12", (struct slice){(char *)der, (size_t)len}));
    struct target *one = targets_at(t, 0);
    assert_string_equal(text_string(&one->problems), "");
    assert_int_equal(sk_X509_num(one->sent), 1);
    assert_int_equal(X509_check_private_key(leaf.cert, one->key), 1);
    OPENSSL_free(der);
    PKCS12_free(p);
    targets_free(t);
    password_free(password);
    drop_file("old.p12");
    drop_file("password");
    assert_false(password_read("/nonexistent/p", &password, &said));
    assert_non_null(strstr(text_string(&said), "/nonexistent/p: No such file"));
    setenv(PASSWORD_VARIABLE, "other", 1);
    assert_true(password_read(NULL, &password, &said));
    assert_string_equal(password, "other");
    password_free(password);
    unsetenv(PASSWORD_VARIABLE);
    assert_true(password_read(NULL, &password, &said));
    assert_null(password);
    text_fini(&said);
}

// 100 MB of nothing: refused by its size before it is read.
static void a_huge_file_is_refused_by_its_size(void **state) {
    const char *path = write_file("huge.pem", SLICE("x"));
    (void)state;
    CHECK(truncate(path, 100 << 20) == 0);
    struct targets *t = targets_new(&(struct target_conf){0});
    targets_add(t, path);
    assert_non_null(
        strstr(text_string(&targets_at(t, 0)->problems), "huge.pem: larger than 32 MiB"));
    targets_free(t);
    drop_file("huge.pem");
}

// A route file in the folder; its lines may name files beside it.
static struct targets *collect(const char *routes) {
    struct targets *t = targets_new(&(struct target_conf){0});
    targets_add_routes(t, write_file("rsp.lua", slice_of(routes)));
    drop_file("rsp.lua");
    return t;
}

static void write_pem(const char *name, const struct made_cert *cert, const struct made_cert *key) {
    struct text pem;
    text_init(&pem, 100000);
    if (cert) add_cert_pem(&pem, cert);
    if (key) add_key_pem(&pem, key);
    write_file(name, text_slice(&pem));
    text_fini(&pem);
}

static void every_certificate_of_a_route_file_is_a_target_with_its_sites(void **state) {
    (void)state;
    struct made_cert wild =
        make_cert(&(struct cert_recipe){.subject = "w", .names = "DNS:*.w.example"});
    write_pem("a.crt", &leaf, NULL);
    write_pem("a.key", NULL, &leaf);
    write_pem("w.pem", &wild, &wild);
    write_pem("ca.crt", &root, NULL);
    write_pem("clients.crt", &root, NULL);
    struct targets *t =
        collect("listen { http = 80, https = 443 }\n"
                "tls { certificates = '.', chain_dir = '.', client_ca = 'clients.crt', client = "
                "'request' }\n"
                "pool 'p' { 'https://10.0.0.1:443', tls = { ca = 'ca.crt' } }\n"
                "pool 'q' { 'https://10.0.0.2:443', tls = { ca = 'ca.crt' } }\n"
                "site 'a.example' { to = pool 'p', tls = { cert = 'a.crt', key = 'a.key' } }\n"
                "site 'x.w.example' { to = pool 'q' }\n"
                "site '*.w.example' { to = pool 'q' }\n"
                "site 'other.example' { to = pool 'q' }\n");
    if (targets_count(t) != 4) fail_msg("%s", text_string(&targets_at(t, 0)->problems));
    struct target *a = targets_at(t, 0), *w = targets_at(t, 1), *ca = targets_at(t, 2);
    assert_int_equal(a->kind, TARGET_SITE);
    assert_int_equal(sk_X509_num(a->sent), 1);
    assert_int_equal(X509_check_private_key(leaf.cert, a->key), 1);
    assert_int_equal(a->host_count, 1);
    assert_string_equal(a->hosts[0], "a.example");
    assert_int_equal(sk_X509_num(a->extra), 1); // of chain_dir: its issuer and nobody else
    assert_int_equal(X509_cmp(sk_X509_value(a->extra, 0), root.cert), 0);
    assert_int_equal(w->host_count, 2);
    assert_string_equal(w->hosts[0], "x.w.example");
    assert_string_equal(w->hosts[1], "any.w.example");
    assert_int_equal(ca->kind, TARGET_TRUSTED);
    assert_int_equal(sk_X509_num(ca->sent), 1);
    assert_int_equal(targets_at(t, 3)->kind, TARGET_TRUSTED);
    for (size_t i = 0; i < 4; i++) assert_int_equal(targets_at(t, i)->problems.len, 0);
    targets_free(t);
    static const char *const files[] = {"a.crt", "a.key", "w.pem", "ca.crt", "clients.crt"};
    for (size_t i = 0; i < 5; i++) drop_file(files[i]);
    drop_cert(&wild);
}

static void a_route_file_with_errors_is_a_target_with_all_of_them(void **state) {
    struct targets *t = collect("site 'a.example' { too = 'x' }\nsite 'b.example' {}\n");
    (void)state;
    assert_int_equal(targets_count(t), 1);
    const char *said = text_string(&targets_at(t, 0)->problems);
    assert_non_null(strstr(said, "rsp.lua:1: "));
    assert_non_null(strstr(said, "rsp.lua:2: "));
    targets_free(t);
    t = collect("site 'a.example' { respond = { 200, 'x' } }\n");
    assert_non_null(
        strstr(text_string(&targets_at(t, 0)->problems), "rsp.lua: names no certificate"));
    targets_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_one_target_with_its_certificates_in_order),
        cmocka_unit_test(a_directory_is_a_target_for_each_file_by_name),
        cmocka_unit_test(what_is_not_there_is_a_target_with_a_problem),
        cmocka_unit_test(standard_input_and_pipes_are_read_to_their_end),
        cmocka_unit_test(an_old_pkcs12_file_is_opened_with_the_password_of_a_file),
        cmocka_unit_test(a_huge_file_is_refused_by_its_size),
        cmocka_unit_test(every_certificate_of_a_route_file_is_a_target_with_its_sites),
        cmocka_unit_test(a_route_file_with_errors_is_a_target_with_all_of_them),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
