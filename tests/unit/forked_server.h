// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "core/slice.h"

// A server on loopback in a process of its own, for clients that wait by themselves. It serves connection after connection until it is stopped;
// 20 s after the last connection began it ends by itself.
typedef void serve_fn(int fd, int number,
                      const void *what); // the number of the connection counts from 0
struct server {
    pid_t pid;
    int port;
};
struct server server_start(serve_fn *serve, const void *what);
// The same, on a port that was opened before (server_listen()).
int server_listen(int *port);
struct server server_start_on(int listener, int port, serve_fn *serve, const void *what);
void server_stop(struct server *s);
bool server_send(int fd, struct slice bytes);
