// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "certcheck/link.h"
#include "certcheck/target.h"

// One TLS handshake that offers only certain kinds of signatures, so that a server with several certificates shows the one of that kind.
// Nothing is verified, and the oldest that OpenSSL still speaks is accepted: it is the certificates that are wanted, whatever they are worth.
struct probe;

extern const struct probe *const probes[];     // as clients of today first; NULL at the end
const char *probe_name(const struct probe *p); // "default", "ECDSA"

// Shakes hands on a connected link. `sent` gets what the server sent, NULL: nothing; `live` what was agreed, as far as it came to that. False, and one
// line without newline in `why`, when no certificate came; a handshake that fails after that is none of our concern.
bool probe_run(const struct probe *p, struct link *l, const char *sni, STACK_OF(X509) * *sent,
               struct target_live *live, struct text *why);
