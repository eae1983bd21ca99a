// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// Which path each kind of client takes: a CA in three versions below one root, in every order of sending.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certcheck/walk.h"
#include "tests/unit/report_fixture.h"

#define DAY_S (24L * 3600)

enum cert { OLD_SHA1, NEW_SHA1, STRONG, VERSIONS };
static struct made_cert root, versions[VERSIONS], leaf;

static int make_certs(void **state) {
    static const struct {
        long begins_s, ends_s;
        const char *digest;
    } rows[VERSIONS] = {{-300 * DAY_S, 100 * DAY_S, "SHA1"},
                        {-10 * DAY_S, 400 * DAY_S, "SHA1"},
                        {-100 * DAY_S, 200 * DAY_S, "SHA256"}};
    (void)state;
    root = make_cert(&(struct cert_recipe){.subject = "Root", .is_ca = true});
    for (int i = 0; i < VERSIONS; i++)
        versions[i] = make_cert(&(struct cert_recipe){.subject = "Middle",
                                                      .is_ca = true,
                                                      .issuer = &root,
                                                      .digest = rows[i].digest,
                                                      .begins_s = rows[i].begins_s,
                                                      .ends_s = rows[i].ends_s,
                                                      .use_key = i ? versions[0].key : NULL});
    leaf = make_cert(&(struct cert_recipe){.subject = "a.example",
                                           .names = "DNS:a.example",
                                           .usages = "serverAuth",
                                           .issuer = &versions[STRONG]});
    return 0;
}

static int drop_certs(void **state) {
    (void)state;
    drop_cert(&root);
    drop_cert(&leaf);
    for (int i = 0; i < VERSIONS; i++) drop_cert(&versions[i]);
    return 0;
}

// Which version the client takes, or -1; is it content?
static int taken_by(const struct report *r, enum model m, bool *is_content) {
    for (size_t i = 0; i < r->outcome_count; i++) {
        const struct outcome *o = &r->outcomes[i];
        if (o->model != m) continue;
        *is_content = o->is_content;
        for (int v = 0; v < VERSIONS && o->path.length > 1; v++)
            if (X509_cmp(o->path.steps[1]->cert, versions[v].cert) == 0) return v;
    }
    return -1;
}

static void each_client_takes_the_version_that_it_is_known_for(void **state) {
    static const int orders[][VERSIONS] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                           {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    struct report_fixture f;
    (void)state;
    fixture_begin(&f);
    fixture_trust(&f, &root);
    f.rules.models = (1u << MODELS) - 1;
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        const int *o = orders[i];
        bool is_content = false;
        fixture_judge(&f, SENT(&leaf, &versions[o[0]], &versions[o[1]], &versions[o[2]]));
        assert_int_equal(f.report->outcome_count, MODELS);
        assert_int_equal(taken_by(f.report, MODEL_strongest, &is_content), STRONG);
        assert_true(is_content);
        assert_int_equal(taken_by(f.report, MODEL_chromium, &is_content), STRONG);
        assert_true(is_content);
        assert_int_equal(taken_by(f.report, MODEL_go, &is_content), STRONG);
        assert_true(is_content);
        assert_int_not_equal(taken_by(f.report, MODEL_nss_3_17_3, &is_content), STRONG);
        assert_false(is_content);
        assert_int_equal(taken_by(f.report, MODEL_nss_3_17_4, &is_content), NEW_SHA1);
        assert_false(is_content); // it ends last, and is weak
        assert_int_equal(taken_by(f.report, MODEL_openssl_untrusted_first, &is_content), o[0]);
        assert_int_equal(is_content, o[0] == STRONG);
        assert_int_equal(taken_by(f.report, MODEL_openssl, &is_content), o[0]);
        assert_int_equal(is_content, o[0] == STRONG);
    }
    fixture_end(&f);
}

static void a_client_that_is_not_content_is_a_finding_that_names_the_certificate(void **state) {
    struct report_fixture f;
    (void)state;
    fixture_begin(&f);
    fixture_trust(&f, &root);
    f.rules.models = 1u << MODEL_nss_3_17_3;
    fixture_judge(&f, SENT(&leaf, &versions[STRONG], &versions[OLD_SHA1]));
    const struct finding *broken = fixture_find(&f, "CLIENT-BROKEN");
    assert_non_null(broken);
    assert_ptr_equal(strstr(broken->about, "nss-3.17.3: \"Middle\" (serial "), broken->about);
    f.rules.models = 0;
    fixture_judge(&f, SENT(&leaf, &versions[STRONG], &versions[OLD_SHA1]));
    assert_null(fixture_find(&f, "CLIENT-BROKEN"));
    fixture_end(&f);
}

static void names_of_clients_are_read_from_a_list(void **state) {
    unsigned models = 0;
    struct text why;
    (void)state;
    text_init(&why, 1000);
    assert_true(models_parse("go,nss-3.17.3", &models, &why));
    assert_int_equal(models, 1u << MODEL_go | 1u << MODEL_nss_3_17_3);
    assert_true(models_parse("all", &models, &why));
    assert_int_equal(models, (1u << MODELS) - 1);
    assert_false(models_parse("go,netscape", &models, &why));
    assert_non_null(strstr(text_string(&why), "'netscape' is none of all, strongest, openssl"));
    text_fini(&why);
}

static bool count_path(void *arg, const struct path *p, bool is_complete) {
    (void)p;
    *(int *)arg += is_complete;
    return true;
}

// Eight CAs that all certified each other, and a root above one: there are thousands of ways.
static void a_mesh_of_cas_is_walked_within_its_bounds(void **state) {
    enum { CAS = 8 };
    struct made_cert own[CAS], mesh[CAS][CAS];
    struct report_fixture f;
    char names[CAS][20];
    (void)state;
    fixture_begin(&f);
    fixture_trust(&f, &root);
    for (int i = 0; i < CAS; i++) {
        snprintf(names[i], sizeof names[i], "CA %d", i);
        own[i] = make_cert(&(struct cert_recipe){
            .subject = names[i], .is_ca = true, .issuer = i == 0 ? &root : NULL});
    }
    for (int i = 0; i < CAS; i++)
        for (int k = 0; k < CAS; k++) {
            if (i == k) continue;
            mesh[i][k] = make_cert(&(struct cert_recipe){
                .subject = names[i], .is_ca = true, .issuer = &own[k], .use_key = own[i].key});
            sk_X509_push(f.target.extra, mesh[i][k].cert);
            X509_up_ref(mesh[i][k].cert);
        }
    struct made_cert below = make_cert(&(struct cert_recipe){
        .subject = "m.example", .names = "DNS:m.example", .issuer = &own[CAS - 1]});
    f.rules.models = (1u << MODELS) - 1;
    fixture_judge(&f, SENT(&below, &own[0]));
    assert_int_equal(f.report->candidates.count, CANDIDATES_SHOWN_MAX);
    assert_true(f.report->candidates.is_cut);
    assert_int_equal(f.report->candidates.best.length, 4);
    int paths = 0;
    walk_up(&f.report->trial, NULL, count_path, &paths);
    assert_in_range(paths, 100, WALK_VISITS_MAX);
    for (int i = 0; i < CAS; i++) {
        for (int k = 0; k < CAS; k++)
            if (i != k) drop_cert(&mesh[i][k]);
        drop_cert(&own[i]);
    }
    drop_cert(&below);
    fixture_end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_client_takes_the_version_that_it_is_known_for),
        cmocka_unit_test(a_client_that_is_not_content_is_a_finding_that_names_the_certificate),
        cmocka_unit_test(names_of_clients_are_read_from_a_list),
        cmocka_unit_test(a_mesh_of_cas_is_walked_within_its_bounds),
    };
    return cmocka_run_group_tests(tests, make_certs, drop_certs);
}
