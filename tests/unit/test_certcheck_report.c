// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certcheck/fix.h"
#include "tests/unit/report_fixture.h"

#define DAY_S (24L * 3600)

static struct made_cert root, middle, leaf;

static int make_certs(void **state) {
    (void)state;
    root = make_cert(&(struct cert_recipe){.subject = "Root", .is_ca = true});
    middle = make_cert(&(struct cert_recipe){.subject = "Middle", .is_ca = true, .issuer = &root});
    leaf = make_cert(&(struct cert_recipe){.subject = "a.example",
                                           .names = "DNS:a.example",
                                           .usages = "serverAuth",
                                           .issuer = &middle});
    return 0;
}

static int drop_certs(void **state) {
    (void)state;
    drop_cert(&root);
    drop_cert(&middle);
    drop_cert(&leaf);
    return 0;
}

static void assert_finding(const struct report_fixture *f, const char *id, enum severity severity) {
    const struct finding *found = fixture_find(f, id);
    if (found && found->severity == severity) return;
    for (size_t i = 0; i < f->report->findings.count; i++)
        print_message("%s (%s)\n", f->report->findings.list[i].id,
                      f->report->findings.list[i].about);
    fail_msg("%s is not among these, or of another severity", id);
}

static void a_good_chain_has_no_finding_and_its_path_is_the_one_that_is_taken(void **state) {
    struct report_fixture f;
    (void)state;
    fixture_begin(&f);
    fixture_trust(&f, &root);
    fixture_judge(&f, SENT(&leaf, &middle));
    assert_int_equal(report_status(f.report), REPORT_GOOD);
    assert_int_equal(f.report->candidates.count, 1);
    assert_int_equal(f.report->candidates.taken, 0);
    assert_int_equal(f.report->candidates.best.length, 3);
    assert_in_range(report_days_left(f.report), 29, 30);
    fixture_end(&f);
}

static void what_is_wrong_with_the_chain_has_a_stable_id(void **state) {
    struct report_fixture f;
    struct made_cert other =
        make_cert(&(struct cert_recipe){.subject = "Other", .is_ca = true, .issuer = &root});
    struct made_cert low =
        make_cert(&(struct cert_recipe){.subject = "Low", .is_ca = true, .issuer = &middle});
    struct made_cert deep = make_cert(
        &(struct cert_recipe){.subject = "d.example", .names = "DNS:d.example", .issuer = &low});
    struct made_cert weak = make_cert(&(struct cert_recipe){.subject = "Middle",
                                                            .is_ca = true,
                                                            .issuer = &root,
                                                            .use_key = middle.key,
                                                            .digest = "SHA1"});
    const struct {
        const struct made_cert *const *sent;
        const char *id;
        enum severity severity;
    } rows[] = {
        {SENT(&leaf), "CHAIN-INCOMPLETE", SEVERITY_ERROR},
        {SENT(&deep, &middle, &low), "CHAIN-ORDER", SEVERITY_ERROR},
        {SENT(&leaf, &middle, &middle), "CHAIN-DUPLICATE", SEVERITY_WARNING},
        {SENT(&leaf, &middle, &root), "CHAIN-ROOT-SENT", SEVERITY_WARNING},
        {SENT(&leaf, &middle, &other), "CHAIN-EXTRA", SEVERITY_WARNING},
        {SENT(&leaf, &weak, &middle), "CHAIN-WEAK-VERSION", SEVERITY_WARNING},
        {SENT(&middle, &leaf), "LEAF-NOT-FIRST", SEVERITY_ERROR},
        {SENT(&middle), "LEAF-IS-CA", SEVERITY_WARNING},
        {SENT(&leaf, &weak), "SIG-SHA1-INTERMEDIATE", SEVERITY_ERROR},
    };
    (void)state;
    fixture_begin(&f);
    fixture_trust(&f, &root);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fixture_judge(&f, rows[i].sent);
        assert_finding(&f, rows[i].id, rows[i].severity);
    }
    fixture_judge(&f, SENT(&leaf, &weak, &middle));
    assert_int_equal(report_status(f.report), REPORT_WARNINGS);
    drop_cert(&other);
    drop_cert(&low);
    drop_cert(&deep);
    drop_cert(&weak);
    fixture_end(&f);
}

static void what_is_wrong_with_the_certificate_has_a_stable_id(void **state) {
    struct report_fixture f;
    long now = 60;
    const struct {
        struct cert_recipe recipe;
        const char *id;
        enum severity severity;
    } rows[] = {
        {{.begins_s = -10 * DAY_S, .ends_s = -now}, "LEAF-EXPIRED", SEVERITY_ERROR},
        {{.begins_s = now * 60, .ends_s = 90 * DAY_S}, "LEAF-NOT-BEGUN", SEVERITY_ERROR},
        {{.begins_s = -now, .ends_s = 20 * DAY_S}, "LEAF-ENDS-SOON", SEVERITY_WARNING},
        {{.begins_s = -now, .ends_s = 60 * DAY_S}, "PATH-ENDS-FIRST", SEVERITY_WARNING},
        {{.digest = "SHA1"}, "SIG-SHA1-LEAF", SEVERITY_ERROR},
        {{.digest = "MD5"}, "SIG-MD5-LEAF", SEVERITY_ERROR},
        {{.key = "RSA1024"}, "KEY-RSA-SHORT", SEVERITY_ERROR},
        {{.key = "P-192"}, "KEY-WEAK", SEVERITY_ERROR},
        {{.names = NULL}, "NAME-MISSING", SEVERITY_ERROR},
        {{.usages = "clientAuth"}, "EKU-OTHER", SEVERITY_ERROR},
        {{.usages = NULL}, "EKU-MISSING", SEVERITY_NOTE},
        {{.names = "DNS:b.example"}, "NAME-MISMATCH", SEVERITY_ERROR},
    };
    (void)state;
    char *hosts[] = {(char *)"a.example"};
    struct made_cert rsa = make_cert(
        &(struct cert_recipe){.subject = "RSA", .is_ca = true, .issuer = &root, .key = "RSA2048"});
    fixture_begin(&f);
    fixture_trust(&f, &root);
    f.target.hosts = hosts;
    f.target.host_count = 1;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cert_recipe recipe = rows[i].recipe;
        recipe.subject = "a.example";
        recipe.issuer = &rsa; // MD5 does not go with curves
        struct made_cert bad = make_cert(&recipe);
        fixture_judge(&f, SENT(&bad, &rsa));
        assert_finding(&f, rows[i].id, rows[i].severity);
        drop_cert(&bad);
    }
    drop_cert(&rsa);
    fixture_end(&f);
}

static void a_root_of_the_file_counts_as_anchor_where_nobody_trusted_is_reached(void **state) {
    struct report_fixture f;
    (void)state;
    fixture_begin(&f);
    fixture_judge(&f, SENT(&leaf, &middle, &root));
    assert_finding(&f, "CHAIN-OWN-ROOT", SEVERITY_WARNING);
    assert_int_equal(report_status(f.report), REPORT_WARNINGS);
    struct made_cert alone =
        make_cert(&(struct cert_recipe){.subject = "s.example", .names = "DNS:s.example"});
    fixture_judge(&f, SENT(&alone));
    assert_finding(&f, "CHAIN-SELF-SIGNED", SEVERITY_WARNING);
    assert_int_equal(report_status(f.report), REPORT_WARNINGS);
    fixture_trust(&f, &middle); // whom the user trusts is all who is trusted
    fixture_judge(&f, SENT(&alone));
    assert_finding(&f, "CHAIN-INVALID", SEVERITY_ERROR);
    drop_cert(&alone);
    fixture_end(&f);
}

static void the_key_finds_its_certificate(void **state) {
    struct report_fixture f;
    struct made_cert other = make_cert(&(struct cert_recipe){.subject = "o.example"});
    (void)state;
    fixture_begin(&f);
    fixture_trust(&f, &root);
    f.target.key = leaf.key;
    f.target.key_count = 2;
    fixture_judge(&f, SENT(&leaf, &middle));
    assert_finding(&f, "KEY-SEVERAL", SEVERITY_NOTE);
    assert_null(fixture_find(&f, "KEY-MISMATCH"));
    fixture_judge(&f, SENT(&middle, &leaf));
    assert_finding(&f, "KEY-NOT-FIRST", SEVERITY_ERROR);
    f.target.key = other.key;
    fixture_judge(&f, SENT(&leaf, &middle));
    assert_finding(&f, "KEY-MISMATCH", SEVERITY_ERROR);
    drop_cert(&other);
    fixture_end(&f);
}

static void what_is_denied_to_an_issuer_is_named_apart(void **state) {
    struct report_fixture f;
    struct made_cert none = make_cert(&(struct cert_recipe){.subject = "None", .issuer = &root});
    struct made_cert below = make_cert(
        &(struct cert_recipe){.subject = "b.example", .names = "DNS:b.example", .issuer = &none});
    struct made_cert mailer = make_cert(&(struct cert_recipe){
        .subject = "Mailer", .is_ca = true, .usages = "emailProtection", .issuer = &root});
    struct made_cert mailed = make_cert(
        &(struct cert_recipe){.subject = "m.example", .names = "DNS:m.example", .issuer = &mailer});
    (void)state;
    fixture_begin(&f);
    fixture_trust(&f, &root);
    fixture_judge(&f, SENT(&below, &none));
    assert_finding(&f, "CA-IS-NONE", SEVERITY_ERROR);
    assert_finding(&f, "CHAIN-INVALID", SEVERITY_ERROR);
    fixture_judge(&f, SENT(&mailed, &mailer));
    assert_finding(&f, "CA-OTHER-PURPOSE", SEVERITY_ERROR);
    drop_cert(&none);
    drop_cert(&below);
    drop_cert(&mailer);
    drop_cert(&mailed);
    fixture_end(&f);
}

static void a_policy_takes_the_place_of_the_112_bits(void **state) {
    struct report_fixture f;
    struct made_cert weak = make_cert(&(struct cert_recipe){
        .subject = "a.example", .names = "DNS:a.example", .issuer = &middle, .digest = "SHA1"});
    (void)state;
    fixture_begin(&f);
    fixture_trust(&f, &root);
    fixture_policy(&f, "seed-2015");
    fixture_judge(&f, SENT(&weak, &middle));
    assert_finding(&f, "SEED-SHA1", SEVERITY_ERROR);
    assert_null(fixture_find(&f, "SIG-SHA1-LEAF"));
    fixture_judge(&f, SENT(&leaf, &middle));
    assert_int_equal(report_status(f.report), REPORT_GOOD);
    drop_cert(&weak);
    fixture_end(&f);
}

// As --verify judges, while what is wrong with the chain is still said.
static void a_path_is_valid_only_for_the_names_that_are_asked_for(void **state) {
    struct report_fixture f;
    char *right[] = {(char *)"a.example"}, *wrong[] = {(char *)"a.example", (char *)"b.example"};
    struct made_cert odd = make_cert(&(struct cert_recipe){
        .subject = "a.example", .names = "DNS:a.example,DNS:b_c.example", .issuer = &middle});
    (void)state;
    fixture_begin(&f);
    fixture_trust(&f, &root);
    f.target.hosts = right;
    f.target.host_count = 1;
    fixture_judge(&f, SENT(&leaf, &root, &middle));
    assert_true(f.report->candidates.list[0].is_valid);
    assert_int_equal(f.report->candidates.taken, 0);
    f.target.hosts = wrong;
    f.target.host_count = 2;
    fixture_judge(&f, SENT(&leaf, &root, &middle));
    assert_finding(&f, "NAME-MISMATCH", SEVERITY_ERROR);
    assert_finding(&f, "CHAIN-ROOT-SENT", SEVERITY_WARNING);
    assert_null(fixture_find(&f, "CHAIN-INVALID"));
    assert_false(f.report->candidates.list[0].is_valid);
    assert_non_null(strstr(f.report->candidates.list[0].why,
                           "it is not for \"b.example\" but for \"a.example\""));
    assert_int_equal(f.report->candidates.taken, -1);
    assert_int_equal(f.report->candidates.best.length, 3);
    // The web's rules.
    f.target.host_count = 1;
    fixture_judge(&f, SENT(&odd, &middle));
    assert_true(f.report->candidates.list[0].is_valid);
    f.target.is_for_web = true;
    fixture_judge(&f, SENT(&odd, &middle));
    assert_false(f.report->candidates.list[0].is_valid);
    assert_finding(&f, "CHAIN-INVALID", SEVERITY_ERROR);
    drop_cert(&odd);
    f.target.hosts = NULL;
    fixture_end(&f);
}

static void what_a_connection_shows_is_a_warning(void **state) {
    struct report_fixture f;
    (void)state;
    fixture_begin(&f);
    fixture_trust(&f, &root);
    f.target.kind = TARGET_LIVE;
    f.target.live.tls_version = (char *)"TLSv1.3";
    fixture_judge(&f, SENT(&leaf, &middle));
    assert_int_equal(report_status(f.report), REPORT_GOOD);
    f.target.live.tls_version = (char *)"TLSv1.1";
    f.target.live.unasked = (char *)"legacy, TLS 1.0";
    fixture_judge(&f, SENT(&leaf, &middle));
    assert_finding(&f, "LIVE-TLS-OLD", SEVERITY_WARNING);
    assert_finding(&f, "LIVE-UNASKED", SEVERITY_WARNING);
    assert_string_equal(fixture_find(&f, "LIVE-UNASKED")->about, "legacy, TLS 1.0");
    assert_int_equal(report_status(f.report), REPORT_WARNINGS);
    fixture_end(&f);
}

static void what_should_be_sent_is_the_best_path_without_its_root(void **state) {
    struct report_fixture f;
    struct text pem, why, wanted;
    (void)state;
    text_init(&pem, 100000);
    text_init(&why, 1000);
    text_init(&wanted, 100000);
    fixture_begin(&f);
    fixture_judge(&f, SENT(&root, &middle, &leaf, &middle));
    assert_true(fix_write(f.report, false, &pem, &why));
    add_cert_pem(&wanted, &leaf);
    add_cert_pem(&wanted, &middle);
    assert_string_equal(text_string(&pem), text_string(&wanted));
    assert_false(fix_write(f.report, true, &pem, &why)); // it has no key
    fixture_judge(&f, SENT(&leaf));
    assert_false(fix_write(f.report, false, &pem, &why));
    text_fini(&pem);
    text_fini(&why);
    text_fini(&wanted);
    fixture_end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_chain_has_no_finding_and_its_path_is_the_one_that_is_taken),
        cmocka_unit_test(what_is_wrong_with_the_chain_has_a_stable_id),
        cmocka_unit_test(what_is_wrong_with_the_certificate_has_a_stable_id),
        cmocka_unit_test(a_root_of_the_file_counts_as_anchor_where_nobody_trusted_is_reached),
        cmocka_unit_test(the_key_finds_its_certificate),
        cmocka_unit_test(what_is_denied_to_an_issuer_is_named_apart),
        cmocka_unit_test(a_policy_takes_the_place_of_the_112_bits),
        cmocka_unit_test(a_path_is_valid_only_for_the_names_that_are_asked_for),
        cmocka_unit_test(what_a_connection_shows_is_a_warning),
        cmocka_unit_test(what_should_be_sent_is_the_best_path_without_its_root),
    };
    return cmocka_run_group_tests(tests, make_certs, drop_certs);
}
