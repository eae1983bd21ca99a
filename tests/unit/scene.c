// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/scene.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/check.h"
#include "core/clock.h"
#include "core/resolver.h"
#include "http/access_log.h"

static int listen_on_loopback(int *port);
static struct generation *generation_of(struct scene *s, const char *route_text);
static void replace(struct text *out, const char *text, const char *word, int port);
static void serve_backends(struct scene *s);
static void serve_backend(struct scene *s, unsigned i);
static void close_backend(struct scene *s, unsigned i);
static bool has_request(const struct scene *s, const struct text *received, size_t from);
static void read_client(struct scene *s);

void scene_init(struct scene *s, const char *route_text, const struct scene_script *script) {
    *s = (struct scene){.script = *script, .client = -1};
    s->loop = loop_new();
    s->listener = listen_on_loopback(&s->port);
    int dead = listen_on_loopback(&s->dead_port);
    close(dead);
    s->log_fd = memfd_create("access", MFD_CLOEXEC);
    s->log = access_log_new(s->loop, s->log_fd);
    for (unsigned i = 0; i < SCENE_BACKENDS; i++) s->backends[i].fd = -1;
    text_init(&s->got, 64 << 20);
    s->resolver = resolver_new(s->loop);
    s->service = service_new(&(struct service_conf){
        .loop = s->loop,
        .resolver = s->resolver,
        .counters = &s->counters,
        .access_log = s->log,
    });
    struct generation *g = generation_of(s, route_text);
    service_switch(s->service, g);
    generation_unref(g);
}

void scene_fini(struct scene *s) {
    scene_close_client(s);
    service_free(s->service);
    for (unsigned i = 0; i < SCENE_BACKENDS; i++) close_backend(s, i);
    access_log_free(s->log);
    resolver_free(s->resolver);
    loop_free(s->loop);
    text_fini(&s->got);
    close(s->listener);
    close(s->log_fd);
}

void scene_connect(struct scene *s) {
    int pair[2];
    scene_close_client(s);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    s->client = pair[0];
    s->client_ended = false;
    text_clear(&s->got);
    struct address from;
    CHECK(address_parse(SLICE("192.0.2.7:4711"), &from));
    const struct config *c = service_generation(s->service)->config;
    service_accept(s->service, &c->listens[0], pair[1], &from);
}

void scene_send(struct scene *s, struct slice bytes) {
    while (bytes.len > 0) {
        ssize_t n = send(s->client, bytes.at, bytes.len, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN) return; // the service closed: the test looks at the rest
        if (n > 0) bytes = slice_skip(bytes, (size_t)n);
        if (bytes.len > 0) scene_turn(s);
    }
}

void scene_close_client(struct scene *s) {
    if (s->client >= 0) close(s->client);
    s->client = -1;
}

void scene_run(struct scene *s, size_t bytes, unsigned max_ms) {
    uint64_t until_us = clock_read_us() + max_ms * 1000ull;
    while (s->got.len < bytes && !s->client_ended && clock_read_us() < until_us) scene_turn(s);
}

void scene_turn(struct scene *s) {
    loop_turn(s->loop, 2);
    serve_backends(s);
    read_client(s);
}

bool scene_settle(struct scene *s, unsigned max_ms) {
    uint64_t until_us = clock_read_us() + max_ms * 1000ull;
    while (service_exchange_count(s->service) || service_client_count(s->service)) {
        if (clock_read_us() >= until_us) return false;
        scene_turn(s);
    }
    scene_turn(s);
    return true;
}

struct slice scene_log(struct scene *s) {
    static char lines[1 << 20];
    ssize_t n = pread(s->log_fd, lines, sizeof(lines), 0);
    return (struct slice){lines, n > 0 ? (size_t)n : 0};
}

unsigned scene_log_lines(struct scene *s) {
    struct slice log = scene_log(s);
    unsigned lines = 0;
    for (size_t i = 0; i < log.len; i++) lines += log.at[i] == '\n';
    return lines;
}

unsigned scene_open_descriptors(void) {
    unsigned count = 0;
    DIR *dir = opendir("/proc/self/fd");
    CHECK(dir);
    while (readdir(dir)) count++;
    closedir(dir);
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

static struct generation *generation_of(struct scene *s, const char *route_text) {
    struct text with_port, whole, errors, problems;
    text_init(&with_port, 1 << 16);
    text_init(&whole, 1 << 16);
    text_init(&errors, 1 << 16);
    text_init(&problems, 1 << 16);
    replace(&with_port, route_text, "$PORT", s->port);
    replace(&whole, text_string(&with_port), "$DEAD", s->dead_port);
    struct files *files = files_new();
    files_replace(files, "scene.lua", text_slice(&whole));
    struct generation *g = generation_build(files, "scene.lua", 1, NULL, NULL, &errors, &problems);
    if (!g) fprintf(stderr, "%s\n", text_string(&errors));
    CHECK(g);
    text_fini(&with_port);
    text_fini(&whole);
    text_fini(&errors);
    text_fini(&problems);
    return g;
}

static void replace(struct text *out, const char *text, const char *word, int port) {
    const char *found;
    while ((found = strstr(text, word))) {
        text_add(out, slice_from(text, found));
        text_printf(out, "%d", port);
        text = found + strlen(word);
    }
    text_add(out, slice_of(text));
}

// --- the backend ---

static void serve_backends(struct scene *s) {
    int fd;
    while ((fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        unsigned i = 0;
        while (i < SCENE_BACKENDS && s->backends[i].fd >= 0) i++;
        CHECK(i < SCENE_BACKENDS);
        s->backends[i].fd = fd;
        s->backends[i].sent = s->backends[i].answered = 0;
        text_init(&s->backends[i].received, 64 << 20);
        s->accepted++;
    }
    for (unsigned i = 0; i < SCENE_BACKENDS; i++)
        if (s->backends[i].fd >= 0) serve_backend(s, i);
}

static void serve_backend(struct scene *s, unsigned i) {
    static char room[1 << 16];
    int fd = s->backends[i].fd;
    struct text *received = &s->backends[i].received;
    ssize_t n;
    while ((n = recv(fd, room, sizeof(room), 0)) > 0)
        text_add(received, (struct slice){room, (size_t)n});
    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        close_backend(s, i);
        return;
    }
    if (s->script.is_silent || !has_request(s, received, 0)) return;
    size_t limit =
        s->script.answer.len < s->script.cut_after ? s->script.answer.len : s->script.cut_after;
    size_t left = limit - s->backends[i].sent;
    if (s->script.piece && left > s->script.piece) left = s->script.piece;
    if (left > 0) {
        n = send(fd, s->script.answer.at + s->backends[i].sent, left, MSG_NOSIGNAL);
        if (n > 0) s->backends[i].sent += (size_t)n;
    }
    if (s->backends[i].sent < limit) return;
    s->requests++;
    if (s->script.closes || s->script.cut_after < s->script.answer.len) {
        close_backend(s, i);
        return;
    }
    s->backends[i].sent = 0;
    text_clear(received);
}

static void close_backend(struct scene *s, unsigned i) {
    if (s->backends[i].fd < 0) return;
    close(s->backends[i].fd);
    s->backends[i].fd = -1;
    text_fini(&s->backends[i].received);
}

static bool has_request(const struct scene *s, const struct text *received, size_t from) {
    if (s->script.request_bytes) return received->len >= s->script.request_bytes;
    return received->len > from && memmem(received->at + from, received->len - from, "\r\n\r\n", 4);
}

// --- the client ---

static void read_client(struct scene *s) {
    static char room[1 << 16];
    ssize_t n;
    if (s->client < 0) return;
    while ((n = recv(s->client, room, sizeof(room), 0)) > 0)
        text_add(&s->got, (struct slice){room, (size_t)n});
    if (n == 0 || (n < 0 && errno != EAGAIN)) s->client_ended = true;
}
#include "http/message/proxy_header.h"
__attribute__((weak)) enum proxy_event proxy_header_parse(struct slice in, size_t *used,
                                                          struct address *client, bool *is_local) {
    (void)in;
    (void)used;
    (void)client;
    (void)is_local;
    return PROXY_REFUSED;
}
__attribute__((weak)) size_t proxy_header_write(char to[PROXY_HEADER_MAX], int version,
                                                const struct address *client,
                                                const struct address *local) {
    (void)to;
    (void)version;
    (void)client;
    (void)local;
    return 0;
}
