// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/chain/signatures.h"

#include <openssl/err.h>
#include <stdlib.h>

#include "core/check.h"
#include "tls/chain/print_map.h"

struct signatures {
    struct print_map *results; // by certificate and key: &is_good or &is_bad
};
static char is_good, is_bad;

static bool check(struct graph *g, uint32_t subject, uint32_t issuer);

struct signatures *signatures_new(void) {
    struct signatures *s = malloc(sizeof *s);
    CHECK(s);
    s->results = print_map_new();
    return s;
}

void signatures_free(struct signatures *s) {
    if (!s) return;
    print_map_free(s->results, NULL);
    free(s);
}

bool signatures_check(struct signatures *s, struct graph *g, uint32_t subject, uint32_t issuer) {
    if (!s) return check(g, subject, issuer);
    const unsigned char *cert = graph_version(g, subject)->step.print;
    const unsigned char *key = graph_key_print(g, graph_version(g, issuer)->entity);
    void *known = print_map_find(s->results, cert, key);
    if (known) return known == &is_good;
    bool is_made = check(g, subject, issuer);
    (void)print_map_add(s->results, cert, key, is_made ? &is_good : &is_bad);
    return is_made;
}

static bool check(struct graph *g, uint32_t subject, uint32_t issuer) {
    EVP_PKEY *key = X509_get0_pubkey(graph_version(g, issuer)->step.cert);
    bool is_made = key && X509_verify(graph_version(g, subject)->step.cert, key) == 1;
    ERR_clear_error();
    return is_made;
}
