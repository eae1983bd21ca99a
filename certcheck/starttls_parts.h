// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "certcheck/link.h"

// What the dialects of STARTTLS (certcheck/starttls*.c) have in common; nobody else includes this.

// Talks until TLS may begin. name: whom we look for. False, and what is wrong in `why`.
typedef bool starttls_ask_fn(struct link *l, const char *name, struct text *why);
#define DIALECT(symbol, name, port, second, third) starttls_ask_fn starttls_ask_##symbol;
#include "certcheck/starttls.def"
#undef DIALECT

// Puts in quotes what a server said, without what a terminal would obey.
void starttls_quote(struct text *why, const char *before, struct slice said);
