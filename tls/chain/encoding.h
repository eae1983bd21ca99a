// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "tls/chain/rules.h"

// What RFC 5280 section 4.1 asks of how a certificate is written, and that OpenSSL does not see:
// DER where a verifier reads, extensions in version 3 only, no parameters where the algorithm has
// none. Not asked: UTCTime before 2050 (section 4.1.2.5 has a verifier read both forms of any
// year), parameters of RSA (RFC 4055 section 5 has it accept NULL and nothing), the salt of PSS
// (RFC 8017 section 9.1 allows any length; the report of rsp-certcheck warns).

// The first objection, or NULL.
const char *encoding_judge(X509 *cert, enum place place, const struct chain_question *q);
