// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/verification.h"

#include "core/log.h"
#include "tls/certificate.h"
#include "tls/layer.h"
#include "tls/ticket_note.h"

// A session with a larger one cannot be written: OpenSSL then ends the handshake as if by a fault
// of ours.
enum { WHY_BYTES_MAX = 1000, CERT_BYTES_MAX = 49152 };

static int on_certificate(X509_STORE_CTX *verification, void *arg);
static int on_verify(int is_good, X509_STORE_CTX *verification);
static int refuse_size(X509_STORE_CTX *verification, const X509 *cert);
static SSL *ssl_of(const X509_STORE_CTX *verification);
static struct tls_layer *layer_of(const X509_STORE_CTX *verification);
static void explain(struct text *why, const X509_STORE_CTX *verification, struct slice name);
static void explain_issuer(struct text *why, const X509 *cert);
static void log_path(const struct tls_layer *l, const X509_STORE_CTX *verification, int bits);

void verification_attach(SSL_CTX *c, int mode, const struct narrow_rules *rules) {
    SSL_CTX_set_verify(c, mode, on_verify);
    SSL_CTX_set_cert_verify_callback(c, on_certificate, (void *)rules);
}

void verification_apply(SSL *ssl, const SSL_CTX *c) {
    SSL_set_verify(ssl, SSL_CTX_get_verify_mode(c), SSL_CTX_get_verify_callback(c));
}

// In place of OpenSSL's own search for a path, which takes the first issuer that fits and never
// goes back.
static int on_certificate(X509_STORE_CTX *verification, void *arg) {
    struct tls_layer *l = layer_of(verification);
    const X509 *cert = X509_STORE_CTX_get0_cert(verification);
    if (i2d_X509(cert, NULL) > CERT_BYTES_MAX) return refuse_size(verification, cert);
    if (!ticket_note_has_room(cert)) SSL_set_num_tickets(ssl_of(verification), 0);
    struct narrow_verdict verdict;
    struct text why;
    text_init(&why, WHY_BYTES_MAX);
    text_add(&why, SLICE("TLS: the certificate "));
    size_t before = why.len;
    bool is_good = narrow_verify(verification, arg, &verdict, &why);
    if (why.len > before) tls_layer_explain(l, text_string(&why));
    if (is_good) tls_layer_set_bits(l, verdict.bits);
    if (is_good && log_has_level(LOG_LEVEL_DEBUG)) log_path(l, verification, verdict.bits);
    text_fini(&why);
    return is_good;
}

// Changes no verdict: it only remembers the first objection in words, with the certificate at
// fault.
static int on_verify(int is_good, X509_STORE_CTX *verification) {
    if (is_good) return is_good;
    struct tls_layer *l = layer_of(verification);
    struct text why;
    text_init(&why, WHY_BYTES_MAX);
    explain(&why, verification, tls_layer_name(l));
    tls_layer_explain(l, text_string(&why));
    text_fini(&why);
    return is_good;
}

static int refuse_size(X509_STORE_CTX *verification, const X509 *cert) {
    struct text why;
    text_init(&why, WHY_BYTES_MAX);
    text_add(&why, SLICE("TLS: the certificate "));
    certificate_add_title(&why, cert);
    text_printf(&why, " is larger than %d bytes", CERT_BYTES_MAX);
    tls_layer_explain(layer_of(verification), text_string(&why));
    text_fini(&why);
    X509_STORE_CTX_set_error(verification, X509_V_ERR_CERT_REJECTED);
    return 0;
}

static SSL *ssl_of(const X509_STORE_CTX *verification) {
    return X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx());
}

static struct tls_layer *layer_of(const X509_STORE_CTX *verification) {
    return tls_layer_of(ssl_of(verification));
}

static void explain(struct text *why, const X509_STORE_CTX *verification, struct slice name) {
    const X509 *cert = X509_STORE_CTX_get_current_cert(verification);
    int error = X509_STORE_CTX_get_error(verification);
    int depth = X509_STORE_CTX_get_error_depth(verification);
    text_add(why, SLICE("TLS: the certificate "));
    if (cert) certificate_add_title(why, cert);
    if (depth > 0) text_printf(why, ", at depth %d,", depth);
    switch (error) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        text_printf(why, " is not for \"%.*s\" but for ", SLICE_ARGS(name));
        if (cert) certificate_add_names(why, cert);
        break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        text_add(why, SLICE(" expired on "));
        if (cert) certificate_add_time(why, X509_get0_notAfter(cert));
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        text_add(why, SLICE(" is not valid before "));
        if (cert) certificate_add_time(why, X509_get0_notBefore(cert));
        break;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE: explain_issuer(why, cert); break;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        text_add(why, SLICE(" is self-signed and not among the trusted ones"));
        break;
    default: text_printf(why, " was refused: %s", X509_verify_cert_error_string(error));
    }
    bool is_weak = error == X509_V_ERR_CA_MD_TOO_WEAK && cert;
    if (is_weak) text_add(why, SLICE(": "));
    if (is_weak) certificate_add_signature(why, cert);
}

static void explain_issuer(struct text *why, const X509 *cert) {
    text_add(why, SLICE(" was issued by "));
    if (cert) certificate_add_issuer(why, cert);
    text_add(why, SLICE(", which is neither trusted nor sent along"));
}

static void log_path(const struct tls_layer *l, const X509_STORE_CTX *verification, int bits) {
    const STACK_OF(X509) *path = X509_STORE_CTX_get0_chain(verification);
    struct slice name = tls_layer_name(l);
    struct text line;
    text_init(&line, WHY_BYTES_MAX);
    for (int i = 0; i < sk_X509_num(path); i++) {
        if (i > 0) text_add(&line, SLICE(" <- "));
        certificate_add_title(&line, sk_X509_value(path, i));
    }
    log_debug("TLS: \"%.*s\": verified over %d certificates, the weakest signature has %d bits: %s",
              SLICE_ARGS(name), sk_X509_num(path), bits, text_string(&line));
    text_fini(&line);
}
