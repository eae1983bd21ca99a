// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>

enum {
    EXIT_GOOD = 0,
    EXIT_WARNINGS = 1,
    EXIT_FINDINGS = 2,
    EXIT_UNREADABLE = 3,
    EXIT_MISUSED = 64
};

// Whether an option may be taken as it is written; else said on standard error. Given twice one of the two would be lost, and an
// empty word is mostly a variable of a script that was not set. value NULL: one without an argument.
enum { OPTION_MAY_BE_EMPTY = 1, OPTION_ADDS_UP = 2 };
bool certcheck_may_take(const char *option, const char *value, bool *was_said, unsigned rules);

int certcheck_help(void);    // print them on standard output; the status to end with
int certcheck_version(void); // of the program and of OpenSSL

// rsp-certcheck --verify: judges one certificate. The status to end with.
int certcheck_verify(int count, char **words);
#define CERTCHECK_VERIFY_USAGE                                                                     \
    "       rsp-certcheck --verify --anchors FILE [OPTION]... LEAF (rsp-certcheck --help)\n"
