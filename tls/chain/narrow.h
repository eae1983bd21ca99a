// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/x509_vfy.h>
#include <stdbool.h>

#include "core/text.h"
#include "tls/chain/question.h"

// For SSL_CTX_set_cert_verify_callback(): finds the best path from the peer's certificate over what it sent (32 certificates at
// most) to the self-signed certificates of the store, narrows the verification to it and lets OpenSSL verify, so that errors,
// names and the verified chain are OpenSSL's. False: refused; `why` has a line where the search knows better than OpenSSL, which then
// holds X509_V_ERR_APPLICATION_VERIFICATION.
#define NARROW_SENT_MAX 32
bool narrow_verify(X509_STORE_CTX *verification, enum chain_purpose purpose, struct text *why);
