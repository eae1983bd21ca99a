// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <arpa/inet.h>
#include <err.h>
#include <llhttp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

// floor PORT BACKEND_PORT: the least that a proxy in this place can cost. One thread, epoll, one recv and one send for each piece,
// llhttp over what comes; a backend connection for each client, nothing is changed, buffered, logged or limited. For the bench only.

enum { EVENTS = 256, PIECE = 64 * 1024 };

struct side {
    int fd;
    struct side *other;
    llhttp_t parser;
};

static struct sockaddr_in loopback(const char *port);
static int listen_on(const char *port);
static void accept_pair(int loop, int listener, const struct sockaddr_in *backend);
static struct side *watch(int loop, int fd, llhttp_type_t type);
static bool pass(struct side *s);
static void close_pair(struct side *s);

int main(int argc, char **argv) {
    if (argc != 3) errx(2, "usage: floor PORT BACKEND_PORT");
    int loop = epoll_create1(0), listener = listen_on(argv[1]);
    struct sockaddr_in backend = loopback(argv[2]);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL}, events[EVENTS];
    if (epoll_ctl(loop, EPOLL_CTL_ADD, listener, &e) != 0) err(1, "epoll_ctl");
    for (;;) {
        int n = epoll_wait(loop, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            struct side *s = events[i].data.ptr;
            if (!s) {
                accept_pair(loop, listener, &backend);
            } else if (s->fd >= 0 && !pass(s)) {
                close_pair(s);
            }
        }
    }
}

static struct sockaddr_in loopback(const char *port) {
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)atoi(port)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int listen_on(const char *port) {
    struct sockaddr_in at = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 4096) != 0)
        err(1, "port %s", port);
    return fd;
}

static void accept_pair(int loop, int listener, const struct sockaddr_in *backend) {
    int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK), on = 1;
    if (client < 0) return;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (const struct sockaddr *)backend, sizeof *backend) != 0) err(1, "backend");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct side *a = watch(loop, client, HTTP_REQUEST), *b = watch(loop, fd, HTTP_RESPONSE);
    a->other = b;
    b->other = a;
}

static struct side *watch(int loop, int fd, llhttp_type_t type) {
    static llhttp_settings_t settings;
    struct side *s = calloc(1, sizeof *s);
    if (!s) err(1, "memory");
    s->fd = fd;
    llhttp_init(&s->parser, type, &settings);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = s};
    if (epoll_ctl(loop, EPOLL_CTL_ADD, fd, &e) != 0) err(1, "epoll_ctl");
    return s;
}

static bool pass(struct side *s) {
    static char piece[PIECE];
    ssize_t n = recv(s->fd, piece, sizeof piece, MSG_DONTWAIT);
    if (n <= 0) return false;
    if (llhttp_execute(&s->parser, piece, (size_t)n) != HPE_OK) return false;
    return send(s->other->fd, piece, (size_t)n, MSG_NOSIGNAL) == n;
}

// Their memory stays: another event of this turn may point to it.
static void close_pair(struct side *s) {
    close(s->other->fd);
    close(s->fd);
    s->fd = s->other->fd = -1;
}
