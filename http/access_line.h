// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <limits.h>

#include "http/access_log.h"

// Together less than PIPE_BUF: a line goes to a pipe in one piece or not at all, so lines of several workers do not mix.
#define ACCESS_LINE_MAX PIPE_BUF

// Writes the line of an exchange with its newline into ACCESS_LINE_MAX bytes of room; returns its end.
char *access_line_write(char *at, const struct access_entry *e);
