// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stddef.h>

// Memory that core dumps leave out, for what may hold private keys. Whole pages: for files, not for small things.
char *undumped_new(size_t bytes);                // zeroed; never NULL
void undumped_free(char *at, size_t bytes);      // wiped first; NULL is allowed
void undumped_mark(void *mapping, size_t bytes); // the same for memory that was mapped already
