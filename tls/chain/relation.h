// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/x509.h>

// What two certificates say of themselves: may one be the issuer of the other? Their signature is not looked at.
enum relation {
    RELATION_NONE,      // other names
    RELATION_OF_ISSUER, // nothing speaks against it
    // The names fit, authorityKeyIdentifier does not. That is a hint (RFC 5280 section 4.2.1.1) which no rule of section 6 asks
    // for: a good signature counts.
    RELATION_OF_NAME,
    RELATION_WITHOUT_CERT_SIGN,    // the issuer's keyUsage forbids it
    RELATION_OF_UNKNOWN_ALGORITHM, // the signature's
};
enum relation relation_find(X509 *issuer, X509 *cert);
