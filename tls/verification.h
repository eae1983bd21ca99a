// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/ssl.h>

#include "tls/chain/narrow.h"

// How a peer's certificate is verified during a handshake, for both roles: over the strongest path
// (tls/chain/narrow.h). The layer learns what was found, or why not, in words.

// mode: as of SSL_CTX_set_verify(). The rules are borrowed and must outlive the context.
void verification_attach(SSL_CTX *c, int mode, const struct narrow_rules *rules);
// An SSL that was made by another context and has changed to this one keeps the first one's mode:
// SSL_set_SSL_CTX() does not touch it.
void verification_apply(SSL *ssl, const SSL_CTX *c);
