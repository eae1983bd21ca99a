// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/x509.h>

// How strong signatures are, in bits, by a table of our own: X509_get_signature_info() looks at the
// digest only, gives SHA-1 63 bits but PSS with SHA-1 64, and takes the bits of some algorithms
// from the wrong key.

#define STRENGTH_MAX 256

// What the digest of this certificate's signature is worth against collisions; 0: unknown.
// STRENGTH_MAX where the algorithm brings its own digest.
int strength_of_digest(const X509 *cert);
int strength_of_list_digest(const X509_CRL *crl); // of a revocation list's
// What a key is worth (NIST SP 800-57 part 1, table 2); 0: NULL or unknown.
int strength_of_key(const EVP_PKEY *key);
