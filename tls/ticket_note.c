// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/ticket_note.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include "core/check.h"
#include "tls/certificate.h"
#include "tls/layer.h"

// A note: VERSION, bits in two bytes, length of the path, the intermediates. A client whose
// intermediates are larger gets tickets that are never opened: they would have to travel with every
// ClientHello.
enum { VERSION = 1, HEAD_BYTES = 4, NOTE_BYTES_MAX = 8192 };

static size_t add_intermediates(const STACK_OF(X509) * path, unsigned char *to, size_t room);

int ticket_note_seal(SSL *ssl, void *unused) {
    unsigned char note[NOTE_BYTES_MAX];
    struct ticket_note old;
    (void)unused;
    SSL_SESSION *session = SSL_get_session(ssl);
    if (!SSL_get0_peer_certificate(ssl) || ticket_note_read(session, &old)) return 1;
    const STACK_OF(X509) *path = SSL_get0_verified_chain(ssl);
    int bits = tls_layer_bits(tls_layer_of(ssl));
    const unsigned char head[] = {VERSION, (unsigned char)(bits >> 8), (unsigned char)bits,
                                  (unsigned char)sk_X509_num(path)};
    memcpy(note, head, sizeof head);
    size_t len = add_intermediates(path, note + HEAD_BYTES, sizeof note - HEAD_BYTES);
    if (len != SIZE_MAX) SSL_SESSION_set1_ticket_appdata(session, note, HEAD_BYTES + len);
    return 1;
}

// SIZE_MAX: no room.
static size_t add_intermediates(const STACK_OF(X509) * path, unsigned char *to, size_t room) {
    size_t used = 0;
    for (int i = 1; i + 1 < sk_X509_num(path); i++) {
        unsigned char *at = to + used;
        int len = i2d_X509(sk_X509_value(path, i), NULL);
        if (len <= 0 || (size_t)len > room - used) return SIZE_MAX;
        used += (size_t)i2d_X509(sk_X509_value(path, i), &at);
    }
    return used;
}

// Anything but a good ticket leads to a full handshake, in which the certificate is looked at anew.
SSL_TICKET_RETURN ticket_note_open(SSL *ssl, SSL_SESSION *session, const unsigned char *key_name,
                                   size_t key_name_len, SSL_TICKET_STATUS status, void *unused) {
    struct ticket_note note;
    (void)ssl, (void)key_name, (void)key_name_len, (void)unused;
    if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    const X509 *cert = SSL_SESSION_get0_peer(session);
    bool is_good = !cert || (ticket_note_read(session, &note) && !certificate_is_expired(cert));
    if (!is_good) return SSL_TICKET_RETURN_IGNORE_RENEW;
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

bool ticket_note_has_room(const X509 *cert) {
    return i2d_X509(cert, NULL) <= TICKET_CERT_BYTES_MAX;
}

bool ticket_note_read(SSL_SESSION *session, struct ticket_note *note) {
    void *at = NULL;
    size_t len = 0;
    if (!session || SSL_SESSION_get0_ticket_appdata(session, &at, &len) != 1 || len < HEAD_BYTES)
        return false;
    const unsigned char *bytes = at;
    if (bytes[0] != VERSION) return false;
    *note =
        (struct ticket_note){.bits = bytes[1] << 8 | bytes[2],
                             .length = bytes[3],
                             .intermediates = {(const char *)bytes + HEAD_BYTES, len - HEAD_BYTES}};
    return true;
}
