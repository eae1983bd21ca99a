// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/address.h"
#include "core/loop.h"

// Where to connect to: as written in a route file.
struct endpoint {
    char *text; // "app:8080", "[::1]:80", "unix:/run/app.sock": what the log says
    char *host; // the name to resolve; NULL when `address` is complete
    int port;
    struct address address; // valid when host is NULL
};

// DIAL_NO_DESCRIPTOR: this machine has run out of something (descriptors, memory, ports). The backend is not to blame.
enum dial_failure { DIAL_OK, DIAL_NO_NAME, DIAL_REFUSED, DIAL_TIMEOUT, DIAL_NO_DESCRIPTOR };

// One attempt to connect: all addresses of the name in turn, within one time limit of which each has an equal share.
struct dial;
struct resolver;
// fd is the callee's (non-blocking, close-on-exec, TCP_NODELAY), or -1 with failure and a text that is valid
// during the call. Never called from within dial_start(). The dial is gone after this call.
typedef void dialled_fn(void *arg, int fd, enum dial_failure failure, const char *why);
// The endpoint must outlive the dial.
struct dial *dial_start(struct loop *loop, struct resolver *r, const struct endpoint *to,
                        unsigned timeout_ms, dialled_fn *on_dialled, void *arg);
void dial_cancel(struct dial *d); // on_dialled is not called
