// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/ssl.h>

#include "tls/tls.h"

// The client's certificate in words and as fields, as tls_peer() and tls_peer_field() give it; belongs to the layer.
struct peer_certificate;
struct peer_certificate *peer_certificate_new(SSL *ssl, int bits); // NULL: there is no certificate
void peer_certificate_free(struct peer_certificate *p);
const struct tls_peer *peer_certificate_words(const struct peer_certificate *p);
struct slice peer_certificate_field(struct peer_certificate *p, bool is_chain);
