// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/test_certs.h"
#include "tls/report.h"

struct fixture {
    struct made_cert root, middle, leaf;
    struct trust *trust;
    struct files *files;
    struct text out;
};

static struct fixture prepare(void) {
    struct fixture f = {.trust = trust_new(), .files = files_new()};
    f.root = make_cert(&(struct cert_recipe){.subject = "Test Root", .is_ca = true});
    f.middle = make_cert(
        &(struct cert_recipe){.subject = "Test Middle", .is_ca = true, .issuer = &f.root});
    f.leaf = make_cert(&(struct cert_recipe){
        .subject = "a.example", .names = "DNS:a.example,IP:10.0.0.1", .issuer = &f.middle});
    text_init(&f.out, 100000);
    return f;
}

static void clean(struct fixture *f) {
    drop_cert(&f->root);
    drop_cert(&f->middle);
    drop_cert(&f->leaf);
    trust_free(f->trust);
    files_free(f->files);
    text_fini(&f->out);
}

// Reports a file of these parts (1 middle, 2 root, 3 another one) about the leaf.
static enum verdict report(struct fixture *f, const char *parts, const struct made_cert *leaf,
                           const struct made_cert *other) {
    put_pem(f->files, "x.pem", parts, leaf,
            (const struct made_cert *[]){&f->middle, &f->root, other});
    text_clear(&f->out);
    return report_file(f->trust, f->files, "x.pem", &f->out);
}

static void says(struct fixture *f, const char *part) {
    if (!strstr(text_string(&f->out), part))
        fail_msg("\"%s\" is not in:\n%s", part, text_string(&f->out));
}

static void a_good_file_is_described_without_a_finding(void **state) {
    (void)state;
    struct fixture f = prepare();
    assert_int_equal(report(&f, "c12k", &f.leaf, NULL), VERDICT_GOOD);
    says(&f, "certificate 1: \"a.example\" (serial ");
    says(&f, "names       \"a.example\", \"10.0.0.1\"");
    says(&f, "issuer      CN = Test Middle");
    says(&f, " days left)");
    says(&f, "key         EC P-256");
    says(&f, "signature   ecdsa-with-SHA256");
    says(&f, "private key   matches certificate 1");
    says(&f, "note: complete; its root is in the file");
    assert_null(strstr(text_string(&f.out), "finding"));
    clean(&f);
}

static void each_fault_is_a_finding(void **state) {
    (void)state;
    struct fixture f = prepare();
    struct made_cert old = make_cert(&(struct cert_recipe){
        .subject = "old.example", .issuer = &f.middle, .begins_s = -864000, .ends_s = -60});
    struct made_cert weak = make_cert(&(struct cert_recipe){
        .subject = "weak.example", .issuer = &f.middle, .digest = "SHA1", .key = "RSA1024"});
    struct made_cert low =
        make_cert(&(struct cert_recipe){.subject = "Test Low", .is_ca = true, .issuer = &f.middle});
    struct made_cert deep =
        make_cert(&(struct cert_recipe){.subject = "d.example", .issuer = &low});
    assert_int_equal(report(&f, "c12k", &old, NULL), VERDICT_FINDINGS);
    says(&f, "finding: certificate 1 expired on ");
    assert_int_equal(report(&f, "c12k", &weak, NULL), VERDICT_FINDINGS);
    says(&f, "finding: certificate 1 is too weak: its key is RSA 1024");
    assert_int_equal(report(&f, "ck", &f.leaf, NULL), VERDICT_FINDINGS);
    says(&f, "finding: the chain is not complete: CN = Test Middle");
    assert_int_equal(report(&f, "c132", &deep, &low), VERDICT_FINDINGS);
    says(&f, "finding: the certificates of the chain are not in order");
    assert_int_equal(report(&f, "1ck2", &f.leaf, NULL), VERDICT_FINDINGS);
    says(&f, "finding: the private key belongs to certificate 2");
    put_pem(f.files, "other.pem", "k12", &low, (const struct made_cert *[]){&f.middle, &f.root});
    text_clear(&f.out);
    assert_int_equal(report_file(f.trust, f.files, "other.pem", &f.out), VERDICT_FINDINGS);
    says(&f, "finding: the private key matches no certificate");
    drop_cert(&old);
    drop_cert(&weak);
    drop_cert(&low);
    drop_cert(&deep);
    clean(&f);
}

static void what_cannot_be_read_is_said(void **state) {
    (void)state;
    struct fixture f = prepare();
    files_replace(f.files, "text.pem", SLICE("hello\n"));
    files_replace(f.files, "cut.pem", SLICE("x\n-----BEGIN CERTIFICATE-----\nMIIB\n"));
    assert_int_equal(report_file(f.trust, f.files, "text.pem", &f.out), VERDICT_UNREADABLE);
    says(&f, "text.pem: holds no certificate");
    assert_int_equal(report_file(f.trust, f.files, "cut.pem", &f.out), VERDICT_UNREADABLE);
    says(&f, "cut.pem:2: this block is cut or damaged");
    assert_int_equal(report_file(f.trust, f.files, "/nonexistent/x", &f.out), VERDICT_UNREADABLE);
    says(&f, "/nonexistent/x: No such file");
    clean(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_file_is_described_without_a_finding),
        cmocka_unit_test(each_fault_is_a_finding),
        cmocka_unit_test(what_cannot_be_read_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
