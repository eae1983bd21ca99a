// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// Name constraints in every combination, as BetterTLS puts them: a server's certificate with a
// good, a bad or no common name, DNS name and address, below a CA that permits and excludes good,
// bad or no names of both kinds, asked for by name and by address. What must come out is counted
// here from RFC 5280 section 4.2.1.10 and RFC 9525 alone: every name of the subjectAltName must be
// allowed, the one that is asked for must be among them, and a common name is no name of a server.

#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/check.h"
#include "tests/unit/chain_fixture.h"
#include "tls/chain/signatures.h"

enum value { NONE, GOOD, BAD, VALUES };
enum { COMMON_NAMES = 5, SANS = VALUES * VALUES, RULES = VALUES * VALUES * VALUES * VALUES };

static const char *const dns_names[VALUES] = {"", "DNS:test.localhost", "DNS:bad.example.com"};
static const char *const addresses[VALUES] = {"", "IP:127.0.0.1", "IP:1.1.1.1"};
static const char *const common_names[COMMON_NAMES] = {"", "test.localhost", "bad.example.com",
                                                       "127.0.0.1", "1.1.1.1"};
static const char *const dns_trees[VALUES] = {"", "DNS:localhost", "DNS:example.com"};
static const char *const ranges[VALUES] = {"", "IP:127.0.0.0/255.255.255.0",
                                           "IP:1.1.1.0/255.255.255.0"};

struct rules {
    enum value permitted_dns, permitted_ip, excluded_dns, excluded_ip;
};
struct leaf {
    enum value dns, ip;
    X509 *cert;
};

static struct rules rules_at(int i) {
    return (struct rules){i % VALUES, i / VALUES % VALUES, i / VALUES / VALUES % VALUES,
                          i / VALUES / VALUES / VALUES};
}

static void add(X509 *cert, X509 *issuer, int nid, const char *value) {
    X509V3_CTX about;
    X509V3_set_ctx_nodb(&about);
    X509V3_set_ctx(&about, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *one = X509V3_EXT_conf_nid(NULL, &about, nid, value);
    if (!one) fail_msg("%s cannot be made", value);
    CHECK(X509_add_ext(cert, one, -1) == 1);
    X509_EXTENSION_free(one);
}

// All CAs are versions of one: the same name and key, so that one leaf is below each.
static X509 *make_constrained(const struct made_cert *root, const struct made_cert *ca,
                              const struct rules *r) {
    X509 *cert = X509_dup(ca->cert);
    char value[300];
    int len = snprintf(value, sizeof value, "critical");
    const char *const parts[][2] = {{"permitted", dns_trees[r->permitted_dns]},
                                    {"permitted", ranges[r->permitted_ip]},
                                    {"excluded", dns_trees[r->excluded_dns]},
                                    {"excluded", ranges[r->excluded_ip]}};
    for (size_t i = 0; i < 4; i++)
        if (parts[i][1][0])
            len += snprintf(value + len, sizeof value - (size_t)len, ",%s;%s", parts[i][0],
                            parts[i][1]);
    if (r->permitted_dns || r->permitted_ip || r->excluded_dns || r->excluded_ip)
        add(cert, root->cert, NID_name_constraints, value);
    CHECK(X509_sign(cert, root->key, EVP_sha256()) > 0);
    return cert;
}

static struct leaf make_leaf(const struct made_cert *ca, int common_name, int san) {
    struct leaf leaf = {.dns = san % VALUES, .ip = san / VALUES};
    char names[100];
    struct made_cert made =
        make_cert(&(struct cert_recipe){.subject = "x", .issuer = ca, .usages = "serverAuth"});
    X509_NAME *subject = X509_NAME_new();
    CHECK(X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_ASC, (const unsigned char *)"Tests", -1,
                                     -1, 0));
    if (common_names[common_name][0])
        CHECK(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                         (const unsigned char *)common_names[common_name], -1, -1,
                                         0));
    CHECK(X509_set_subject_name(made.cert, subject));
    snprintf(names, sizeof names, "%s%s%s", dns_names[leaf.dns], leaf.dns && leaf.ip ? "," : "",
             addresses[leaf.ip]);
    if (names[0]) add(made.cert, ca->cert, NID_subject_alt_name, names);
    CHECK(X509_sign(made.cert, ca->key, EVP_sha256()) > 0);
    leaf.cert = made.cert;
    EVP_PKEY_free(made.key);
    X509_NAME_free(subject);
    return leaf;
}

static bool is_allowed(enum value name, enum value permitted, enum value excluded) {
    if (name == NONE) return true;
    return (permitted == NONE || permitted == name) && excluded != name;
}

static bool is_to_be_valid(const struct rules *r, const struct leaf *leaf, bool asks_for_address) {
    bool is_named = (asks_for_address ? leaf->ip : leaf->dns) == GOOD;
    return is_named && is_allowed(leaf->dns, r->permitted_dns, r->excluded_dns) &&
           is_allowed(leaf->ip, r->permitted_ip, r->excluded_ip);
}

static bool is_valid(X509 *root, X509 *ca, X509 *leaf, bool asks_for_address,
                     struct signatures *signatures) {
    struct graph *g = graph_new(3);
    struct chain_question q = question_about(leaf);
    struct chain_answer answer;
    q.host = asks_for_address ? "127.0.0.1" : "test.localhost";
    q.is_web = true;
    q.signatures = signatures;
    graph_add(g, root, true);
    graph_add(g, ca, false);
    bool is_found = chain_find(g, &q, &answer) == CHAIN_FOUND;
    chain_answer_fini(&answer);
    graph_free(g);
    return is_found;
}

static void every_combination_of_names_and_constraints_is_judged_by_the_rfc(void **state) {
    struct made_cert root = make_ca("Root", NULL, NULL, NULL);
    struct made_cert ca = make_ca("CA", &root, NULL, NULL);
    struct signatures *signatures = signatures_new();
    X509 *cas[RULES];
    int valid = 0;
    (void)state;
    for (int i = 0; i < RULES; i++) {
        struct rules r = rules_at(i);
        cas[i] = make_constrained(&root, &ca, &r);
    }
    for (int k = 0; k < COMMON_NAMES * SANS; k++) {
        struct leaf leaf = make_leaf(&ca, k / SANS, k % SANS);
        for (int i = 0; i < RULES * 2; i++) {
            struct rules r = rules_at(i / 2);
            bool wanted = is_to_be_valid(&r, &leaf, i % 2);
            if (is_valid(root.cert, cas[i / 2], leaf.cert, i % 2, signatures) != wanted)
                fail_msg("common name '%s', names %d %d, rules %d %d %d %d, %s: %s",
                         common_names[k / SANS], (int)leaf.dns, (int)leaf.ip, (int)r.permitted_dns,
                         (int)r.permitted_ip, (int)r.excluded_dns, (int)r.excluded_ip,
                         i % 2 ? "address" : "name", wanted ? "refused" : "accepted");
            valid += wanted;
        }
        X509_free(leaf.cert);
    }
    assert_in_range(valid, 1, RULES * COMMON_NAMES * SANS);
    for (int i = 0; i < RULES; i++) X509_free(cas[i]);
    signatures_free(signatures);
    drop_cert(&ca);
    drop_cert(&root);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_combination_of_names_and_constraints_is_judged_by_the_rfc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
