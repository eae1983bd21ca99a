// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>

// Versions, ciphers and groups after Mozilla's guideline 6.0: "modern" (TLS 1.3 only) or "intermediate" (TLS 1.2 too).
bool profile_is_known(const char *name);
// Makes a new SSL_CTX of that profile for rsp's streams: no renegotiation, no compression, no 0-RTT, buffers released
// when idle, no chain made up by OpenSSL. An unknown name or NULL is intermediate. Never NULL.
SSL_CTX *profile_new(const char *name, const SSL_METHOD *method);
// A context that has a weak certificate: OpenSSL's security level would refuse it. Handshakes stay as strong as they were.
void profile_allow_weak(SSL_CTX *c);
