// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

// open_loop PORT BACKEND_PORT RATE SECONDS: requests at times that were fixed before (random gaps, always the same ones), whatever
// becomes of those before them. This program is the backend as well: with one of its own on the same core the two wait for
// each other, and that is what a 99th percentile shows then, not the proxy. A time is counted from when the request was to be sent, so a proxy that stops for a while
// pays for all that would have come in it (wrk and h2load send late and do not count that). Prints a line for each slice of the
// run, microseconds: the 99th percentile of the answers, and of how late this program itself was with a connection free.
// RATE 0: as fast as the connections allow; prints the rate, which is what proxy and generator can do together.

enum {
    CONNECTIONS = 64,
    RATE_MAX = 400000,
    SERVED_MAX = 512,
    SLICES_A_SECOND = 4,
    BYTES_MAX = 4096,
    GRACE_S = 5
};
enum { EVENTS = 64, BODY_BYTES = 100 };
#define NS_A_SECOND 1000000000ull

enum kind { KIND_CLIENT, KIND_LISTENER, KIND_BACKEND };

struct connection {
    enum kind kind;
    int fd;
    size_t request; // that a client's carries now
    size_t used;
    char bytes[BYTES_MAX + 1];
};

struct load {
    int loop;
    struct connection listener, connections[CONNECTIONS], served[SERVED_MAX];
    size_t served_count;
    struct connection *idle[CONNECTIONS];
    size_t idle_count;
    uint64_t *due_ns; // of each request, from the beginning
    float *times_us;  // of each answer
    float *late_us;   // of each request that did not wait for a connection
    size_t count, sent, answered;
    uint64_t begin_ns;
    bool has_waited; // the next request was due when no connection was free
};

static void plan(struct load *l, double rate, double seconds);
static void listen_on(struct load *l, const char *port);
static void open_connections(struct load *l, const char *port);
static void watch(struct load *l, struct connection *c, enum kind kind, int fd);
static void run(struct load *l, uint64_t stop_ns);
static void send_due(struct load *l);
static void send_one(struct load *l, uint64_t now_ns);
static void wait_for_answers(struct load *l);
static void take_served(struct load *l);
static void serve(struct connection *c);
static bool receive(struct connection *c);
static void take_answer(struct load *l, struct connection *c);
static bool is_whole(struct connection *c);
static uint64_t since_begin(const struct load *l);
static void print_slices(const struct load *l, double seconds);
static float percentile_99(float *values, size_t count);

int main(int argc, char **argv) {
    if (argc != 5) errx(2, "usage: open_loop PORT BACKEND_PORT RATE SECONDS");
    static struct load l;
    double rate = atof(argv[3]), seconds = atof(argv[4]);
    if (!(rate >= 0 && rate <= RATE_MAX && seconds > 0 && seconds <= 60))
        errx(2, "no such rate or time");
    prctl(PR_SET_TIMERSLACK, 1);
    plan(&l, rate, seconds);
    l.loop = epoll_create1(0);
    listen_on(&l, argv[2]);
    open_connections(&l, argv[1]);
    run(&l, rate > 0 ? 0 : (uint64_t)(seconds * 1e9));
    if (rate > 0)
        print_slices(&l, seconds);
    else
        printf("%.0f\n", (double)l.answered / seconds);
    return 0;
}

// Exponential gaps, as from many clients that know nothing of each other.
static void plan(struct load *l, double rate, double seconds) {
    l->count = (size_t)((rate > 0 ? rate : RATE_MAX) * seconds);
    l->due_ns = calloc(l->count, sizeof *l->due_ns);
    l->times_us = calloc(l->count, sizeof *l->times_us);
    l->late_us = calloc(l->count, sizeof *l->late_us);
    if (!l->due_ns || !l->times_us || !l->late_us) err(1, "memory");
    struct drand48_data seed;
    srand48_r(1, &seed);
    double at = 0;
    for (size_t i = 0; rate > 0 && i < l->count; i++) {
        double u;
        drand48_r(&seed, &u);
        at -= log(1 - u) / rate;
        l->due_ns[i] = (uint64_t)(at * 1e9);
    }
}

static struct sockaddr_in loopback(const char *port) {
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)atoi(port)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void listen_on(struct load *l, const char *port) {
    struct sockaddr_in at = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, SERVED_MAX) != 0)
        err(1, "port %s", port);
    watch(l, &l->listener, KIND_LISTENER, fd);
}

static void open_connections(struct load *l, const char *port) {
    struct sockaddr_in to = loopback(port);
    int on = 1;
    for (size_t i = 0; i < CONNECTIONS; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) err(1, "port %s", port);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        watch(l, &l->connections[i], KIND_CLIENT, fd);
        l->idle[l->idle_count++] = &l->connections[i];
    }
}

static void watch(struct load *l, struct connection *c, enum kind kind, int fd) {
    c->kind = kind;
    c->fd = fd;
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(l->loop, EPOLL_CTL_ADD, fd, &e) != 0) err(1, "epoll_ctl");
}

// stop_ns 0: to the last answer.
static void run(struct load *l, uint64_t stop_ns) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    l->begin_ns = (uint64_t)now.tv_sec * NS_A_SECOND + (uint64_t)now.tv_nsec;
    uint64_t end_ns = stop_ns + l->due_ns[l->count - 1] + GRACE_S * NS_A_SECOND;
    while (l->answered < l->count) {
        if (stop_ns > 0 && since_begin(l) > stop_ns) return;
        if (since_begin(l) > end_ns)
            errx(1, "%zu of %zu requests have no answer", l->count - l->answered, l->count);
        send_due(l);
        wait_for_answers(l);
    }
}

static void send_due(struct load *l) {
    uint64_t now_ns = since_begin(l);
    while (l->sent < l->count && l->due_ns[l->sent] <= now_ns) {
        if (l->idle_count == 0) {
            l->has_waited = true;
            return;
        }
        send_one(l, now_ns);
        now_ns = since_begin(l);
    }
}

static void send_one(struct load *l, uint64_t now_ns) {
    static const char request[] = "GET /small HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    const ssize_t len = sizeof request - 1;
    struct connection *c = l->idle[--l->idle_count];
    if (!l->has_waited) l->late_us[l->sent] = (float)(now_ns - l->due_ns[l->sent]) / 1000;
    l->has_waited = false;
    c->request = l->sent++;
    c->used = 0;
    if (send(c->fd, request, (size_t)len, MSG_NOSIGNAL) != len) err(1, "send");
}

static void wait_for_answers(struct load *l) {
    struct epoll_event events[EVENTS];
    struct timespec rest = {1, 0};
    uint64_t now_ns = since_begin(l);
    if (l->sent < l->count && l->idle_count > 0) {
        uint64_t due_ns = l->due_ns[l->sent];
        uint64_t rest_ns = due_ns > now_ns ? due_ns - now_ns : 0;
        rest.tv_sec = (time_t)(rest_ns / NS_A_SECOND);
        rest.tv_nsec = (long)(rest_ns % NS_A_SECOND);
    }
    int n = epoll_pwait2(l->loop, events, EVENTS, &rest, NULL);
    if (n < 0 && errno != EINTR) err(1, "epoll_pwait2");
    for (int i = 0; i < n; i++) {
        struct connection *c = events[i].data.ptr;
        switch (c->kind) {
        case KIND_CLIENT: take_answer(l, c); break;
        case KIND_LISTENER: take_served(l); break;
        case KIND_BACKEND: serve(c); break;
        }
    }
}

static void take_served(struct load *l) {
    int fd = accept4(l->listener.fd, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0) return;
    if (l->served_count == SERVED_MAX) errx(1, "the proxy opens too many connections");
    watch(l, &l->served[l->served_count++], KIND_BACKEND, fd);
}

static void serve(struct connection *c) {
    char answer[256];
    if (!receive(c)) {
        close(c->fd); // the proxy keeps no more of them
        return;
    }
    if (!strstr(c->bytes, "\r\n\r\n")) return;
    int len = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%0*d",
                       BODY_BYTES, BODY_BYTES, 0);
    c->used = 0;
    if (send(c->fd, answer, (size_t)len, MSG_NOSIGNAL) != len) err(1, "send to the proxy");
}

// False: the connection has ended.
static bool receive(struct connection *c) {
    ssize_t n = recv(c->fd, c->bytes + c->used, BYTES_MAX - c->used, MSG_DONTWAIT);
    if (n <= 0) return false;
    c->used += (size_t)n;
    c->bytes[c->used] = '\0';
    return true;
}

static void take_answer(struct load *l, struct connection *c) {
    if (!receive(c)) errx(1, "a connection ended, or an answer is too long");
    if (!is_whole(c)) return;
    l->times_us[c->request] = (float)(since_begin(l) - l->due_ns[c->request]) / 1000;
    l->answered++;
    l->idle[l->idle_count++] = c;
}

static bool is_whole(struct connection *c) {
    const char *end = strstr(c->bytes, "\r\n\r\n");
    if (!end) return false;
    const char *length = strcasestr(c->bytes, "\r\ncontent-length:");
    if (strncmp(c->bytes, "HTTP/1.1 200 ", 13) != 0 || !length || length > end)
        errx(1, "an answer that is not wanted:\n%s", c->bytes);
    return c->used >= (size_t)(end + 4 - c->bytes) + (size_t)atoi(strchr(length, ':') + 1);
}

static uint64_t since_begin(const struct load *l) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_A_SECOND + (uint64_t)now.tv_nsec - l->begin_ns;
}

static void print_slices(const struct load *l, double seconds) {
    size_t slices = (size_t)(seconds * SLICES_A_SECOND), each = slices ? l->count / slices : 0;
    if (each == 0) errx(2, "too few requests for a slice");
    for (size_t i = 0; i < slices; i++)
        printf("%.1f %.1f\n", percentile_99(l->times_us + i * each, each),
               percentile_99(l->late_us + i * each, each));
}

static int compare(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static float percentile_99(float *values, size_t count) {
    qsort(values, count, sizeof *values, compare);
    return values[count * 99 / 100];
}
