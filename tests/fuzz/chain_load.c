// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// A file of certificates: loaded, put into a graph, a path searched for its first one. The last one is trusted. An input that begins
// with W is judged by the web's rules as well, one with C has CRLs too, one with A has everything else that is loaded, keys
// and PKCS#12 with the password "secret"; what follows that letter is the file.

#include <openssl/x509.h>

#include "core/check.h"
#include "tests/fuzz/fuzz.h"
#include "tls/chain/load.h"
#include "tls/chain/search.h"

#define IN_2026 1795000000

static void search(const STACK_OF(X509) * certs, bool is_web, const STACK_OF(X509_CRL) * crls) {
    struct graph *g = graph_new(0);
    struct chain_answer answer;
    int count = sk_X509_num(certs);
    struct chain_question q = {.leaf = sk_X509_value(certs, 0),
                               .host = is_web ? "a.example" : NULL,
                               .at = IN_2026,
                               .is_web = is_web,
                               .bits_min = CHAIN_BITS_MIN,
                               .intermediates_max = -1,
                               .crls = crls,
                               .limits = CHAIN_LIMITS_HANDSHAKE};
    for (int i = 0; i < count; i++) graph_add(g, sk_X509_value(certs, i), i + 1 == count);
    enum chain_result result = chain_find(g, &q, &answer);
    CHECK((result == CHAIN_FOUND) == (answer.path.length > 0));
    CHECK((result == CHAIN_FOUND) == (answer.why.len == 0));
    chain_answer_fini(&answer);
    graph_rewind(g, 0);
    CHECK(graph_names(g) == 0 && graph_entities(g) == 0);
    graph_free(g);
}

// As rsp-certcheck reads a file.
static void load_all(struct slice content) {
    struct load_conf conf = {.path = "x", .password = "secret", .wanted = LOAD_ALL};
    struct bundle b;
    struct text said;
    text_init(&said, 10000);
    size_t failed = bundle_load(&b, content, &conf, &said);
    CHECK((failed > 0) == (said.len > 0));
    CHECK(!b.key || b.key_count > 0);
    if (sk_X509_num(b.certificates) > 0) search(b.certificates, false, b.crls);
    bundle_fini(&b);
    text_fini(&said);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    char mode = len > 0 ? (char)bytes[0] : ' ';
    struct slice content = {(const char *)bytes, len};
    if (mode == 'W' || mode == 'C') content = slice_skip(content, 1);
    struct text said;
    STACK_OF(X509) * certs;
    STACK_OF(X509_CRL) *crls = NULL;
    if (mode == 'A') {
        load_all(slice_skip(content, 1));
        return 0;
    }
    text_init(&said, 10000);
    size_t failed = load_certificates(content, "x.pem", &certs, &said);
    CHECK((failed > 0) == (said.len > 0));
    if (mode == 'C') load_crls(content, "x.pem", &crls, &said);
    if (sk_X509_num(certs) > 0) search(certs, mode == 'W', crls);
    sk_X509_pop_free(certs, X509_free);
    sk_X509_CRL_pop_free(crls, X509_CRL_free);
    text_fini(&said);
    return 0;
}
