// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/ssl.h>

#include "tls/tls.h"

// Client rules with all that they name loaded. Immutable.
struct client_verifier;

// Never NULL: one whose files cannot be used is not usable, and nobody may be let in by it; `problems` has a line then.
struct client_verifier *client_verifier_new(struct files *files,
                                            const struct tls_client_rules *rules,
                                            struct text *problems);
void client_verifier_free(struct client_verifier *v);
bool client_verifier_is_usable(const struct client_verifier *v);

// Has handshakes of this context ask for a certificate and verify it; nothing where nobody is asked. The verifier must outlive it.
void client_verifier_attach(const struct client_verifier *v, SSL_CTX *c);

// What the rules are, down to the bytes of their files: a session is good under equal rules only (CVE-2025-23419).
#define CLIENT_VERIFIER_ID_BYTES 32
const unsigned char *client_verifier_id(const struct client_verifier *v);
