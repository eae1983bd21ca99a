// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

// Control, from its fork to its end: answers on the admin socket (see rspctl(8)). `start` is a struct start (server/worker.h).
// Returns its exit status.
int control_run(void *start, int channel_fd);
