// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

enum {
    EXIT_GOOD = 0,
    EXIT_WARNINGS = 1,
    EXIT_FINDINGS = 2,
    EXIT_UNREADABLE = 3,
    EXIT_MISUSED = 64
};

// rsp-certcheck --verify: judges one certificate. The status to end with.
int certcheck_verify(int count, char **words);
#define CERTCHECK_VERIFY_USAGE                                                                     \
    "       rsp-certcheck --verify --anchors FILE [OPTION]... LEAF (rsp-certcheck --help)\n"
