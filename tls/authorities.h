// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/x509.h>
#include <stdbool.h>

#include "core/files.h"
#include "core/text.h"

// The authorities that a file names: all its certificates. False and a line in `problems` when it cannot be read whole or
// holds none that is self-signed, for only those end a path.
bool authorities_load(X509_STORE *store, struct files *files, const char *path,
                      struct text *problems);
