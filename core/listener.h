// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/address.h"
#include "core/loop.h"

// Opens a listening socket (non-blocking, close-on-exec, SO_REUSEADDR; an old unix socket that nobody answers on is
// replaced; anything else in its place is left alone; the new one is for its owner alone, mode 0600). -1 and `why` on failure.
int listener_open(const struct address *a, int backlog, char *why, size_t why_max);
// Could it be opened, as far as can be told without taking the port and without leaving a path behind? Somebody who
// listens there already is no objection: it may be who asks.
bool listener_check(const struct address *a, char *why, size_t why_max);

// Accepts on an open listening socket.
struct listener;
// The callee owns fd (non-blocking, close-on-exec, with the TCP_NODELAY of the listening socket). It may pause the
// listener but not free it.
typedef void accepted_fn(void *arg, int fd, const struct address *client);
// The listening descriptor is borrowed. At the descriptor limit accepting pauses with one log line and resumes by
// itself; what was connected goes on.
struct listener *listener_new(struct loop *loop, int fd, accepted_fn *on_accepted, void *arg);
void listener_free(struct listener *l);
// Stops and starts accepting (a full worker, a drain).
void listener_pause(struct listener *l);
void listener_resume(struct listener *l);
