// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "certcheck/probe.h"

#include <openssl/err.h>
#include <poll.h>
#include <stdlib.h>

#include "certcheck/target_parts.h"
#include "core/check.h"
#include "tls/reason.h"

#define CHAIN_BYTES_MAX (4L << 20) // of what a server sends

struct probe {
    const char *name;
    const char *ciphers; // of TLS 1.2 and before
    const char *sigalgs; // NULL: none are named (before TLS 1.2 there was no way to)
    int most_version;    // 0: any
};

#define RSA_SIGALGS                                                                                \
    "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:rsa_pss_pss_sha256:"              \
    "rsa_pss_pss_sha384:rsa_pss_pss_sha512:RSA+SHA256:RSA+SHA384:RSA+SHA512"
#define ECDSA_SIGALGS "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512"
#define EDDSA_SIGALGS "ed25519:ed448"

static const struct probe everything = {"default", "DEFAULT:@SECLEVEL=0",
                                        ECDSA_SIGALGS ":" EDDSA_SIGALGS ":" RSA_SIGALGS, 0};
static const struct probe rsa = {"RSA", "aRSA:kRSA:@SECLEVEL=0", RSA_SIGALGS, 0};
static const struct probe ecdsa = {"ECDSA", "aECDSA:@SECLEVEL=0", ECDSA_SIGALGS, 0};
static const struct probe eddsa = {"EdDSA", "aECDSA:@SECLEVEL=0", EDDSA_SIGALGS, 0};
// What a client of 2010 offers.
static const struct probe legacy = {"legacy", "ALL:@SECLEVEL=0", "RSA+SHA1:ECDSA+SHA1:DSA+SHA1",
                                    TLS1_2_VERSION};
static const struct probe ancient = {"TLS 1.0", "ALL:@SECLEVEL=0", NULL, TLS1_1_VERSION};
const struct probe *const probes[] = {&everything, &ecdsa, &rsa, &eddsa, &legacy, &ancient, NULL};

static SSL *new_connection(const struct probe *p, struct link *l, const char *sni);
static int on_certificates(X509_STORE_CTX *verification, void *arg);
static bool shake_hands(SSL *ssl, struct link *l, struct text *why);
static void describe(SSL *ssl, struct target_live *live);
static void describe_signature(SSL *ssl, struct target_live *live);

const char *probe_name(const struct probe *p) {
    return p->name;
}

bool probe_run(const struct probe *p, struct link *l, const char *sni, STACK_OF(X509) * *sent,
               struct target_live *live, struct text *why) {
    struct text reason;
    *sent = NULL;
    ERR_clear_error();
    SSL *ssl = new_connection(p, l, sni);
    text_init(&reason, 600);
    SSL_CTX_set_cert_verify_callback(SSL_get_SSL_CTX(ssl), on_certificates, sent);
    bool is_finished = shake_hands(ssl, l, &reason);
    if (*sent) describe(ssl, live);
    if (is_finished && *sent) describe_signature(ssl, live);
    if (!*sent)
        text_printf(why, "%s", is_finished ? "TLS without certificates" : text_string(&reason));
    text_fini(&reason);
    SSL_free(ssl);
    ERR_clear_error();
    return *sent != NULL;
}

static SSL *new_connection(const struct probe *p, struct link *l, const char *sni) {
    struct address unused;
    SSL_CTX *c = SSL_CTX_new(TLS_client_method());
    CHECK(c && SSL_CTX_set_cipher_list(c, p->ciphers) == 1); // and the security level
    CHECK(SSL_CTX_set_min_proto_version(c, TLS1_VERSION) == 1);
    CHECK(SSL_CTX_set_max_proto_version(c, p->most_version) == 1);
    CHECK(!p->sigalgs || SSL_CTX_set1_sigalgs_list(c, p->sigalgs) == 1);
    SSL_CTX_set_options(c, SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_max_cert_list(c, CHAIN_BYTES_MAX);
    SSL *ssl = SSL_new(c);
    SSL_CTX_free(c); // the SSL has a reference
    CHECK(ssl && SSL_set_fd(ssl, l->fd) == 1);
    // RFC 6066 section 3: no addresses.
    bool has_name = sni && *sni && *sni != '[' && !address_parse_ip(slice_of(sni), 0, &unused);
    if (has_name) CHECK(SSL_set_tlsext_host_name(ssl, sni) == 1);
    SSL_set_connect_state(ssl);
    return ssl;
}

// As soon as they come: what is wrong with the rest of the handshake must not hide them.
static int on_certificates(X509_STORE_CTX *verification, void *arg) {
    STACK_OF(X509) **sent = arg;
    if (!*sent) *sent = X509_chain_up_ref(X509_STORE_CTX_get0_untrusted(verification));
    return 1;
}

static bool shake_hands(SSL *ssl, struct link *l, struct text *why) {
    for (;;) {
        ERR_clear_error();
        int result = SSL_do_handshake(ssl);
        if (result == 1) return true;
        int wanted = SSL_get_error(ssl, result);
        if (wanted == SSL_ERROR_WANT_READ || wanted == SSL_ERROR_WANT_WRITE) {
            if (!link_wait(l, wanted == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, why)) return false;
        } else {
            if (ERR_peek_error() != 0)
                reason_take(why);
            else
                text_add(why, SLICE("the server closed the connection"));
            return false;
        }
    }
}

static void describe(SSL *ssl, struct target_live *live) {
    live->tls_version = target_copy_string(SSL_get_version(ssl));
    live->cipher = target_copy_string(SSL_get_cipher_name(ssl));
}

static void describe_signature(SSL *ssl, struct target_live *live) {
    int digest = NID_undef, kind = NID_undef;
    char name[100];
    if (SSL_get_peer_signature_type_nid(ssl, &kind) != 1 || kind == NID_undef) return;
    if (SSL_get_peer_signature_nid(ssl, &digest) != 1) digest = NID_undef;
    const char *kind_name = kind == EVP_PKEY_RSA_PSS ? "RSA-PSS"
                            : kind == EVP_PKEY_RSA   ? "RSA"
                            : kind == EVP_PKEY_EC    ? "ECDSA"
                                                     : OBJ_nid2sn(kind);
    snprintf(name, sizeof name, "%s%s%s", kind_name, digest == NID_undef ? "" : "+",
             digest == NID_undef ? "" : OBJ_nid2sn(digest));
    live->signature = target_copy_string(name);
}
