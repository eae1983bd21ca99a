// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/x509.h>

// What a server sends after its leaf: the strongest valid path through the pool without its root certificate, in order. Where the
// root is not in the pool, the path ends at the last certificate that is. Signatures of 112 bits are wanted: for them a weak
// end (an old cross-signature of a root) is left away; only then a weak path is taken. References are taken, the caller
// frees. NULL: there is no valid path.
STACK_OF(X509) * serve_chain(X509 *leaf, const STACK_OF(X509) * pool);
