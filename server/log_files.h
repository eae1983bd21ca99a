// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "routing/config.h"

// The two logs as the route file names them: "stdout" and "stderr" are copies of descriptors 1 and 2, a path is appended
// to and made when it is not there.

// *access_fd is -1 when that log is off. False with every reason in `errors`; what was opened stays the caller's to close.
bool log_files_open(const struct log_conf *log, int *access_fd, int *error_fd, struct text *errors);
// Could they be opened? Nothing is made, and nothing waits.
bool log_files_check(const struct log_conf *log, struct text *errors);
