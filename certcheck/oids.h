// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/asn1.h>
#include <stdbool.h>

#include "core/text.h"

// Object identifiers as a command line has them: "2.23.140.1.2.1,2.5.29.32.0", numbers only.

#define OIDS_MAX 100

// Adds them to `all`, which is made where it is NULL. False: one line in `why`, and those before the bad one are added.
bool oids_add(STACK_OF(ASN1_OBJECT) * *all, const char *words, struct text *why);
void oids_free(STACK_OF(ASN1_OBJECT) * all);
