// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/chain/relation.h"

#include <openssl/x509v3.h>

enum relation relation_find(X509 *issuer, X509 *cert) {
    switch (X509_check_issued(issuer, cert)) {
    case X509_V_OK: return RELATION_OF_ISSUER;
    case X509_V_ERR_AKID_SKID_MISMATCH:
    case X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH: return RELATION_OF_NAME;
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN: return RELATION_WITHOUT_CERT_SIGN;
    case X509_V_ERR_UNSUPPORTED_SIGNATURE_ALGORITHM: return RELATION_OF_UNKNOWN_ALGORITHM;
    default: return RELATION_NONE;
    }
}
