// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/text.h"
#include "tls/chain/graph.h"
#include "tls/chain/question.h"

// May this path be taken? X509_verify_cert on exactly these certificates, after what it does not see: name constraints by
// our reading, path lengths, the number of intermediates. The certificates have been judged one by one and the
// signatures been checked before. False: one line in `why`, without a newline. The graph lends the certificates of CRL issuers.
bool verdict_judge(struct graph *g, const struct path *p, const struct chain_question *q,
                   struct text *why);

// Has X509_verify_cert leave out what was judged of this path before: the signatures of the chain, the times of its certificates, and name
// constraints, which OpenSSL reads otherwise than RFC 5280 (it takes "user@host" of a URI for a host, and e-mail addresses and common names of
// a subject for names where there is a subjectAltName). The rest it does as ever; all of it for those who signed CRLs. Sets the verify
// callback.
void verdict_spare_judged(X509_STORE_CTX *verification);

// Has verifications with this store know an issuer by its key where authorityKeyIdentifier does not fit: RFC 5280 has it help to find
// the issuer (section 4.2.1.1) and asks for it nowhere in section 6.
void verdict_know_issuers_by_key(X509_STORE *store);
