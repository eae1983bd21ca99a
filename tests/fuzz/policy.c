// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// Policy files: what is refused is said with a line, what is accepted can be applied.

#include <openssl/x509.h>

#include "certcheck/policy.h"
#include "core/check.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    struct text problems;
    text_init(&problems, 100000);
    struct policy *p = policy_parse((struct slice){(const char *)bytes, len}, "x", &problems);
    CHECK(!p == (problems.len > 0));
    if (p) {
        X509 *cert = X509_new();
        X509 *certs[] = {cert, cert};
        struct policy_breach breaches[10];
        policy_judge(p, certs, 2, true, 1795000000, breaches, 10);
        X509_free(cert);
    }
    policy_free(p);
    text_fini(&problems);
    return 0;
}
