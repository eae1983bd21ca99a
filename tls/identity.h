// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "tls/certificate.h"
#include "tls/tls.h"

// A certificate that we serve: leaf, its private key, and the chain that is sent with it.
struct identity {
    char *path; // of the certificate's file
    X509 *leaf; // NULL: not even that could be read
    EVP_PKEY *key;
    STACK_OF(X509) * chain; // after the leaf, in order, without a self-signed root
    enum key_kind kind;
    bool is_weak; // and served all the same
    char **names; // DNS names of the leaf, normalised; known for many that are unusable as well
    size_t name_count;
    struct text notes; // what was mended while reading: one line each
};

// Reads and checks. False: must not be served, one line in `problems` says why and what to do. The identity is filled as
// far as possible in either case; identity_fini() is due.
bool identity_load(struct identity *id, struct files *files, const struct tls_identity_conf *conf,
                   struct text *problems);
void identity_log_notes(const struct identity *id);
void identity_fini(struct identity *id);

// The certificates that lead from `leaf` towards a root, picked from `pool` in order: the strongest valid path
// (tls/chain/serve.h); where there is none, each the issuer of the one before by name and by signature. Without self-signed ones; at most IDENTITY_CHAIN_MAX. References are taken; the caller frees.
#define IDENTITY_CHAIN_MAX 8
STACK_OF(X509) * identity_order_chain(X509 *leaf, const STACK_OF(X509) * pool);
