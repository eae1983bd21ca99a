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

static const unsigned char *key_print(struct graph *g, uint32_t number);
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
    bool is_made = false;
    if (s && signatures_know(s, g, subject, issuer, &is_made)) return is_made;
    is_made = check(g, subject, issuer);
    if (s)
        (void)print_map_add(s->results, graph_version(g, subject)->step.print, key_print(g, issuer),
                            is_made ? &is_good : &is_bad);
    return is_made;
}

bool signatures_know(const struct signatures *s, struct graph *g, uint32_t subject, uint32_t issuer,
                     bool *is_made) {
    const unsigned char *cert = graph_version(g, subject)->step.print;
    const void *known = print_map_find(s->results, cert, key_print(g, issuer));
    if (known) *is_made = known == &is_good;
    return known;
}

static const unsigned char *key_print(struct graph *g, uint32_t number) {
    return graph_key_print(g, graph_version(g, number)->entity);
}

static bool check(struct graph *g, uint32_t subject, uint32_t issuer) {
    EVP_PKEY *key = X509_get0_pubkey(graph_version(g, issuer)->step.cert);
    bool is_made = key && X509_verify(graph_version(g, subject)->step.cert, key) == 1;
    ERR_clear_error();
    return is_made;
}
