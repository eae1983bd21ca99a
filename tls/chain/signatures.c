// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/chain/signatures.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"

enum state { IS_FREE, IS_GOOD, IS_BAD };
struct result {
    unsigned char cert[PRINT_BYTES], key[PRINT_BYTES];
    enum state state;
};
// Open addressing; never more than half full.
struct signatures {
    struct result *places;
    size_t room, count; // room: a power of two
};

static bool check(struct graph *g, uint32_t subject, uint32_t issuer);
static struct result *find(const struct signatures *s, const unsigned char *cert,
                           const unsigned char *key);
static void grow(struct signatures *s);

struct signatures *signatures_new(void) {
    struct signatures *s = calloc(1, sizeof *s);
    CHECK(s);
    grow(s);
    return s;
}

void signatures_free(struct signatures *s) {
    if (!s) return;
    free(s->places);
    free(s);
}

bool signatures_check(struct signatures *s, struct graph *g, uint32_t subject, uint32_t issuer) {
    const unsigned char *cert = graph_version(g, subject)->step.print;
    const unsigned char *key = graph_key_print(g, graph_version(g, issuer)->entity);
    if (!s) return check(g, subject, issuer);
    struct result *one = find(s, cert, key);
    if (one->state != IS_FREE) return one->state == IS_GOOD;
    bool is_good = check(g, subject, issuer);
    if (s->count == SIGNATURES_MAX) return is_good;
    one->state = is_good ? IS_GOOD : IS_BAD;
    memcpy(one->cert, cert, PRINT_BYTES);
    memcpy(one->key, key, PRINT_BYTES);
    if (++s->count * 2 > s->room) grow(s);
    return is_good;
}

static bool check(struct graph *g, uint32_t subject, uint32_t issuer) {
    EVP_PKEY *key = X509_get0_pubkey(graph_version(g, issuer)->step.cert);
    bool is_good = key && X509_verify(graph_version(g, subject)->step.cert, key) == 1;
    ERR_clear_error();
    return is_good;
}

// Its place, or the one where it belongs. Both are digests, so that nobody can choose where many meet.
static struct result *find(const struct signatures *s, const unsigned char *cert,
                           const unsigned char *key) {
    uint32_t a, b;
    memcpy(&a, cert, sizeof a);
    memcpy(&b, key, sizeof b);
    size_t i = (a ^ b) & (s->room - 1);
    while (s->places[i].state != IS_FREE && (memcmp(s->places[i].cert, cert, PRINT_BYTES) != 0 ||
                                             memcmp(s->places[i].key, key, PRINT_BYTES) != 0))
        i = (i + 1) & (s->room - 1);
    return &s->places[i];
}

static void grow(struct signatures *s) {
    struct signatures more = {.room = s->room ? s->room * 2 : 64, .count = s->count};
    more.places = calloc(more.room, sizeof *more.places);
    CHECK(more.places);
    for (size_t i = 0; i < s->room; i++) {
        const struct result *one = &s->places[i];
        if (one->state != IS_FREE) *find(&more, one->cert, one->key) = *one;
    }
    free(s->places);
    *s = more;
}
