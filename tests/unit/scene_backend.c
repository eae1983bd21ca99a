// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// The scripted backend of the stage.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "core/check.h"
#include "tests/unit/scene.h"

static int listen_on_loopback(int *port);
static void welcome(struct scene *s, int fd);
static void serve(struct scene *s, unsigned i);
static bool receive(struct scene *s, struct scene_backend *b);
static bool has_request(const struct scene *s, const struct text *received);
static bool send_answer(struct scene *s, struct scene_backend *b);

void scene_listen(struct scene *s) {
    s->listener = listen_on_loopback(&s->port);
    int dead = listen_on_loopback(&s->dead_port);
    close(dead);
    for (unsigned i = 0; i < SCENE_BACKENDS; i++) s->backends[i].wire.fd = -1;
}

void scene_tcp_pair(int pair[2]) {
    int port;
    int listener = listen_on_loopback(&port);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    a.sin_port = htons((uint16_t)port);
    pair[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(pair[0] >= 0 && connect(pair[0], (struct sockaddr *)&a, sizeof(a)) == 0);
    CHECK(fcntl(pair[0], F_SETFL, O_NONBLOCK) == 0);
    pair[1] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    CHECK(pair[1] >= 0);
    close(listener);
}

void scene_serve(struct scene *s) {
    int fd;
    while ((fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
        welcome(s, fd);
    for (unsigned i = 0; i < SCENE_BACKENDS; i++)
        if (s->backends[i].wire.fd >= 0) serve(s, i);
}

void scene_close_backend(struct scene *s, unsigned i) {
    if (s->backends[i].wire.fd < 0) return;
    text_fini(&s->backends[i].received);
    if (s->script.resets)
        wire_reset(&s->backends[i].wire);
    else
        wire_close(&s->backends[i].wire);
}

unsigned scene_open_backends(const struct scene *s) {
    unsigned count = 0;
    for (unsigned i = 0; i < SCENE_BACKENDS; i++) count += s->backends[i].wire.fd >= 0;
    return count;
}

static int listen_on_loopback(int *port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&a, len) == 0 && listen(fd, 64) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&a, &len) == 0);
    *port = ntohs(a.sin_port);
    return fd;
}

static void welcome(struct scene *s, int fd) {
    unsigned i = 0;
    while (i < SCENE_BACKENDS && s->backends[i].wire.fd >= 0) i++;
    CHECK(i < SCENE_BACKENDS);
    struct scene_backend *b = &s->backends[i];
    *b = (struct scene_backend){.wire.fd = -1, .number = s->accepted};
    bool has_tls = s->script.has_tls && !s->script.is_mute;
    wire_open(&b->wire, fd, has_tls ? WIRE_TLS_SERVER : WIRE_PLAIN);
    text_init(&b->received, 64 << 20);
    s->accepted++;
    if (s->script.greeting.len > 0) (void)wire_write(&b->wire, s->script.greeting);
}

static void serve(struct scene *s, unsigned i) {
    struct scene_backend *b = &s->backends[i];
    if (s->script.is_mute) return;
    (void)wire_is_ready(&b->wire);
    if (!receive(s, b)) {
        scene_close_backend(s, i);
        return;
    }
    if (s->script.is_silent || !has_request(s, &b->received)) return;
    if (!send_answer(s, b)) return;
    s->requests++;
    if (s->script.closes || s->script.cut_after < s->script.answer.len) {
        scene_close_backend(s, i);
        return;
    }
    b->sent = 0;
    text_clear(&b->received);
}

// False: the other side has ended.
static bool receive(struct scene *s, struct scene_backend *b) {
    static char room[1 << 16];
    ssize_t n = 1;
    size_t left = s->script.reads_a_turn ? s->script.reads_a_turn : SIZE_MAX;
    while (n > 0 && left > 0) {
        size_t most = s->script.reads ? s->script.reads - b->total : sizeof(room);
        if (most > left) most = left;
        if (most == 0) return true;
        n = wire_read(&b->wire, room, most < sizeof(room) ? most : sizeof(room));
        if (n <= 0) break;
        text_add(&b->received, (struct slice){room, (size_t)n});
        b->total += (size_t)n;
        left -= (size_t)n;
    }
    return n >= 0;
}

static bool has_request(const struct scene *s, const struct text *received) {
    if (s->script.request_bytes) return received->len >= s->script.request_bytes;
    return received->len > 0 && memmem(received->at, received->len, "\r\n\r\n", 4);
}

// True: all of it, as far as the script goes.
static bool send_answer(struct scene *s, struct scene_backend *b) {
    size_t limit =
        s->script.answer.len < s->script.cut_after ? s->script.answer.len : s->script.cut_after;
    size_t left = limit - b->sent;
    if (s->script.piece && left > s->script.piece) left = s->script.piece;
    if (left > 0) {
        ssize_t n = wire_write(&b->wire, (struct slice){s->script.answer.at + b->sent, left});
        if (n > 0) b->sent += (size_t)n;
    }
    return b->sent >= limit;
}
