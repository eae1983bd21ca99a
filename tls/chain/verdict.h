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

// Has X509_verify_cert leave out the signatures of the chain and the times of its certificates: for a path of which the search has
// checked each signature and each time already. The rest it does as ever; the signatures of CRLs too.
void verdict_spare_signatures(X509_STORE_CTX *verification);
