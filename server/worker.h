// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "server/scoreboard.h"

// What the supervisor tells a process that it starts.
struct start {
    unsigned row;
    struct scoreboard *board;
    const char *user; // to become; NULL: none
    int error_fd;     // the error log, now the process's own
};

// A worker, from its fork to its end: serves the sites of the route file. Returns its exit status.
int worker_run(void *start, int channel_fd);
