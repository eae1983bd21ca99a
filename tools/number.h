// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>

// A number on the command line. False, and a line on stderr, when it is none or out of range.
bool number_parse(const char *what, const char *text, unsigned least, unsigned most, unsigned *out);
