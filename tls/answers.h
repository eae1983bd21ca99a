// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>

#include "tls/client_verifier.h"
#include "tls/identity.h"
#include "tls/tickets.h"

// One SSL_CTX for each combination of certificates and client rules that some name has: one of RSA and one of ECDSA, say. An answer is made
// when it is first needed: of 10,000 certificates a worker may use few. There are at most as many as names.

struct answers;
// profile NULL: the usual one. tickets NULL: none are given out; else they must outlive this.
struct answers *answers_new(const char *profile, struct tickets *tickets);
void answers_free(struct answers *s);

// What handshakes begin with: no certificate, nothing asked of clients. The caller's.
SSL_CTX *answers_new_settings(const struct answers *s);
// Borrowed; the identities (NULL: none of that kind) and the verifier must outlive it.
SSL_CTX *answers_get(struct answers *s, const struct identity *const identities[KEY_KINDS],
                     const struct client_verifier *verifier);
