// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tls/chain/path.h"

// All certificates that a path may be made of, without duplicates. Who issued whom is answered by name: a certificate's
// possible issuers are the versions of its issuer's name. Memory is bounded by GRAPH_VERSIONS_MAX.

#define GRAPH_VERSIONS_MAX 20000
#define GRAPH_NOBODY       UINT32_MAX

// One certificate. Versions of one entity share name and key.
struct version {
    struct path_step step;
    uint32_t subject, issuer; // numbers of names: equal when the names are (RFC 5280 section 7.1)
    uint32_t entity;
    uint32_t next; // with the same subject, or GRAPH_NOBODY
    bool is_anchor;
    int digest_bits, key_bits;                       // of its signature's digest; of its own key
    const ASN1_OCTET_STRING *key_id, *issuer_key_id; // of its own key, of its issuer's; NULL: none
};

struct graph;
// Its tables are made for so many certificates; more find room as well, only slower.
struct graph *graph_new(size_t expected);
void graph_free(struct graph *g);

// Takes a reference. Of one that is there already only is_anchor counts. Its number, or GRAPH_NOBODY when the graph is full or the
// certificate cannot be encoded.
uint32_t graph_add(struct graph *g, X509 *cert, bool is_anchor);
size_t graph_count(const struct graph *g);
struct version *graph_version(struct graph *g, uint32_t number);
// The first version with this subject, or GRAPH_NOBODY; then follow `next`.
uint32_t graph_first(const struct graph *g, uint32_t name);
uint32_t graph_names(const struct graph *g);    // names are numbered below this
uint32_t graph_entities(const struct graph *g); // entities as well
// SHA-256 of an entity's key as it is encoded; zeros: it cannot be encoded.
const unsigned char *graph_key_print(const struct graph *g, uint32_t entity);

// Forgets what was added since the graph had this many versions (none of them an anchor).
void graph_rewind(struct graph *g, size_t count);

// For each name the least number of certificates from one of its versions to an anchor, that included (1: a version is an anchor;
// 0: no anchor can be reached) by signatures of at least `bits`. `distances` has graph_names() places. An anchor that
// is_barred says true of does not count; NULL: all count.
typedef bool graph_barred_fn(void *arg, uint32_t number);
void graph_reach(const struct graph *g, int bits, graph_barred_fn *is_barred, void *arg,
                 unsigned char *distances);
