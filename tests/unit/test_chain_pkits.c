// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// NIST's Public Key Interoperability Test Suite, with its default settings: all of its CA certificates and CRLs at hand at once, in any
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
static bool judge(struct suite *s, const char *name) {
    X509 *leaf = read_certificate(s, name);
    struct chain_question q = question_about(leaf);
    struct chain_answer answer;
    size_t before = graph_count(s->graph);
    q.at = IN_TIME;
    q.crls = s->crls;
    q.signatures = s->signatures;
    bool is_valid = chain_find(s->graph, &q, &answer) == CHAIN_FOUND;
    bool is_right = is_valid == is_to_be_valid(name);
    if (!is_right) print_error("%s: %s\n", name, is_valid ? "accepted" : text_string(&answer.why));
    if (!is_valid) assert_true(answer.why.len > 0);
    chain_answer_fini(&answer);
    graph_rewind(s->graph, before);
    X509_free(leaf);
    return is_right;
}

static void each_path_is_judged_as_the_suite_says(void **state) {
    struct suite s = {.files = files_new(),
                      .graph = graph_new(200),
                      .crls = sk_X509_CRL_new_null(),
                      .signatures = signatures_new()};
    struct dirent **names;
    int wrong = 0, judged = 0;
    (void)state;
    int count = scandir(FOLDER "/crls", &names, NULL, alphasort);
    if (count < 0 && getenv("RSP_TEST_COMPLETE")) fail_msg("missing: " FOLDER);
    if (count < 0) print_message("missing: " FOLDER "\n");
    if (count < 0) skip();
    for (int i = 0; i < count; i++) {
        if (ends_with(names[i]->d_name, ".crl")) read_crl(&s, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    count = scandir(FOLDER "/certs", &names, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        const char *name = names[i]->d_name;
        if (!ends_with(name, ".crt") || ends_with(name, "EE.crt")) continue;
        X509 *cert = read_certificate(&s, name);
        if (cert) graph_add(s.graph, cert, strcmp(name, TRUSTED) == 0);
        X509_free(cert);
    }
    for (int i = 0; i < count; i++) {
        const char *name = names[i]->d_name;
        bool is_test = ends_with(name, "EE.crt");
        if (is_test && !judge(&s, name)) wrong++;
        judged += is_test;
        free(names[i]);
    }
    free(names);
    graph_free(s.graph);
    signatures_free(s.signatures);
    sk_X509_CRL_pop_free(s.crls, X509_CRL_free);
    files_free(s.files);
    assert_int_equal(judged, TESTS);
    assert_int_equal(wrong, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_path_is_judged_as_the_suite_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
