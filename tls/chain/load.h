// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>

#include "core/slice.h"
#include "core/text.h"
#include "tls/chain/decoded.h"

// Certificates, CRLs and private keys from the bytes of a file: PEM blocks among any other text; DER, one after the other; PKCS#7 and PKCS#12
// (RFC 7292) as DER or PEM. What cannot be decoded is left out and said in `problems`, one line each: "PATH:LINE: certificate 3: why"
// of PEM, "PATH: byte 17: certificate 3: why" of DER. Nothing at all is an empty set, no problem.

#define LOAD_CERTIFICATES_MAX 20000
#define LOAD_CRLS_MAX         20000
// Rounds of key derivation that one file may cost (about a second).
#define LOAD_ROUNDS_MAX 5000000

// In the order of the file.
struct bundle {
    STACK_OF(X509) * certificates;
    STACK_OF(X509_CRL) * crls;
    EVP_PKEY *key; // the first private key that could be read; NULL: none
    size_t key_count;
    size_t failed_before; // could not be read, and stand before the first certificate
};
// What is not wanted is passed over, and need not be readable.
enum { LOAD_CERTIFICATES = 1, LOAD_CRLS = 2, LOAD_KEYS = 4, LOAD_ALL = 7 };
struct load_conf {
    const char *path;        // for messages
    const char *password;    // for PKCS#12 and encrypted keys; NULL: none
    unsigned wanted;         // LOAD_...
    int certificates_max;    // 0: LOAD_CERTIFICATES_MAX
    struct decoded *decoded; // shared by many files; NULL: none
};

// Returns how many there were that could not be read. bundle_fini() is due in either case.
size_t bundle_load(struct bundle *b, struct slice content, const struct load_conf *conf,
                   struct text *problems);
void bundle_fini(struct bundle *b);

// One kind only. The stacks are made here; the caller frees them with their contents. The same bytes are decoded once.
size_t load_certificates(struct slice content, const char *path, STACK_OF(X509) * *out,
                         struct text *problems);
size_t load_crls(struct slice content, const char *path, STACK_OF(X509_CRL) * *out,
                 struct text *problems);
