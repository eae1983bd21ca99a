// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

// Certificate policies (RFC 5280 section 6.1). A certificate without certificatePolicies leaves no
// policy that is valid for those after it, so such a path is good if and only if nobody requires
// one: that is a count, kept here. Where all have policies, OpenSSL's tree decides. (OpenSSL 3.0
// loses memory for each certificate that has policyConstraints and no certificatePolicies; it is
// never asked about one.)

enum policies_verdict { POLICIES_GOOD, POLICIES_BAD, POLICIES_NEED_TREE };

// A whole path, from the leaf to the anchor. is_required: from the start. POLICIES_BAD: an
// objection, and the place of its certificate in `at`.
enum policies_verdict policies_judge(X509 *const *certs, size_t count, bool is_required,
                                     const char **objection, size_t *at);
