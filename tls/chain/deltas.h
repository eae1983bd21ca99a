// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/x509.h>

// Delta CRLs (RFC 5280 sections 5.2.4 and 6.3). OpenSSL looks at one only where the certificate or
// the complete CRL says by freshestCRL where to fetch it; whoever was handed one has fetched it. So
// what a delta revokes is looked at here, of a path that OpenSSL has accepted by the complete CRLs.
// What a delta gives back (removeFromCRL) stays revoked without freshestCRL. Not looked at:
// indirect deltas, and those that another key of the same issuer has signed.

// chain: from the leaf to the anchor. lists: in time and strong enough. The first certificate that
// is revoked, or NULL.
X509 *deltas_find_revoked(const STACK_OF(X509_CRL) * lists, const STACK_OF(X509) * chain);
