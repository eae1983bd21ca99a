// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/x509.h>
#include <stdbool.h>
#include <time.h>

// Plain facts of one certificate, by the names that policies and outputs use.

// What its signature was made over: "sha256"; "own" where the algorithm brings its digest (Ed25519, ML-DSA); "unknown".
const char *facts_digest(const X509 *cert);
bool facts_is_digest(const char *name); // one of those names
// Its key: "RSA", "P-256", "Ed25519", "other".
const char *facts_key(const X509 *cert);
bool facts_is_key(const char *name);
int facts_key_bits(const X509 *cert); // 0: no key that can be read

time_t facts_begin(const X509 *cert); // 0: unreadable
time_t facts_end(const X509 *cert);
// How long it is valid; a started day counts, and notAfter is still inside (RFC 5280 section 4.1.2.5).
long facts_days(const X509 *cert);
// In calendar months; a started one counts.
int facts_months(const X509 *cert);

bool facts_has_usage(X509 *cert,
                     unsigned usage); // XKU_SSL_SERVER: extendedKeyUsage is there and says so
