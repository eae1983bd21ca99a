// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "certcheck/link.h"

// The protocols that begin in plain text and turn to TLS when they are asked.
struct starttls;

#define STARTTLS_NONE "none" // in place of a name: TLS from the first byte, whatever the port

const struct starttls *starttls_find(const char *name); // "smtp"; NULL: none of that name
const struct starttls *starttls_of_port(int port);      // NULL: TLS from the first byte
const char *starttls_name(const struct starttls *s);
int starttls_port(const struct starttls *s); // the well-known one
void starttls_add_names(struct text *out);   // "smtp, imap, ..."
// Talks until TLS may begin. name: whom we look for. False, and one line without newline in `why`.
bool starttls_ask(const struct starttls *s, struct link *l, const char *name, struct text *why);
