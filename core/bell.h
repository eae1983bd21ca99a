// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

// Made before a fork: what one process shares with all of those that may ring. Whoever watches its descriptor
// (loop_watch_fd) is woken once, however often it was rung meanwhile.
int bell_new(void); // its descriptor, close-on-exec and non-blocking; -1 and errno
void bell_ring(int bell);
void bell_silence(int bell); // by who watches it, before it looks at what there is
