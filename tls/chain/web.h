// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "tls/chain/rules.h"

// What the web asks beyond RFC 5280 section 6: the profile of RFC 5280 section 4 and the CA/Browser
// Forum's Baseline Requirements, as far as a verifier can see it in the certificate. Not what RFC
// 5280 permits and only the requirements forbid a CA: a leaf without extendedKeyUsage, a CA
// certificate as leaf, a common name that is not among the subjectAltNames (no verifier looks at
// it), a CA certificate without keyUsage (section 6.1.4 (n) asks for keyCertSign only where the
// extension is there).

// The first objection, or NULL.
const char *web_judge(X509 *cert, enum place place, const struct chain_question *q);
// The same for a CRL.
const char *web_judge_crl(X509_CRL *crl);
