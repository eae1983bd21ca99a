// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// NIST's Public Key Interoperability Test Suite: all of its CA certificates and CRLs at hand at once, in any
// order, so that each path must be found among 180 CAs. The files are those of Debian's python3-cryptography-vectors; what is to come out
// stands in their names, or in the suite's document where it does not.

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/check.h"
#include "tests/unit/chain_fixture.h"
#include "tls/chain/load.h"
#include "tls/chain/signatures.h"

#define FOLDER  "/usr/lib/python3/dist-packages/cryptography_vectors/x509/PKITS_data"
#define TRUSTED "TrustAnchorRootCertificate.crt"
#define IN_TIME 1590969600 // 2020-06-01
#define TESTS   223

// The suite's document, section 4.8 and 4.12: any policy will do, and none is required from the start.
static const char *const refused[] = {"DifferentPoliciesTest4", "DifferentPoliciesTest5",
                                      "DifferentPoliciesTest7", "DifferentPoliciesTest8",
                                      "DifferentPoliciesTest9", "DifferentPoliciesTest12"};
// Where we refuse what the suite calls valid.
static const char *const decisions[] = {
    // A DSA key without parameters, which are its issuer's: no certificate of the web is made so.
    "ValidDSAParameterInheritanceTest5",
    // Its CRL is to be signed by a certificate that only this CRL itself tells about. The suite lets that be refused.
    "ValidcRLIssuerTest30",
};

struct suite {
    struct files *files;
    struct graph *graph;
    STACK_OF(X509_CRL) * crls;
    struct signatures *signatures;
};

static struct slice read_file(struct suite *s, const char *folder, const char *name) {
    char path[400], why[300];
    struct slice content;
    snprintf(path, sizeof path, FOLDER "/%s/%s", folder, name);
    if (!files_read(s->files, path, &content, why, sizeof why)) fail_msg("%s", why);
    return content;
}

static X509 *read_certificate(struct suite *s, const char *name) {
    STACK_OF(X509) *all = NULL;
    struct text problems;
    text_init(&problems, 1000);
    load_certificates(read_file(s, "certs", name), name, &all, &problems);
    X509 *cert = sk_X509_shift(all);
    sk_X509_pop_free(all, X509_free);
    text_fini(&problems);
    return cert;
}

static void read_crl(struct suite *s, const char *name) {
    STACK_OF(X509_CRL) *all = NULL;
    struct text problems;
    text_init(&problems, 1000);
    load_crls(read_file(s, "crls", name), name, &all, &problems);
    X509_CRL *crl;
    while ((crl = sk_X509_CRL_shift(all))) CHECK(sk_X509_CRL_push(s->crls, crl) > 0);
    sk_X509_CRL_free(all);
    text_fini(&problems);
}

static bool is_one_of(const char *name, const char *const *list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(list[i]);
        if (strncmp(name, list[i], len) == 0 && strcmp(name + len, "EE.crt") == 0) return true;
    }
    return false;
}
#define IS_ONE_OF(name, list) is_one_of(name, list, sizeof(list) / sizeof *(list))

static bool is_to_be_valid(const char *name) {
    bool is_valid = strncmp(name, "Invalid", strlen("Invalid")) != 0 && !IS_ONE_OF(name, refused);
    return is_valid != IS_ONE_OF(name, decisions);
}

static bool ends_with(const char *name, const char *end) {
    size_t len = strlen(name), end_len = strlen(end);
    return len >= end_len && strcmp(name + len - end_len, end) == 0;
}

// False: it did not come out as it should.
static bool judge(struct suite *s, const char *name, const struct chain_policies *policies,
                  bool is_to_be_valid) {
    X509 *leaf = read_certificate(s, name);
    struct chain_question q = question_about(leaf);
    struct chain_answer answer;
    size_t before = graph_count(s->graph);
    q.at = IN_TIME;
    q.crls = s->crls;
    q.signatures = s->signatures;
    q.policies = *policies;
    bool is_valid = chain_find(s->graph, &q, &answer) == CHAIN_FOUND;
    if (is_valid != is_to_be_valid)
        print_error("%s: %s\n", name, is_valid ? "accepted" : text_string(&answer.why));
    if (!is_valid) assert_true(answer.why.len > 0);
    chain_answer_fini(&answer);
    graph_rewind(s->graph, before);
    X509_free(leaf);
    return is_valid == is_to_be_valid;
}

static void each_path_is_judged_as_the_suite_says(void **state) {
    struct dirent **names;
    int wrong = 0, judged = 0;
    struct suite *s = *state;
    if (!s) skip();
    int count = scandir(FOLDER "/certs", &names, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        const char *name = names[i]->d_name;
        bool is_test = ends_with(name, "EE.crt");
        if (is_test && !judge(s, name, &(struct chain_policies){0}, is_to_be_valid(name))) wrong++;
        judged += is_test;
        free(names[i]);
    }
    free(names);
    assert_int_equal(judged, TESTS);
    assert_int_equal(wrong, 0);
}

// Its other settings of what section 6.1.1 of RFC 5280 calls the inputs: the numbers of NIST's test policies that are acceptable, and
// what is switched on (e: initial-explicit-policy, m: -policy-mapping-inhibit, a: -any-policy-inhibit).
static const struct setting {
    const char *name, *policies, *switches;
    bool is_valid;
} settings[] = {
    {"ValidCertificatePathTest1EE.crt", "", "e", true}, // 4.8.1
    {"ValidCertificatePathTest1EE.crt", "1", "e", true},
    {"ValidCertificatePathTest1EE.crt", "2", "e", false},
    {"ValidCertificatePathTest1EE.crt", "12", "e", true},
    {"AllCertificatesNoPoliciesTest2EE.crt", "", "e", false},
    {"DifferentPoliciesTest3EE.crt", "", "e", false},
    {"DifferentPoliciesTest3EE.crt", "12", "e", false},
    {"OverlappingPoliciesTest6EE.crt", "1", "", true},
    {"OverlappingPoliciesTest6EE.crt", "2", "", false},
    {"AllCertificatesSamePoliciesTest10EE.crt", "1", "", true},
    {"AllCertificatesSamePoliciesTest10EE.crt", "2", "", true},
    {"AllCertificatesanyPolicyTest11EE.crt", "1", "", true},
    {"AllCertificatesSamePoliciesTest13EE.crt", "1", "", true},
    {"AllCertificatesSamePoliciesTest13EE.crt", "2", "", true},
    {"AllCertificatesSamePoliciesTest13EE.crt", "3", "", true},
    {"AnyPolicyTest14EE.crt", "1", "", true},
    {"AnyPolicyTest14EE.crt", "2", "", false},
    {"UserNoticeQualifierTest18EE.crt", "1", "", true},
    {"UserNoticeQualifierTest18EE.crt", "2", "", true},
    {"ValidPolicyMappingTest1EE.crt", "1", "", true},
    {"ValidPolicyMappingTest1EE.crt", "2", "", false},
    {"ValidPolicyMappingTest1EE.crt", "1", "m", false},
    {"InvalidPolicyMappingTest2EE.crt", "", "m", false},
    {"ValidPolicyMappingTest3EE.crt", "1", "", false},
    {"ValidPolicyMappingTest3EE.crt", "2", "", true},
    {"ValidPolicyMappingTest5EE.crt", "1", "", true},
    {"ValidPolicyMappingTest5EE.crt", "6", "", false},
    {"ValidPolicyMappingTest6EE.crt", "1", "", true},
    {"ValidPolicyMappingTest6EE.crt", "6", "", false},
    {"ValidPolicyMappingTest12EE.crt", "1", "", true},
    {"ValidPolicyMappingTest12EE.crt", "2", "", true},
    {"inhibitAnyPolicyTest3EE.crt", "", "", true},
    {"inhibitAnyPolicyTest3EE.crt", "", "a", false},
};

static void each_setting_of_certificate_policies_gives_what_the_suite_says(void **state) {
    int wrong = 0;
    struct suite *s = *state;
    if (!s) skip();
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        const struct setting *row = &settings[i];
        STACK_OF(ASN1_OBJECT) *acceptable = sk_ASN1_OBJECT_new_null();
        for (const char *n = row->policies; *n; n++) {
            char oid[] = "2.16.840.1.101.3.2.1.48.0";
            oid[sizeof oid - 2] = *n;
            CHECK(sk_ASN1_OBJECT_push(acceptable, OBJ_txt2obj(oid, 1)) > 0);
        }
        struct chain_policies policies = {.acceptable = acceptable,
                                          .is_required = strchr(row->switches, 'e'),
                                          .inhibits_mapping = strchr(row->switches, 'm'),
                                          .inhibits_any = strchr(row->switches, 'a')};
        if (!judge(s, row->name, &policies, row->is_valid)) {
            print_error("  with policies \"%s\", switches \"%s\"\n", row->policies, row->switches);
            wrong++;
        }
        sk_ASN1_OBJECT_pop_free(acceptable, ASN1_OBJECT_free);
    }
    assert_int_equal(wrong, 0);
}

static void read_all(struct suite *s) {
    struct dirent **names;
    int count = scandir(FOLDER "/crls", &names, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        if (ends_with(names[i]->d_name, ".crl")) read_crl(s, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    count = scandir(FOLDER "/certs", &names, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        const char *name = names[i]->d_name;
        bool is_ca = ends_with(name, ".crt") && !ends_with(name, "EE.crt");
        X509 *cert = is_ca ? read_certificate(s, name) : NULL;
        if (cert) graph_add(s->graph, cert, strcmp(name, TRUSTED) == 0);
        X509_free(cert);
        free(names[i]);
    }
    free(names);
}

static int make_suite(void **state) {
    bool is_there = access(FOLDER, R_OK) == 0;
    if (!is_there) print_error("missing: " FOLDER "\n");
    if (!is_there) return getenv("RSP_TEST_COMPLETE") ? -1 : 0;
    struct suite *s = calloc(1, sizeof *s);
    CHECK(s);
    *s = (struct suite){.files = files_new(),
                        .graph = graph_new(200),
                        .crls = sk_X509_CRL_new_null(),
                        .signatures = signatures_new()};
    read_all(s);
    *state = s;
    return 0;
}

static int drop_suite(void **state) {
    struct suite *s = *state;
    if (!s) return 0;
    graph_free(s->graph);
    signatures_free(s->signatures);
    sk_X509_CRL_pop_free(s->crls, X509_CRL_free);
    files_free(s->files);
    free(s);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_path_is_judged_as_the_suite_says),
        cmocka_unit_test(each_setting_of_certificate_policies_gives_what_the_suite_says),
    };
    return cmocka_run_group_tests(tests, make_suite, drop_suite);
}
