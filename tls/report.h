// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/files.h"
#include "core/text.h"

// What rsp-certcheck says about PEM files.

enum verdict { VERDICT_GOOD, VERDICT_FINDINGS, VERDICT_UNREADABLE };

// The CA certificates of this system, read once. A system without any gives one that trusts nothing.
struct trust;
struct trust *trust_new(void);
void trust_free(struct trust *t);

// Describes every certificate of the file, whether a private key in it matches, and whether the chain is complete and in
// order. Each finding is one line that begins with "  finding: ", each remark one with "  note: ".
enum verdict report_file(const struct trust *trust, struct files *files, const char *path,
                         struct text *out);
