// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_one_target_with_its_certificates_in_order),
        cmocka_unit_test(a_directory_is_a_target_for_each_file_by_name),
        cmocka_unit_test(what_is_not_there_is_a_target_with_a_problem),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
