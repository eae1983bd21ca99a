// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>

#include "core/text.h"

#define PASSWORD_VARIABLE  "RSP_CERTCHECK_PASSWORD"
#define PASSWORD_BYTES_MAX 1024

// The password of PKCS#12 files and encrypted keys: the first line of the file, or of the environment's variable where path is NULL. Never of the command
// line, which everybody on the machine can read. *password is heap memory, to be given to password_free(); NULL: none. False, and one line in `problems`.
bool password_read(const char *path, char **password, struct text *problems);
void password_free(char *password); // wipes it
