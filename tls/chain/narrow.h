// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/x509_vfy.h>
#include <stdbool.h>

#include "core/text.h"
#include "tls/chain/question.h"

// Whose certificates are verified, and how.
struct narrow_rules {
    enum chain_purpose purpose;
    int intermediates_max; // that are not self-issued; -1: any number
    STACK_OF(X509_CRL) *
        crls; // NULL or empty: nothing is revoked; else every certificate below the anchor needs one
};
// What it has cost, and what was found.
struct narrow_verdict {
    int bits;        // of the path's weakest signature
    unsigned length; // of the path in certificates, the anchor included; 0: none was found
    int visits, signatures, verifications;
};
// For SSL_CTX_set_cert_verify_callback(): finds the best path from the peer's certificate over what
// it sent (32 certificates at most) to the self-signed certificates of the store, narrows the
// verification to it and lets OpenSSL verify, so that errors, names and the verified chain are
// OpenSSL's. False: refused; `why` has a line where the search knows better than OpenSSL, which
// then holds X509_V_ERR_APPLICATION_VERIFICATION. The work is bounded by CHAIN_LIMITS_HANDSHAKE,
// whatever the peer sends.
#define NARROW_SENT_MAX 32
bool narrow_verify(X509_STORE_CTX *verification, const struct narrow_rules *rules,
                   struct narrow_verdict *verdict, struct text *why);
