// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/reason.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

// Failures that OpenSSL names too briefly. What is not here keeps OpenSSL's own words.
static const struct {
    int reason;
    const char *words;
} known[] = {
    {SSL_R_HTTP_REQUEST, "plain HTTP was sent to a TLS port"},
    {SSL_R_HTTPS_PROXY_REQUEST, "a plain HTTP CONNECT was sent to a TLS port"},
    {SSL_R_WRONG_VERSION_NUMBER, "what came is not TLS (wrong version number)"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "the peer's TLS version is too old for this profile"},
    {SSL_R_VERSION_TOO_LOW, "the peer's TLS version is too old for this profile"},
    {SSL_R_NO_SHARED_CIPHER, "no cipher in common with the peer"},
    {SSL_R_NO_SUITABLE_KEY_SHARE, "no key exchange group in common with the peer"},
    {SSL_R_NO_SHARED_GROUPS, "no key exchange group in common with the peer"},
    {SSL_R_NO_APPLICATION_PROTOCOL, "the peer does not offer http/1.1 (ALPN)"},
    {SSL_R_CERTIFICATE_VERIFY_FAILED, "the peer's certificate could not be verified"},
    {SSL_R_EXCESSIVE_MESSAGE_SIZE,
     "the peer sent a handshake message that is too long (of certificates: more than 100 KiB)"},
    {SSL_R_CALLBACK_FAILED, "the name asked for has no usable certificate"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN,
     "the peer rejects our certificate (alert certificate unknown)"},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA,
     "the peer does not trust our certificate's CA (alert unknown CA)"},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "the peer rejects our certificate (alert bad certificate)"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, "the peer says that our certificate has expired"},
    {SSL_R_TLSV1_UNRECOGNIZED_NAME,
     "the peer has no certificate for this name (alert unrecognized name)"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION,
     "no TLS version in common with the peer (alert protocol version)"},
    {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE,
     "the peer gave up the handshake (alert handshake failure): no version, "
     "cipher or certificate in common"},
};

static unsigned long take_first(void);
static void add_words(struct text *out, unsigned long error);

void reason_take(struct text *out) {
    text_add(out, SLICE("TLS: "));
    unsigned long error = take_first();
    int reason = ERR_GET_REASON(error);
    bool is_ssl = ERR_GET_LIB(error) == ERR_LIB_SSL;
    for (size_t i = 0; is_ssl && i < sizeof known / sizeof *known; i++) {
        if (known[i].reason != reason) continue;
        text_add(out, slice_of(known[i].words));
        return;
    }
    if (is_ssl && reason >= SSL_AD_REASON_OFFSET) {
        text_printf(out, "the peer sent the alert \"%s\"",
                    SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET));
        return;
    }
    add_words(out, error);
}

bool reason_is_http(void) {
    unsigned long error = ERR_peek_error();
    int reason = ERR_GET_REASON(error);
    return ERR_GET_LIB(error) == ERR_LIB_SSL &&
           (reason == SSL_R_HTTP_REQUEST || reason == SSL_R_HTTPS_PROXY_REQUEST);
}

void reason_take_plain(struct text *out) {
    add_words(out, take_first());
}

// The oldest error is the cause, the later ones say who passed it on.
static unsigned long take_first(void) {
    unsigned long first = ERR_get_error();
    ERR_clear_error();
    return first;
}

static void add_words(struct text *out, unsigned long error) {
    const char *words = ERR_reason_error_string(error);
    if (words)
        text_add(out, slice_of(words));
    else
        text_printf(out, "OpenSSL error %lx", error);
}
