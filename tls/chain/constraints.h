// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

// Name constraints along a whole path (RFC 5280 sections 4.2.1.10 and 6.1), in all forms that can
// be decided: DNS names, e-mail and IP addresses, URIs and directory names. A name of another form
// that is constrained is refused, as the RFC asks. A wildcard must lie wholly inside what is
// permitted and wholly outside what is excluded (CVE-2025-61727).

// certs from the leaf to the anchor. NULL, or the first objection and the place of its certificate.
// is_web: a DNS constraint with a leading period, which the RFC does not know, is malformed; else
// it means names below it.
#define CONSTRAINTS_WORK_MAX (1 << 18) // comparisons of a name with a constraint
const char *constraints_judge(X509 *const *certs, size_t count, bool is_web, size_t *at);
