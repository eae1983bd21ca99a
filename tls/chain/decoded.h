// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/x509.h>

// Certificates by their bytes: the intermediate that a thousand files carry is decoded once, and held once. (Decoding one costs
// as much as checking a signature, most of it for its key.)

struct decoded; // at most PRINT_MAP_MAX certificates; later ones are decoded each time
struct decoded *decoded_new(void);
void decoded_free(struct decoded *d);

// As d2i_X509(): a reference, and *at behind it; or NULL with OpenSSL's errors. d NULL: is decoded.
X509 *decoded_take(struct decoded *d, const unsigned char **at, long len);
