// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/slice.h"

struct chunk_line {
    uint64_t size;
    size_t digits; // what is behind them is extensions
};

// One chunk-size line without its CRLF, by the letter of RFC 9112 section 7.1 and without its "bad whitespace": up to 16 hexadecimal digits
// below 2^63, then ;name, ;name=token or ;name="quoted" any number of times. False: malformed.
bool chunk_line_read(struct slice line, struct chunk_line *out);
