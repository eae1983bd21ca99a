// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define PATH_LENGTH_MAX 32
#define PRINT_BYTES     32 // SHA-256 over the DER

// What the order of paths looks at in one certificate.
struct path_step {
    X509 *cert;
    unsigned char print[PRINT_BYTES];
    time_t begins, ends;
};
// From the leaf to the anchor. Steps are borrowed from the graph.
struct path {
    const struct path_step *steps[PATH_LENGTH_MAX];
    size_t length;
    int bits; // of its weakest signature, the anchor's own not counted; STRENGTH_MAX when there is none
};

// The total order: negative when `a` is better. Stronger weakest signature; fewer certificates; the earliest end later; the
// latest begin later; then the smaller fingerprints. 0 only for the same certificates.
int path_compare(const struct path *a, const struct path *b);
// The earliest end of its certificates.
time_t path_end(const struct path *p);
