// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/forked_server.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/check.h"

struct server server_start(serve_fn *serve, const void *what) {
    int port, listener = server_listen(&port);
    return server_start_on(listener, port, serve, what);
}

int server_listen(int *port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(listener, (struct sockaddr *)&a, len) == 0 && listen(listener, 16) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&a, &len) == 0);
    *port = ntohs(a.sin_port);
    return listener;
}

struct server server_start_on(int listener, int port, serve_fn *serve, const void *what) {
    struct server s = {.pid = fork(), .port = port};
    CHECK(s.pid >= 0);
    for (int i = 0; s.pid == 0; i++) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0) _exit(1);
        alarm(20); // nobody must find this process tomorrow
        serve(fd, i, what);
        close(fd);
    }
    close(listener);
    return s;
}

void server_stop(struct server *s) {
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
}

bool server_send(int fd, struct slice bytes) {
    while (bytes.len > 0) {
        ssize_t n = send(fd, bytes.at, bytes.len, MSG_NOSIGNAL);
        if (n <= 0) return false;
        bytes = slice_skip(bytes, (size_t)n);
    }
    return true;
}
