// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "certcheck/link.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/check.h"
#include "core/clock.h"
#include "core/dial.h"
#include "core/loop.h"

#define TURN_MS 100

// While core's dial is at work.
struct dialling {
    struct link *link;
    struct text *why;
    bool has_ended;
};

// While a name is being resolved.
struct resolving {
    struct address *out; // room for LINK_ADDRESSES_MAX
    size_t count;
    const char *why;
    bool has_ended;
};

static void on_dialled(void *arg, int fd, enum dial_failure failure, const char *why);
static void name_peer(struct link *l);
static void drop_used(struct link *l);
static bool receive(struct link *l, struct text *why);
static int left_ms(const struct link *l);
static bool take(struct link *l, size_t bytes, struct slice *out);

bool link_open(struct link *l, const char *host, int port, unsigned timeout_ms, struct text *why) {
    struct dialling d = {.link = l, .why = why};
    struct endpoint to = {.text = (char *)host, .host = (char *)host, .port = port};
    struct loop *loop = loop_new();
    clock_update();
    *l = (struct link){.fd = -1, .in_max = LINK_IN_MAX, .end_ms = clock_ms() + timeout_ms};
    if (address_parse_ip(slice_of(host), port, &to.address)) to.host = NULL;
    struct resolver *resolver = to.host ? resolver_new(loop) : NULL;
    dial_start(loop, resolver, &to, timeout_ms, on_dialled, &d);
    while (!d.has_ended) loop_turn(loop, TURN_MS);
    if (resolver) resolver_free(resolver);
    loop_free(loop);
    if (l->fd >= 0) name_peer(l);
    return l->fd >= 0;
}

static void on_resolved(void *arg, const struct resolved *r) {
    struct resolving *waiting = arg;
    waiting->count = r->count < LINK_ADDRESSES_MAX ? r->count : LINK_ADDRESSES_MAX;
    if (r->count > 0) memcpy(waiting->out, r->at, waiting->count * sizeof *r->at);
    waiting->why = r->why;
    waiting->has_ended = true;
}

size_t link_resolve(const char *host, unsigned timeout_ms, struct address out[LINK_ADDRESSES_MAX],
                    struct text *why) {
    struct resolving waiting = {.out = out, .why = "the name servers did not answer in time"};
    struct lookup lookup = {.on_resolved = on_resolved, .arg = &waiting};
    if (address_parse_ip(slice_of(host), 0, &out[0])) return 1;
    struct loop *loop = loop_new();
    struct resolver *resolver = resolver_new(loop);
    clock_update();
    uint64_t end_ms = clock_ms() + timeout_ms;
    resolver_lookup(resolver, host, &lookup);
    while (!waiting.has_ended && clock_ms() < end_ms) loop_turn(loop, TURN_MS);
    if (!waiting.has_ended) resolver_forget(&lookup);
    if (waiting.count == 0) text_printf(why, "no address for '%.60s' (%s)", host, waiting.why);
    resolver_free(resolver);
    loop_free(loop);
    return waiting.count;
}

void link_close(struct link *l) {
    if (l->fd >= 0) close(l->fd);
    l->fd = -1;
}

bool link_write(struct link *l, struct slice bytes, struct text *why) {
    while (bytes.len > 0) {
        ssize_t n = send(l->fd, bytes.at, bytes.len, MSG_NOSIGNAL);
        if (n > 0) {
            bytes = slice_skip(bytes, (size_t)n);
        } else if (errno == EAGAIN) {
            if (!link_wait(l, POLLOUT, why)) return false;
        } else if (errno != EINTR) {
            text_printf(why, "the connection failed (%s)", strerror(errno));
            return false;
        }
    }
    return true;
}

bool link_read_line(struct link *l, struct slice *line, struct text *why) {
    if (!link_read_to(l, SLICE("\n"), line, why)) return false;
    line->len--;
    if (line->len > 0 && line->at[line->len - 1] == '\r') line->len--;
    return true;
}

bool link_read(struct link *l, size_t bytes, struct slice *out, struct text *why) {
    CHECK(bytes <= sizeof l->in);
    drop_used(l);
    while (l->in_len < bytes)
        if (!receive(l, why)) return false;
    return take(l, bytes, out);
}

bool link_read_to(struct link *l, struct slice mark, struct slice *out, struct text *why) {
    const char *found;
    drop_used(l);
    while (!(found = memmem(l->in, l->in_len, mark.at, mark.len)))
        if (!receive(l, why)) return false;
    return take(l, (size_t)(found - l->in) + mark.len, out);
}

bool link_read_some(struct link *l, struct slice *out, struct text *why) {
    drop_used(l);
    if (l->in_len == 0 && !receive(l, why)) return false;
    return take(l, l->in_len, out);
}

size_t link_unread(const struct link *l) {
    return l->in_len - l->in_used;
}

bool link_is_late(const struct link *l) {
    return left_ms(l) == 0;
}

bool link_wait(struct link *l, short events, struct text *why) {
    struct pollfd one = {.fd = l->fd, .events = events};
    int n;
    do {
        int ms = left_ms(l);
        n = ms > 0 ? poll(&one, 1, ms) : 0;
    } while (n < 0 && errno == EINTR);
    if (n > 0) return true;
    if (n == 0)
        text_add(why, SLICE("no answer in time"));
    else
        text_printf(why, "the connection failed (%s)", strerror(errno));
    return false;
}

static void on_dialled(void *arg, int fd, enum dial_failure failure, const char *why) {
    struct dialling *d = arg;
    if (failure != DIAL_OK) text_add(d->why, slice_of(why));
    d->link->fd = fd;
    d->has_ended = true;
}

static void name_peer(struct link *l) {
    struct address a = {.len = sizeof(struct sockaddr_un)};
    if (getpeername(l->fd, &a.any, &a.len) == 0) address_format(&a, l->peer);
}

static void drop_used(struct link *l) {
    l->in_len -= l->in_used;
    memmove(l->in, l->in + l->in_used, l->in_len);
    l->in_used = 0;
}

static bool take(struct link *l, size_t bytes, struct slice *out) {
    *out = (struct slice){l->in, bytes};
    l->in_used = bytes;
    return true;
}

// At least one more byte.
static bool receive(struct link *l, struct text *why) {
    size_t room = sizeof l->in - l->in_len;
    ssize_t n;
    if (room == 0 || l->in_total >= l->in_max) {
        text_add(why, room == 0 ? SLICE("a line of more than 2048 bytes came")
                                : SLICE("more came than is taken"));
        return false;
    }
    while ((n = recv(l->fd, l->in + l->in_len, room, 0)) < 0) {
        if (errno == EINTR) continue;
        if (errno != EAGAIN) {
            text_printf(why, "the connection failed (%s)", strerror(errno));
            return false;
        }
        if (!link_wait(l, POLLIN, why)) return false;
    }
    l->has_ended = n == 0;
    if (n == 0) text_add(why, SLICE("the server closed the connection"));
    l->in_len += (size_t)n;
    l->in_total += (size_t)n;
    return n > 0;
}

static int left_ms(const struct link *l) {
    uint64_t now_ms = clock_read_us() / 1000;
    return now_ms < l->end_ms ? (int)(l->end_ms - now_ms) : 0;
}
