// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/x509.h>

#include "tls/tls.h"

// The intermediates of a chain_dir, for the search of what is served.

// Adds those that may stand above a certificate of `pool`, by name, and those above them, CHAINS_ADDED_MAX at most; references are taken.
#define CHAINS_ADDED_MAX 64
void chains_complete(const struct tls_chains *c, STACK_OF(X509) * pool);
const char *chains_path_of(const struct tls_chains *c, const X509 *cert); // NULL: it is not of them
