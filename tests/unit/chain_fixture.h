// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <time.h>

#include "tests/unit/test_certs.h"
#include "tls/chain/search.h"

// A question as the tests ask it: now, no name, signatures of any strength, the tool's limits.
static inline struct chain_question question_about(X509 *leaf) {
    return (struct chain_question){.leaf = leaf,
                                   .at = time(NULL),
                                   .purpose = CHAIN_SERVER,
                                   .bits_min = 1,
                                   .intermediates_max = -1,
                                   .limits = CHAIN_LIMITS_TOOL};
}

static inline struct made_cert make_ca(const char *name, const struct made_cert *issuer,
                                       const EVP_PKEY *key, const char *digest) {
    return make_cert(&(struct cert_recipe){
        .subject = name, .issuer = issuer, .use_key = key, .digest = digest, .is_ca = true});
}
