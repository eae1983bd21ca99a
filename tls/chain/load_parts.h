// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "tls/chain/load.h"

// What tls/chain/load*.c know of a file while it is read; nobody else includes this.

struct loading {
    const struct load_conf *conf;
    struct bundle *out;
    struct text *problems;
    struct slice content;
    bool is_pem;
    size_t offset;        // of what is being read
    size_t line, counted; // the number of the line at content[counted]; for messages
    size_t failed;
    uint64_t rounds; // of key derivation that are left
    bool has_ended;  // there is too much of it: the rest is left out
};

enum load_kind { LOAD_CERTIFICATE, LOAD_CRL, LOAD_KEY, LOAD_PKCS7, LOAD_PKCS12, LOAD_KINDS };

#define LOAD_ENCRYPTED                                                                             \
    "it is encrypted and there is no password for it (openssl pkey -in OLD -out NEW writes it "    \
    "without one)"

// Says that one could not be read; with OpenSSL's reason where `why` is NULL.
void loading_fail(struct loading *l, enum load_kind kind, const char *why);

// load_object.c. Each takes one object in DER that begins at *at; returns true and moves *at behind it, or false when it
// cannot be decoded (then that has been said).
bool load_object(struct loading *l, enum load_kind kind, const unsigned char **at, long len);
enum load_kind load_kind_of(struct slice der);             // by its first tags; a guess
void load_take_certificate(struct loading *l, X509 *cert); // takes the reference
void load_take_crl(struct loading *l, X509_CRL *crl);      // takes the reference
void load_take_key(struct loading *l, EVP_PKEY *key);      // takes the reference

// load_pkcs12.c
bool load_pkcs12(struct loading *l, const unsigned char **at, long len);
// An encrypted key (PKCS#8).
void load_encrypted_key(struct loading *l, const X509_SIG *sealed);
