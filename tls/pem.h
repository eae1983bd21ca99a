// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>

#include "core/slice.h"
#include "core/text.h"

#define PEM_CERTIFICATES_MAX 100

// What a PEM file holds, in the order of the file.
struct pem {
    STACK_OF(X509) * certificates;
    EVP_PKEY *key; // the first private key; NULL: none
    size_t key_count;
};

// Reads all of it; false and one line in `problems` ("PATH:LINE: what is wrong; what to do") at the first block that is
// damaged, or a key that is encrypted. Blocks of other kinds are passed over. An empty or foreign file is not an error
// here: it holds nothing. pem_fini() is due in either case.
bool pem_read(struct pem *p, const char *path, struct slice content, struct text *problems);
void pem_fini(struct pem *p);
