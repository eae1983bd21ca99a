// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "routing/config.h"

// What holds where the route file leaves it to the machine, the user or the command line. The strings are the configuration's, the
// caller's or constants.

// How many workers: `asked` on the command line (0: nothing), else those of the file, else one for each core; at most WORKERS_MAX.
unsigned in_force_workers(const struct config *c, unsigned asked);
// Who workers and control run as; NULL: who started rsp.
const char *in_force_user(const struct config *c);
// Path of the admin socket; NULL: there is none. Only one that the file names must work.
const char *in_force_socket(const struct config *c, const char *fallback);
