// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>

#include "core/loop.h"
#include "core/stream.h"
#include "tls/tls.h"

// A client of OpenSSL's own, beside rsp's code, at the other end of a stream that rsp's TLS is on. Its wire is a plain
// stream, so that a test can look at, cut or change what goes over it.
struct peer {
    struct loop *loop;
    struct stream *wire; // the client's end, plain
    struct stream *ours; // the server's end, with the layer
    SSL_CTX *settings;
    SSL *ssl;
    BIO *in, *out;    // of the SSL
    int result;       // of the last SSL call that was tried
    int error;        // SSL_get_error() of it
    size_t sent;      // bytes given to the wire
    size_t step;      // bytes sent in one turn; SIZE_MAX: all
    size_t cut_after; // nothing is sent beyond so many; SIZE_MAX: no cut
};

// Settings may be changed before peer_shake(); name: SNI, or NULL.
struct peer peer_new(struct loop *loop, struct tls_server *server, const char *name);
void peer_drop(struct peer *p);
void peer_move(
    struct peer *p); // moves bytes between the SSL and the wire, then one turn of the loop
// Turns until the client's handshake and ours have ended in one way or another; true: both are READY.
bool peer_shake(struct peer *p);
// The reason of the client's failure in OpenSSL's words ("tlsv1 unrecognized name"); "" without one.
const char *peer_reason(void);
// Turns until the condition holds, at most five seconds.
#define PEER_UNTIL(p, condition)                                                                   \
    for (int turns_left = 5000; turns_left > 0 && !(condition); turns_left--) peer_move(p)
// The common name of the certificate that was presented.
void peer_cert_name(const struct peer *p, char out[200]);
