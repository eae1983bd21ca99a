// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "tests/unit/chain_fixture.h"

// One line of certificates below an anchor, written down as rows of names and extensions.

#define LINE_CERTS_MAX 8

// Below what stands before it; the last one is the leaf. A key of its own unless it is self-issued,
// which the name tells.
struct link {
    const char *name;
    // What OpenSSL's configuration writes so:
    // "policyConstraints=critical,requireExplicitPolicy:0;certificatePolicies=1.2.3". Takes the
    // place of an extension of that kind; a "DER:" value is taken as it is.
    const char *extensions;
};
struct line {
    struct made_cert certs[LINE_CERTS_MAX + 1]; // the first one is the anchor
    size_t count;
};

void make_line(struct line *l, const struct link *links);
void drop_line(struct line *l);
// Signs it anew afterwards, and reads it again, so that OpenSSL knows nothing of what it was
// before.
void line_extend(struct line *l, size_t number, const char *extensions);
void line_sign(struct line *l, size_t number);
// Adds without signing.
void add_extensions(X509 *cert, X509 *issuer, const char *extensions);

// Is there a valid path from the last to the first? Of `ask` the leaf is set. Else the reason is
// printed, and must hold `words`; NULL: any.
bool line_is_valid(struct line *l, struct chain_question ask, const struct made_cert *helper,
                   const char *words);
