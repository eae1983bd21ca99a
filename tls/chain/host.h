// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/x509.h>
#include <stdbool.h>

#include "core/slice.h"

// Names in certificates (RFC 9525; CA/Browser Forum BR section 7.1.4.2).

// Is the leaf for this DNS name or IP address by its subjectAltName? The common name never counts. A wildcard is the whole leftmost
// label, stands for exactly one label, and two labels at least follow it.
bool host_is_named(const X509 *leaf, const char *host);

// A dNSName as a certificate may have it: labels of letters, digits and hyphens (RFC 1034 section 3.5), perhaps "*." before
// them, not an IP address.
bool host_is_dns_name(struct slice name);
// The same without wildcard and without a look at IP addresses.
bool host_is_plain_name(struct slice name);
