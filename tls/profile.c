// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/profile.h"

#include <openssl/err.h>
#include <string.h>

#include "core/check.h"
#include "tls/tls.h"

struct profile {
    const char *name;
    int least_version;
    const char *ciphers; // of TLS 1.2
};

// The first one is the default.
static const struct profile profiles[] = {
    {"intermediate", TLS1_2_VERSION,
     "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
     "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"},
    {"modern", TLS1_3_VERSION, NULL},
};
static const char *const suites =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
// The best list that this library knows: the hybrid needs OpenSSL 3.5.
static const char *const groups[] = {"X25519MLKEM768:X25519:P-256:P-384", "X25519:P-256:P-384"};

// Of handshakes, where weak certificates are allowed: what level 2 leaves of OpenSSL's own list.
static const char *const sigalgs =
    "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:ed448:RSA-PSS+SHA256:RSA-PSS+SHA384:"
    "RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512";
#define SECURITY_LEVEL 2 // 112 bits: RSA of 2048 bits and more, no SHA-1 signatures

static const struct profile *find(const char *name);
static void set_groups(SSL_CTX *c);

bool profile_is_known(const char *name) {
    return strcmp(find(name)->name, name) == 0;
}

SSL_CTX *profile_new(const char *name, const SSL_METHOD *method) {
    const struct profile *p = find(name);
    SSL_CTX *c = SSL_CTX_new(method);
    CHECK(c && SSL_CTX_set_min_proto_version(c, p->least_version) == 1);
    CHECK(!p->ciphers || SSL_CTX_set_cipher_list(c, p->ciphers) == 1);
    CHECK(SSL_CTX_set_ciphersuites(c, suites) == 1);
    set_groups(c);
    SSL_CTX_set_security_level(c, SECURITY_LEVEL);
    SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_max_early_data(c, 0);
    return c;
}

void profile_allow_weak(SSL_CTX *c) {
    SSL_CTX_set_security_level(c, 0);
    CHECK(SSL_CTX_set1_sigalgs_list(c, sigalgs) == 1);
}

const char *tls_library_version(void) {
    return OpenSSL_version(OPENSSL_VERSION);
}

static const struct profile *find(const char *name) {
    for (size_t i = 0; name && i < sizeof profiles / sizeof *profiles; i++)
        if (strcmp(profiles[i].name, name) == 0) return &profiles[i];
    return &profiles[0];
}

static void set_groups(SSL_CTX *c) {
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (SSL_CTX_set1_groups_list(c, groups[i]) == 1) break;
    ERR_clear_error();
}
