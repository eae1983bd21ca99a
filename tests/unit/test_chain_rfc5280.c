// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// Section 6.1 and 6.3 of RFC 5280 as NIST's suite of paths looks at them: policies (any of them
// will do), path lengths and self-issued certificates, name constraints in all forms, and the forms
// of CRLs.

#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/check.h"
#include "tests/unit/chain_line.h"

struct row {
    struct link links[LINE_CERTS_MAX];
    bool is_valid;
};

static bool is_valid(struct line *l, const STACK_OF(X509_CRL) * crls,
                     const struct made_cert *helper) {
    struct chain_question q = question_about(NULL);
    q.crls = crls;
    q.bits_min = CHAIN_BITS_MIN;
    return line_is_valid(l, q, helper, NULL);
}

static void judge_rows(const struct row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct line l;
        make_line(&l, rows[i].links);
        if (is_valid(&l, NULL, NULL) != rows[i].is_valid)
            fail_msg("row %zu: %s", i, rows[i].is_valid ? "refused" : "accepted");
        drop_line(&l);
    }
}
#define JUDGE(rows) judge_rows(rows, sizeof(rows) / sizeof *(rows))

#define P1             "certificatePolicies=1.2.3.1"
#define P2             "certificatePolicies=1.2.3.2"
#define ANY            "certificatePolicies=2.5.29.32.0"
#define CONSTRAINTS(n) "policyConstraints=critical,requireExplicitPolicy:" #n
#define MUST_0         ";policyConstraints=critical,requireExplicitPolicy:0"

static void where_a_policy_is_required_the_path_needs_one_in_common(void **state) {
    static const struct row rows[] = {
        {{{"A", P1}, {"B", P2}, {"leaf", P1}}, true}, // nobody requires one
        {{{"A", P1 MUST_0}, {"B", P1}, {"leaf", P1}}, true},
        {{{"A", P1 MUST_0}, {"B", P2}, {"leaf", P1}}, false},
        {{{"A", P1 MUST_0}, {"B", P1}, {"leaf", NULL}}, false},
        {{{"A", P1 MUST_0}, {"B", NULL}, {"leaf", P1}}, false},
        {{{"A", ANY MUST_0}, {"B", ANY}, {"leaf", P1}}, true},
        {{{"A", P1 MUST_0}, {"B", ANY}, {"leaf", P2}}, false},
        {{{"A", P1 ";policyConstraints=critical,requireExplicitPolicy:3"},
          {"B", NULL},
          {"leaf", NULL}},
         true},
        {{{"A", P1 ";policyConstraints=critical,requireExplicitPolicy:2"},
          {"B", NULL},
          {"leaf", NULL}},
         false},
        {{{"A", P1 ";policyConstraints=critical,requireExplicitPolicy:5"},
          {"B", P1 ";policyConstraints=critical,requireExplicitPolicy:0"},
          {"leaf", NULL}},
         false},
        // Constraints without a policy beside them, for which OpenSSL 3.0 is not asked: it would
        // lose memory.
        {{{"A", CONSTRAINTS(3)}, {"B", NULL}, {"leaf", NULL}}, true},
        {{{"A", CONSTRAINTS(2)}, {"B", NULL}, {"leaf", NULL}}, false},
        {{{"A", CONSTRAINTS(0)}, {"B", P1}, {"leaf", P1}}, false},
        {{{"A", CONSTRAINTS(2)}, {"A", NULL}, {"A", NULL}, {"leaf", NULL}}, true}, // self-issued
        {{{"A", CONSTRAINTS(1)}, {"A", NULL}, {"leaf", NULL}}, false},
        {{{"A", P1}, {"B", NULL}, {"leaf", CONSTRAINTS(0)}}, false},
        {{{"A", P1}, {"B", NULL}, {"leaf", CONSTRAINTS(1)}}, true}, // only 0 counts in a leaf
        {{{"A", "policyConstraints=critical,inhibitPolicyMapping:0"}, {"leaf", NULL}}, true},
        {{{"A", "policyMappings=1.2.3.1:2.5.29.32.0"}, {"leaf", NULL}}, false},
        {{{"A", "policyConstraints=critical,requireExplicitPolicy:-1"}, {"leaf", NULL}}, false},
    };
    (void)state;
    JUDGE(rows);
}

// Whatever the certificates above have.
static void policies_are_whole_and_where_critical_understood(void **state) {
#define TWICE "DER:300e300506032a0301300506032a0301"
// With a qualifier of kind 1.2.9, which nobody knows.
#define STRANGE "DER:3011300f06032a03013008300606022a090500"
    static const struct row rows[] = {
        {{{"A", NULL}, {"leaf", "certificatePolicies=1.2.3.1,1.2.3.2"}}, true},
        {{{"A", NULL}, {"leaf", "certificatePolicies=DER:0500"}}, false},
        {{{"A", NULL}, {"leaf", "certificatePolicies=DER:3000"}}, false},
        {{{"A", P1}, {"leaf", "certificatePolicies=DER:3000"}}, false},
        {{{"A", "certificatePolicies=DER:3000"}, {"leaf", NULL}}, false},
        {{{"A", NULL}, {"leaf", "certificatePolicies=" TWICE}}, false},
        {{{"A", NULL}, {"leaf", "certificatePolicies=" STRANGE}}, true},
        {{{"A", NULL}, {"leaf", "certificatePolicies=critical," STRANGE}}, false},
        {{{"A", P1}, {"leaf", "certificatePolicies=critical," STRANGE}}, false},
        {{{"A", NULL}, {"leaf", "certificatePolicies=critical,1.2.3.1"}}, true},
    };
    (void)state;
    JUDGE(rows);
}

static void mappings_and_any_policy_can_be_inhibited(void **state) {
#define MAP ";policyMappings=1.2.3.1:1.2.3.2"
    static const struct row rows[] = {
        {{{"A", P1 MAP MUST_0}, {"B", P2}, {"leaf", P2}}, true},
        {{{"A", P1 MAP MUST_0}, {"B", P1}, {"leaf", P1}}, false},
        {{{"A", P1 ";policyConstraints=critical,requireExplicitPolicy:0,inhibitPolicyMapping:0"},
          {"B", P1 MAP},
          {"leaf", P2}},
         false},
        {{{"A", P1 ";policyConstraints=critical,requireExplicitPolicy:0,inhibitPolicyMapping:1"},
          {"B", P1 MAP},
          {"leaf", P2}},
         true},
        {{{"A", P1 MUST_0 ";inhibitAnyPolicy=critical,0"}, {"B", ANY}, {"leaf", P1}}, false},
        {{{"A", P1 MUST_0 ";inhibitAnyPolicy=critical,1"}, {"B", ANY}, {"leaf", P1}}, true},
        {{{"A", P1 MUST_0 ";inhibitAnyPolicy=critical,1"}, {"B", ANY}, {"C", ANY}, {"leaf", P1}},
         false},
        // A self-issued certificate does not count.
        {{{"A", P1 MUST_0 ";inhibitAnyPolicy=critical,0"}, {"A", ANY}, {"leaf", P1}}, true},
        {{{"A", P1 ";policyMappings=2.5.29.32.0:1.2.3.1"}, {"B", P1}, {"leaf", P1}}, false},
    };
    (void)state;
    JUDGE(rows);
}

static void self_issued_certificates_take_no_part_of_a_path_length(void **state) {
#define LENGTH(n) "basicConstraints=critical,CA:TRUE,pathlen:" #n
    static const struct row rows[] = {
        {{{"A", LENGTH(0)}, {"leaf", NULL}}, true},
        {{{"A", LENGTH(0)}, {"B", NULL}, {"leaf", NULL}}, false},
        {{{"A", LENGTH(0)}, {"A", NULL}, {"leaf", NULL}}, true},
        {{{"A", LENGTH(1)}, {"B", NULL}, {"B", NULL}, {"leaf", NULL}}, true},
        {{{"A", LENGTH(1)}, {"B", NULL}, {"C", NULL}, {"leaf", NULL}}, false},
        {{{"A", LENGTH(6)}, {"B", LENGTH(0)}, {"C", LENGTH(5)}, {"leaf", NULL}}, false},
    };
    (void)state;
    JUDGE(rows);
}

// For its own: line_extend() separates by ';', which stands in here as well.
static void constrain(struct line *l, const char *constraint) {
    char value[200];
    X509V3_CTX about;
    X509V3_set_ctx_nodb(&about);
    snprintf(value, sizeof value, "critical,%s", constraint);
    X509_EXTENSION *one = X509V3_EXT_conf(NULL, &about, "nameConstraints", value);
    assert_non_null(one);
    CHECK(X509_add_ext(l->certs[1].cert, one, -1) == 1);
    X509_EXTENSION_free(one);
    line_sign(l, 1);
}

static void name_constraints_hold_in_every_form(void **state) {
    static const struct {
        const char *constraint, *name;
        bool is_valid;
    } rows[] = {
        {"permitted;DNS:example.com", "DNS:a.example.com", true},
        {"permitted;DNS:example.com", "DNS:example.org", false},
        {"permitted;DNS:example.com", "email:x@example.org", true},
        {"excluded;DNS:bad.example.com", "DNS:a.bad.example.com", false},
        {"excluded;DNS:bad.example.com", "DNS:xbad.example.com", true},
        {"permitted;email:example.com", "email:x@example.com", true},
        {"permitted;email:example.com", "email:x@a.example.com", false},
        {"permitted;email:.example.com", "email:x@a.example.com", true},
        {"permitted;email:x@example.com", "email:X@example.com", false},
        {"excluded;email:example.com", "email:x@EXAMPLE.com", false},
        {"permitted;URI:.example.com", "URI:https://a.example.com/x", true},
        {"permitted;URI:.example.com", "URI:https://example.com/x", false},
        {"excluded;URI:example.com", "URI:http://u@example.com:80/", false},
        {"permitted;URI:example.com", "URI:https://u:p@example.com:44/x", true},
        {"permitted;URI:example.com", "URI:https://example.com@example.org/", false},
        {"permitted;URI:example.com", "URI:mailto:x@example.org?u=://example.com", false},
        {"permitted;URI:example.com", "URI:http:/example.org/?r=http://example.com/", false},
        {"excluded;URI:example.com", "URI:x", false},
        {"permitted;email:example.com", "email:\"x@example.com\"@example.org", false},
        {"permitted;IP:192.0.2.0/255.255.255.0", "IP:192.0.2.9", true},
        {"permitted;IP:192.0.2.0/255.255.255.0", "IP:192.0.3.9", false},
        {"excluded;IP:192.0.2.0/255.255.255.0", "IP:2001:db8::1", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char name[200];
        struct line l;
        make_line(&l, (const struct link[]){{"A", NULL}, {"leaf", NULL}, {NULL, NULL}});
        constrain(&l, rows[i].constraint);
        snprintf(name, sizeof name, "subjectAltName=%s", rows[i].name);
        line_extend(&l, 2, name);
        if (is_valid(&l, NULL, NULL) != rows[i].is_valid)
            fail_msg("%s, %s: %s", rows[i].constraint, rows[i].name,
                     rows[i].is_valid ? "refused" : "accepted");
        drop_line(&l);
    }
}

// Section 4.2.1.10 has e-mail addresses of the subject count only where there is no subjectAltName.
static void an_address_in_the_subject_is_constrained_without_a_subject_alt_name(void **state) {
    (void)state;
    for (int has_san = 0; has_san <= 1; has_san++) {
        struct line l;
        make_line(&l, (const struct link[]){{"A", NULL}, {"leaf", NULL}, {NULL, NULL}});
        constrain(&l, "permitted;email:example.com");
        X509 *leaf = l.certs[2].cert;
        X509_NAME_add_entry_by_txt(X509_get_subject_name(leaf), "emailAddress", MBSTRING_ASC,
                                   (const unsigned char *)"x@example.org", -1, -1, 0);
        int at = X509_get_ext_by_NID(leaf, NID_subject_alt_name, -1);
        if (!has_san) X509_EXTENSION_free(X509_delete_ext(leaf, at));
        line_sign(&l, 2);
        assert_int_equal(is_valid(&l, NULL, NULL), has_san);
        drop_line(&l);
    }
}

// --- CRLs ---

struct crl_recipe {
    const struct made_cert *issuer;
    const X509 *revoked; // NULL: none
    const char *point;   // issuingDistributionPoint as OpenSSL writes it; NULL: none
    int number, delta;   // delta: the number of the CRL that it is based on; 0: a whole one
    const X509_NAME *certificate_issuer; // of the entry, in an indirect CRL
    bool is_by_sha1, is_endless;         // endless: without nextUpdate
    bool is_given_back;                  // the entry takes back an earlier one
};

// "name:value": a section of its own, because values have commas.
static void add_point(X509_CRL *crl, const char *point) {
    char section[400];
    struct slice value = slice_of(point);
    struct slice name = slice_cut(&value, ':');
    X509V3_CTX about;
    CONF *conf = NCONF_new(NULL);
    snprintf(section, sizeof section, "[point]\n%.*s = %.*s\n", SLICE_ARGS(name),
             SLICE_ARGS(value));
    BIO *in = BIO_new_mem_buf(section, -1);
    CHECK(NCONF_load_bio(conf, in, NULL) == 1);
    X509V3_set_ctx(&about, NULL, NULL, NULL, crl, 0);
    X509V3_set_nconf(&about, conf);
    X509_EXTENSION *one =
        X509V3_EXT_nconf_nid(conf, &about, NID_issuing_distribution_point, "critical,@point");
    if (!one) fail_msg("%s cannot be made", point);
    CHECK(X509_CRL_add_ext(crl, one, -1) == 1);
    X509_EXTENSION_free(one);
    BIO_free(in);
    NCONF_free(conf);
}

static X509_CRL *make_crl(const struct crl_recipe *r) {
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *begin = X509_gmtime_adj(NULL, -3600), *end = X509_gmtime_adj(NULL, 86400);
    ASN1_INTEGER *number = ASN1_INTEGER_new(), *base = ASN1_INTEGER_new();
    CHECK(crl && begin && end && number && base);
    X509_CRL_set_version(crl, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(r->issuer->cert));
    X509_CRL_set1_lastUpdate(crl, begin);
    if (!r->is_endless) X509_CRL_set1_nextUpdate(crl, end);
    ASN1_INTEGER_set(number, r->number);
    ASN1_INTEGER_set(base, r->delta);
    CHECK(X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0) == 1);
    if (r->delta) CHECK(X509_CRL_add1_ext_i2d(crl, NID_delta_crl, base, 1, 0) == 1);
    X509V3_CTX about;
    X509V3_set_ctx_nodb(&about);
    X509V3_set_ctx(&about, r->issuer->cert, NULL, NULL, crl, 0);
    X509_EXTENSION *key = X509V3_EXT_conf_nid(NULL, &about, NID_authority_key_identifier, "keyid");
    CHECK(key && X509_CRL_add_ext(crl, key, -1) == 1);
    X509_EXTENSION_free(key);
    if (r->point) add_point(crl, r->point);
    if (r->revoked) {
        X509_REVOKED *entry = X509_REVOKED_new();
        X509_REVOKED_set_serialNumber(entry, (ASN1_INTEGER *)X509_get0_serialNumber(r->revoked));
        X509_REVOKED_set_revocationDate(entry, begin);
        if (r->certificate_issuer) {
            GENERAL_NAMES *names = GENERAL_NAMES_new();
            GENERAL_NAME *name = GENERAL_NAME_new();
            GENERAL_NAME_set0_value(name, GEN_DIRNAME, X509_NAME_dup(r->certificate_issuer));
            sk_GENERAL_NAME_push(names, name);
            CHECK(X509_REVOKED_add1_ext_i2d(entry, NID_certificate_issuer, names, 1, 0) == 1);
            GENERAL_NAMES_free(names);
        }
        ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();
        CHECK(reason && ASN1_ENUMERATED_set(reason, CRL_REASON_REMOVE_FROM_CRL) == 1);
        if (r->is_given_back)
            CHECK(X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, reason, 0, 0) == 1);
        ASN1_ENUMERATED_free(reason);
        CHECK(X509_CRL_add0_revoked(crl, entry) == 1);
    }
    X509_CRL_sort(crl);
    CHECK(X509_CRL_sign(crl, r->issuer->key, r->is_by_sha1 ? EVP_sha1() : EVP_sha256()) > 0);
    ASN1_TIME_free(begin);
    ASN1_TIME_free(end);
    ASN1_INTEGER_free(number);
    ASN1_INTEGER_free(base);
    // Read again, so that what OpenSSL keeps of extensions is there.
    unsigned char *der = NULL;
    int len = i2d_X509_CRL(crl, &der);
    X509_CRL_free(crl);
    const unsigned char *at = der;
    crl = d2i_X509_CRL(NULL, &at, len);
    CHECK(crl);
    OPENSSL_free(der);
    return crl;
}

static bool with_crls(struct line *l, const struct made_cert *helper, size_t count,
                      const struct crl_recipe *recipes) {
    STACK_OF(X509_CRL) *crls = sk_X509_CRL_new_null();
    for (size_t i = 0; i < count; i++) sk_X509_CRL_push(crls, make_crl(&recipes[i]));
    bool is_good = is_valid(l, crls, helper);
    sk_X509_CRL_pop_free(crls, X509_CRL_free);
    return is_good;
}
#define WITH(l, helper, ...)                                                                       \
    with_crls(l, helper, sizeof((struct crl_recipe[]){__VA_ARGS__}) / sizeof(struct crl_recipe),   \
              (struct crl_recipe[]){__VA_ARGS__})

static void add_crl_issuer(X509 *cert, const X509_NAME *issuer) {
    CRL_DIST_POINTS *points = sk_DIST_POINT_new_null();
    DIST_POINT *point = DIST_POINT_new();
    GENERAL_NAME *name = GENERAL_NAME_new();
    point->CRLissuer = GENERAL_NAMES_new();
    GENERAL_NAME_set0_value(name, GEN_DIRNAME, X509_NAME_dup(issuer));
    sk_GENERAL_NAME_push(point->CRLissuer, name);
    sk_DIST_POINT_push(points, point);
    CHECK(X509_add1_ext_i2d(cert, NID_crl_distribution_points, points, 0, 0) == 1);
    CRL_DIST_POINTS_free(points);
}

static void every_certificate_needs_a_crl_that_covers_it(void **state) {
    struct line l;
    (void)state;
    make_line(&l, (const struct link[]){{"A", NULL}, {"leaf", NULL}, {NULL, NULL}});
    const struct made_cert *anchor = &l.certs[0], *ca = &l.certs[1];
    const X509 *leaf = l.certs[2].cert;
    assert_true(WITH(&l, NULL, {anchor, .number = 1}, {ca, .number = 1}));
    assert_false(WITH(&l, NULL, {anchor, .number = 1}));
    assert_false(WITH(&l, NULL, {anchor, .number = 1}, {ca, leaf, .number = 1}));
    assert_false(WITH(&l, NULL, {anchor, ca->cert, .number = 1}, {ca, .number = 1}));
    // A list that is worth too little, or that says not until when it holds.
    assert_false(WITH(&l, NULL, {anchor, .number = 1}, {ca, .number = 1, .is_by_sha1 = true}));
    assert_false(WITH(&l, NULL, {anchor, .number = 1}, {ca, .number = 1, .is_endless = true}));
    // For CAs only, for users only, for attributes only.
    assert_false(WITH(&l, NULL, {anchor, .number = 1}, {ca, .point = "onlyCA:TRUE", .number = 1}));
    assert_true(WITH(&l, NULL, {anchor, .number = 1}, {ca, .point = "onlyuser:TRUE", .number = 1}));
    assert_false(
        WITH(&l, NULL, {anchor, .point = "onlyuser:TRUE", .number = 1}, {ca, .number = 1}));
    assert_false(WITH(&l, NULL, {anchor, .number = 1}, {ca, .point = "onlyAA:TRUE", .number = 1}));
    drop_line(&l);
}

static void reasons_and_distribution_points_must_fit(void **state) {
    static const char has_point[] = "crlDistributionPoints=URI:http://c.example/1";
    struct line l;
    (void)state;
    make_line(&l, (const struct link[]){{"A", NULL}, {"leaf", has_point}, {NULL, NULL}});
    const struct made_cert *anchor = &l.certs[0], *ca = &l.certs[1];
    const X509 *leaf = l.certs[2].cert;
    assert_true(WITH(&l, NULL, {anchor, .number = 1},
                     {ca, .point = "fullname:URI:http://c.example/1", .number = 1}));
    assert_false(WITH(&l, NULL, {anchor, .number = 1},
                      {ca, .point = "fullname:URI:http://c.example/2", .number = 1}));
    // Some reasons are not all.
    assert_false(WITH(&l, NULL, {anchor, .number = 1},
                      {ca, .point = "onlysomereasons:keyCompromise,CACompromise", .number = 1}));
    assert_true(WITH(&l, NULL, {anchor, .number = 1},
                     {ca, .point = "onlysomereasons:keyCompromise,CACompromise", .number = 1},
                     {ca,
                      .point = "onlysomereasons:affiliationChanged,superseded,cessationOfOperation,"
                               "certificateHold,privilegeWithdrawn,AACompromise",
                      .number = 2}));
    assert_false(
        WITH(&l, NULL, {anchor, .number = 1},
             {ca, .point = "onlysomereasons:keyCompromise,CACompromise", .number = 1},
             {ca, leaf,
              .point = "onlysomereasons:affiliationChanged,superseded,cessationOfOperation,"
                       "certificateHold,privilegeWithdrawn,AACompromise",
              .number = 2}));
    drop_line(&l);
}

static void a_delta_crl_adds_to_the_one_that_it_is_based_on(void **state) {
    struct line l;
    (void)state;
    make_line(&l, (const struct link[]){
                      {"A", NULL}, {"leaf", "freshestCRL=URI:http://c.example/d"}, {NULL, NULL}});
    const struct made_cert *anchor = &l.certs[0], *ca = &l.certs[1];
    const X509 *leaf = l.certs[2].cert;
    assert_true(
        WITH(&l, NULL, {anchor, .number = 1}, {ca, .number = 5}, {ca, .number = 6, .delta = 5}));
    assert_false(WITH(&l, NULL, {anchor, .number = 1}, {ca, .number = 5},
                      {ca, leaf, .number = 6, .delta = 5}));
    assert_false(WITH(&l, NULL, {anchor, .number = 1}, {ca, .number = 6, .delta = 5}));
    drop_line(&l);
}

// Section 6.3 asks for freshestCRL where one is to be fetched, not where it is at hand.
static void what_a_delta_revokes_counts_without_a_word_where_to_fetch_it(void **state) {
    struct line l;
    (void)state;
    make_line(&l, (const struct link[]){{"A", NULL}, {"leaf", NULL}, {NULL, NULL}});
    const struct made_cert *anchor = &l.certs[0], *ca = &l.certs[1];
    const X509 *leaf = l.certs[2].cert;
#define WHOLE {anchor, .number = 1}, {ca, .number = 5}
    assert_true(WITH(&l, NULL, WHOLE, {ca, .number = 6, .delta = 5}));
    assert_true(WITH(&l, NULL, WHOLE, {ca, anchor->cert, .number = 6, .delta = 5})); // another one
    assert_false(WITH(&l, NULL, WHOLE, {ca, leaf, .number = 6, .delta = 5}));
    assert_false(WITH(&l, NULL, {ca, leaf, .number = 6, .delta = 5}, WHOLE));
    assert_false(WITH(&l, NULL, WHOLE, {anchor, ca->cert, .number = 2, .delta = 1}));
    // Given back by a later one; a complete one that is as new.
    assert_true(WITH(&l, NULL, WHOLE, {ca, leaf, .number = 6, .delta = 5},
                     {ca, leaf, .number = 7, .delta = 5, .is_given_back = true}));
    assert_false(WITH(&l, NULL, WHOLE, {ca, leaf, .number = 8, .delta = 5},
                      {ca, leaf, .number = 7, .delta = 5, .is_given_back = true}));
    assert_true(WITH(&l, NULL, WHOLE, {ca, leaf, .number = 6, .delta = 5}, {ca, .number = 6}));
    // A stranger's, and one that is worth too little.
    struct made_cert stranger = make_ca("A", NULL, NULL, NULL);
    assert_true(WITH(&l, NULL, WHOLE, {&stranger, leaf, .number = 6, .delta = 5}));
    assert_true(WITH(&l, NULL, WHOLE, {ca, leaf, .number = 6, .delta = 5, .is_by_sha1 = true}));
    drop_cert(&stranger);
    drop_line(&l);
}

// A CRL issuer's own path is as good as any: not signed by SHA-1, neither at its end nor in
// between.
static void a_crl_issuer_below_a_weak_signature_is_none(void **state) {
    (void)state;
    for (int weak = 0; weak <= 2; weak++) {
        struct line l;
        make_line(&l, (const struct link[]){{"A", NULL}, {"leaf", NULL}, {NULL, NULL}});
        const struct made_cert *anchor = &l.certs[0], *ca = &l.certs[1];
        struct made_cert between = make_ca("Between", anchor, NULL, weak == 1 ? "SHA1" : NULL);
        struct made_cert signer = make_ca("CRLs", &between, NULL, weak == 2 ? "SHA1" : NULL);
        add_crl_issuer(l.certs[2].cert, X509_get_subject_name(signer.cert));
        line_sign(&l, 2);
        STACK_OF(X509_CRL) *crls = sk_X509_CRL_new_null();
        sk_X509_CRL_push(crls, make_crl(&(struct crl_recipe){anchor, .number = 1}));
        sk_X509_CRL_push(crls, make_crl(&(struct crl_recipe){&between, .number = 1}));
        sk_X509_CRL_push(crls, make_crl(&(struct crl_recipe){&signer, .point = "indirectCRL:TRUE",
                                                             .number = 1}));
        struct graph *g = graph_new(0);
        struct chain_question q = question_about(l.certs[2].cert);
        struct chain_answer answer;
        q.crls = crls;
        q.bits_min = CHAIN_BITS_MIN;
        graph_add(g, anchor->cert, true);
        graph_add(g, ca->cert, false);
        graph_add(g, between.cert, false);
        graph_add(g, signer.cert, false);
        assert_int_equal(chain_find(g, &q, &answer), weak ? CHAIN_REFUSED : CHAIN_FOUND);
        chain_answer_fini(&answer);
        graph_free(g);
        sk_X509_CRL_pop_free(crls, X509_CRL_free);
        drop_cert(&between);
        drop_cert(&signer);
        drop_line(&l);
    }
}

static void crls_may_be_signed_by_a_new_key_of_the_same_ca(void **state) {
    struct line l;
    (void)state;
    make_line(&l, (const struct link[]){{"A", NULL}, {"leaf", NULL}, {NULL, NULL}});
    const struct made_cert *anchor = &l.certs[0];
    const X509 *leaf = l.certs[2].cert;
    // The CA's new key, certified by the anchor under the same name (key rollover).
    struct made_cert rolled =
        make_cert(&(struct cert_recipe){.subject = "A", .is_ca = true, .issuer = anchor});
    assert_true(WITH(&l, &rolled, {anchor, .number = 1}, {&rolled, .number = 1}));
    assert_false(WITH(&l, &rolled, {anchor, .number = 1}, {&rolled, leaf, .number = 1}));
    struct made_cert stranger = make_ca("A", NULL, NULL, NULL);
    assert_false(WITH(&l, &stranger, {anchor, .number = 1}, {&stranger, .number = 1}));
    drop_line(&l);
    drop_cert(&rolled);
    drop_cert(&stranger);
}

// The leaf's distribution point names another issuer of CRLs; its entries say whose certificates
// they mean.
static void an_indirect_crl_counts_where_the_certificate_names_its_issuer(void **state) {
    struct line l;
    (void)state;
    make_line(&l, (const struct link[]){{"A", NULL}, {"leaf", NULL}, {NULL, NULL}});
    const struct made_cert *anchor = &l.certs[0], *ca = &l.certs[1];
    X509 *leaf = l.certs[2].cert;
    struct made_cert signer =
        make_cert(&(struct cert_recipe){.subject = "CRLs", .is_ca = true, .issuer = anchor});
    add_crl_issuer(leaf, X509_get_subject_name(signer.cert));
    CHECK(X509_sign(leaf, ca->key, EVP_sha256()) > 0);
    const X509_NAME *ours = X509_get_subject_name(ca->cert);
    const X509_NAME *others = X509_get_subject_name(anchor->cert);
    assert_true(WITH(&l, &signer, {anchor, .number = 1},
                     {&signer, .point = "indirectCRL:TRUE", .number = 1}));
    assert_false(WITH(&l, &signer, {anchor, .number = 1}, {&signer, .number = 1}));
    assert_false(
        WITH(&l, &signer, {anchor, .number = 1},
             {&signer, leaf, "indirectCRL:TRUE", .number = 1, .certificate_issuer = ours}));
    assert_true(
        WITH(&l, &signer, {anchor, .number = 1},
             {&signer, leaf, "indirectCRL:TRUE", .number = 1, .certificate_issuer = others}));
    drop_cert(&signer);
    drop_line(&l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(where_a_policy_is_required_the_path_needs_one_in_common),
        cmocka_unit_test(policies_are_whole_and_where_critical_understood),
        cmocka_unit_test(mappings_and_any_policy_can_be_inhibited),
        cmocka_unit_test(self_issued_certificates_take_no_part_of_a_path_length),
        cmocka_unit_test(name_constraints_hold_in_every_form),
        cmocka_unit_test(an_address_in_the_subject_is_constrained_without_a_subject_alt_name),
        cmocka_unit_test(every_certificate_needs_a_crl_that_covers_it),
        cmocka_unit_test(reasons_and_distribution_points_must_fit),
        cmocka_unit_test(a_delta_crl_adds_to_the_one_that_it_is_based_on),
        cmocka_unit_test(what_a_delta_revokes_counts_without_a_word_where_to_fetch_it),
        cmocka_unit_test(a_crl_issuer_below_a_weak_signature_is_none),
        cmocka_unit_test(crls_may_be_signed_by_a_new_key_of_the_same_ca),
        cmocka_unit_test(an_indirect_crl_counts_where_the_certificate_names_its_issuer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
