// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/x509.h>
#include <stdbool.h>

#include "core/slice.h"
#include "core/text.h"

// Certificates and CRLs from the bytes of a file: PEM blocks among any other text, or DER, one after the other. What cannot be decoded
// is left out and said in `problems`, one line each ("PATH: certificate 3: ..."). Nothing at all is an empty set.

#define LOAD_CERTIFICATES_MAX 20000
#define LOAD_CRLS_MAX         20000

// Returns how many there were that could not be decoded. The stacks are made here; the caller frees them with their contents.
size_t load_certificates(struct slice content, const char *path, STACK_OF(X509) * *out,
                         struct text *problems);
size_t load_crls(struct slice content, const char *path, STACK_OF(X509_CRL) * *out,
                 struct text *problems);
