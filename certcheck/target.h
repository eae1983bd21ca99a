// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/hostname.h"
#include "core/text.h"

// What rsp-certcheck looks at: certificates as one place has them, collected and not judged. A file is one target, a directory one for each
// file in it, a live host one for each chain that it sends, a route file one for each certificate.

enum target_kind {
    TARGET_FILE,
    TARGET_LIVE, // sent by a server
    TARGET_SITE, // what a route file has rsp serve
    TARGET_TRUSTED // CA certificates that a route file trusts: to be looked at one by one, there is no chain
};

// How a live chain was got. Every string is heap memory, NULL where it does not apply.
struct target_live {
    char *address;     // "192.0.2.1:443"
    char *sni;         // the name asked for
    char *starttls;    // "smtp"
    char *tls_version; // "TLSv1.3"
    char *cipher;      // "TLS_AES_128_GCM_SHA256"
    char *signature;   // what the server signed the handshake with: "rsa_pss_rsae_sha256"
    char *probes; // the signature families that were offered when it sent this chain: "RSA, legacy"
    char *unasked; // those that it could not be asked with, as its time was over
};

struct target {
    enum target_kind kind;
    char *
        name; // as written; of a directory: the file's path; with more than one chain: "a.example:443 (ECDSA)"
    STACK_OF(X509) * sent; // in the order found; never NULL
    STACK_OF(X509) *
        extra; // not sent, but at hand: fetched by --aia, or of the route file's chain_dir; never NULL
    EVP_PKEY *key; // the first one found; NULL: none
    size_t key_count;
    char **hosts; // names that it must be for, normalised; none: no name is checked
    size_t host_count;
    bool is_for_web;      // the web's rules apply as well (--host, as with --verify)
    struct text problems; // what could not be read, one line each, with file or host and position
    struct target_live live;
};

struct target_conf {
    const char *
        host; // --host: whom every target must be for, by the web's rules; NULL: live ones for the name in the TARGET, others for nobody
    const char
        *password;   // --password-file or environment: of PKCS#12 and encrypted keys; NULL: none
    const char *sni; // --sni; NULL: the host's name
    const char *starttls; // --starttls, of which one must exist, or "none"; NULL: by port
    unsigned timeout_ms;  // --timeout: of a server with all its probes, a pipe, an issuer; 0: 10 s
    bool fetches_issuers; // --aia
    bool fetches_from_private; // --aia-allow-private
};

// hostname_normalise() (core/hostname.h), which wants an IPv6 address in brackets, also for one without.
size_t target_normalise_host(struct slice name, char out[HOSTNAME_MAX + 1]);

#define TARGETS_MAX             65536
#define TARGET_CERTIFICATES_MAX 20000 // of one

struct targets;
struct targets *targets_new(const struct target_conf *conf); // conf must outlive it
void targets_free(struct targets *t);
// A TARGET word: a file, a directory, "-" (standard input), or host[:port]. Always adds at least one target: what cannot be had is one
// with problems and nothing sent.
void targets_add(struct targets *t, const char *word);
// Each of them, in order. Of several servers sixteen are asked at the same time, by processes that this one starts and waits for.
void targets_add_all(struct targets *t, char *const *words, size_t count);
// Every certificate that a route file names (--config).
void targets_add_routes(struct targets *t, const char *path);
size_t targets_count(const struct targets *t);
struct target *targets_at(const struct targets *t, size_t i);
