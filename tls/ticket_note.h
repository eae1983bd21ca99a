// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>

#include "core/slice.h"

// What a session ticket keeps of how the client's certificate was verified. The certificate itself
// OpenSSL keeps; the path it would forget.
struct ticket_note {
    int bits;                   // of the weakest signature
    unsigned length;            // of the path, the anchor included
    struct slice intermediates; // in order, DER one after the other; the session's
};

// For SSL_CTX_set_session_ticket_cb(): writes the note; opens only tickets with one whose
// certificate is still valid.
int ticket_note_seal(SSL *ssl, void *unused);
SSL_TICKET_RETURN ticket_note_open(SSL *ssl, SSL_SESSION *session, const unsigned char *key_name,
                                   size_t key_name_len, SSL_TICKET_STATUS status, void *unused);
// A ticket carries the client's certificate, and comes back in the first message of each
// connection: with a larger one the client gets none. (OpenSSL's own clients take no ticket of more
// than 16 KiB in TLS 1.2.)
#define TICKET_CERT_BYTES_MAX 6144
bool ticket_note_has_room(const X509 *cert);
// False: the session has none.
bool ticket_note_read(SSL_SESSION *session, struct ticket_note *note);
