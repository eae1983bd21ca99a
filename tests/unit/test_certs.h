// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>

#include "core/files.h"
#include "core/text.h"

// Certificates made while the tests run. A failure in here ends the test program.
struct made_cert {
    X509 *cert;
    EVP_PKEY *key;
};
struct cert_recipe {
    const char *subject;            // common name
    const char *names;              // "DNS:a.example,IP:10.0.0.1"; NULL: no subjectAltName
    const char *usages;             // extendedKeyUsage: "serverAuth"; NULL: none
    const char *issuer_url;         // authorityInfoAccess, caIssuers; NULL: none
    const struct made_cert *issuer; // NULL: self-signed
    const char *key;                // "P-256" (default), "P-384", "ED25519", "RSA2048", "RSA1024"
    const char *digest;             // "SHA256" (default), "SHA1"
    bool is_ca;
    long begins_s, ends_s;     // from now; both 0: a day ago to in 30 days
    time_t begins_at, ends_at; // a moment each; 0: as above
    const EVP_PKEY *use_key;   // instead of a new one
};
struct made_cert make_cert(const struct cert_recipe *recipe);
void drop_cert(struct made_cert *c);
// PEM text added to `out`.
void add_cert_pem(struct text *out, const struct made_cert *c);
void add_key_pem(struct text *out, const struct made_cert *c);
// Puts a file into the set: each letter of `parts` is one block: c the certificate, k its key, 1 to 9 the certificates
// of `more`.
void put_pem(struct files *files, const char *path, const char *parts, const struct made_cert *c,
             const struct made_cert *const *more);
