// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tools/number.h"

#include <stdio.h>

#include "core/slice.h"

bool number_parse(const char *what, const char *text, unsigned least, unsigned most,
                  unsigned *out) {
    uint64_t n;
    if (!slice_to_u64(slice_of(text), &n) || n < least || n > most) {
        fprintf(stderr, "%s: '%s' is no number from %u to %u\n", what, text, least, most);
        return false;
    }
    *out = (unsigned)n;
    return true;
}
