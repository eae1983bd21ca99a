// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/ssl.h>

#include "core/stream.h"
#include "core/text.h"

// TLS as a layer of a stream: one SSL object between the wire and the plain side.
struct tls_layer;
extern const struct layer_ops tls_layer_ops;

#define TLS_FIRST_RECORD_BYTES 1370 // with its overhead it fits one segment
#define TLS_RECORD_BYTES       16384
#define TLS_SMALL_UNTIL_BYTES  (64u << 10) // so much in small records, then full ones
#define TLS_IDLE_MS            1000        // after so long without output: small again

// Takes the SSL (fresh, in accept or connect state). For use with stream_add_layer(s, &tls_layer_ops, layer).
struct tls_layer *tls_layer_new(SSL *ssl, const BIO_METHOD *wire_method);
SSL *tls_layer_ssl(const struct tls_layer *l);
struct tls_layer *tls_layer_of(const SSL *ssl); // inside OpenSSL's callbacks
// The host name that this connection is about, normalised; copied. Empty until set.
void tls_layer_set_name(struct tls_layer *l, struct slice name);
struct slice tls_layer_name(const struct tls_layer *l);
// Of the weakest signature of the path over which the peer's certificate was verified; 0 until set.
void tls_layer_set_bits(struct tls_layer *l, int bits);
int tls_layer_bits(const struct tls_layer *l);
// The number of the client rules that hold on it; 0 until set.
void tls_layer_set_rules(struct tls_layer *l, size_t number);
// A reason that a callback of ours knows better than OpenSSL's error queue; the first one counts.
void tls_layer_explain(struct tls_layer *l, const char *why);
