// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// Any graph of five CAs: each byte adds one certificate of a made set, trusts it, asks for a path or forgets. The bits: 0 to 4 which
// certificate, 5 trusted, 6 and 7 what to do.

#include <openssl/x509v3.h>

#include "core/check.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/test_certs.h"
#include "tls/chain/relation.h"
#include "tls/chain/search.h"

enum { CAS = 5, SET = 32, STEPS_MAX = 200 };
static struct made_cert set[SET], leaf;

// The first five are self-signed, the others cross-signed with a digest and a time of their own.
static void make_set(void) {
    static const char *const names[CAS] = {"A", "B", "C", "D", "E"};
    static const char *const digests[] = {"SHA1", "SHA256", "SHA384"};
    for (int i = 0; i < SET; i++) {
        int subject = i % CAS, issuer = (i / CAS + i) % CAS;
        bool is_expired = i >= CAS && i % 7 == 0;
        set[i] = make_cert(&(struct cert_recipe){.subject = names[subject],
                                                 .issuer = i < CAS ? NULL : &set[issuer],
                                                 .use_key = i < CAS ? NULL : set[subject].key,
                                                 .digest = digests[i % 3],
                                                 .begins_s = is_expired ? -7200 : 0,
                                                 .ends_s = is_expired ? -3600 : 0,
                                                 .is_ca = true});
    }
    leaf = make_cert(&(struct cert_recipe){.subject = "leaf", .issuer = &set[0]});
}

static void ask(struct graph *g, int bits_min) {
    struct chain_answer answer;
    struct chain_question q = {.leaf = leaf.cert,
                               .at = time(NULL),
                               .bits_min = bits_min,
                               .intermediates_max = -1,
                               .limits = CHAIN_LIMITS_HANDSHAKE};
    size_t before = graph_count(g);
    enum chain_result result = chain_find(g, &q, &answer);
    CHECK(answer.visits <= q.limits.visits && answer.signatures <= q.limits.signatures);
    CHECK(answer.verifications <= q.limits.verifications);
    const struct path *p = &answer.path;
    CHECK((result == CHAIN_FOUND) == (p->length > 0 && answer.why.len == 0));
    CHECK(p->length == 0 || (p->steps[0]->cert == leaf.cert && p->bits >= bits_min));
    for (size_t i = 1; i < p->length; i++) {
        enum relation relation = relation_find(p->steps[i]->cert, p->steps[i - 1]->cert);
        CHECK(relation == RELATION_OF_ISSUER || relation == RELATION_OF_NAME);
    }
    chain_answer_fini(&answer);
    graph_rewind(g, before);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    if (!leaf.cert) make_set();
    struct graph *g = graph_new(0);
    size_t kept = 0; // versions that are not rewound, all anchors among them
    for (size_t i = 0; i < len && i < STEPS_MAX; i++) {
        const struct made_cert *c = &set[bytes[i] % SET];
        bool is_trusted = bytes[i] & 32;
        switch (bytes[i] >> 6) {
        case 0: graph_add(g, c->cert, is_trusted); break;
        case 1: graph_add(g, c->cert, false); break;
        case 2: ask(g, is_trusted ? 112 : 1); break;
        default: graph_rewind(g, kept < graph_count(g) ? kept : graph_count(g));
        }
        if (bytes[i] >> 6 == 0 && is_trusted) kept = graph_count(g);
    }
    ask(g, 1);
    graph_free(g);
    return 0;
}
