// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/channel.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/check.h"
#include "core/log.h"

// A turn of the loop takes no more than this many messages from one channel.
enum { RECEIVE_AT_ONCE = 64, SEND_BUFFER = 208 * 1024 };

// A message that the kernel would not take yet; its descriptors are ours.
struct waiting {
    struct waiting *next;
    uint32_t type;
    size_t len;
    size_t fd_count;
    int fds[CHANNEL_FDS_MAX];
    char body[];
};

// A message as it was received.
struct received {
    uint32_t type;
    size_t len;
    size_t fd_count;
    int fds[CHANNEL_FDS_MAX];
    char body[CHANNEL_BODY_MAX];
};

struct channel {
    struct loop *loop;
    struct channel_conf conf;
    int fd;
    struct watch *readable; // NULL: the other end is gone
    struct event *writable;
    struct waiting *first;
    struct waiting **end;
    size_t waiting_count;
    bool is_in_callback;
    bool is_freed; // from its callback; the memory goes after that
};

// Descriptors on their way, aligned as the kernel wants them.
union ancillary {
    struct cmsghdr head;
    char space[CMSG_SPACE(CHANNEL_FDS_MAX * sizeof(int))];
};

static void on_readable(void *arg);
static bool receive_one(struct channel *c);
static ssize_t receive_message(int fd, struct received *m);
static void take_descriptors(struct msghdr *head, struct received *m);
static void deliver(struct channel *c, struct received *m);
static void say_closed(struct channel *c);
static bool has_left(int error);
static int send_now(int fd, uint32_t type, struct slice body, const int *fds, size_t fd_count);
static bool enqueue(struct channel *c, uint32_t type, struct slice body, const int *fds,
                    size_t fd_count);
static void drop_first(struct channel *c);
static void on_writable(evutil_socket_t fd, short what, void *arg);
static void close_all(const int *fds, size_t count);

bool channel_pair(int ends[2]) {
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
        return false;
    for (int i = 0; i < 2; i++) // a message must fit whatever this system's default is
        setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &(int){SEND_BUFFER}, sizeof(int));
    return true;
}

struct channel *channel_new(struct loop *loop, int fd, const struct channel_conf *conf) {
    struct channel *c = calloc(1, sizeof *c);
    CHECK(c);
    c->loop = loop;
    c->conf = *conf;
    c->fd = fd;
    c->end = &c->first;
    c->readable = loop_watch_fd(loop, fd, on_readable, c);
    c->writable = event_new(loop_base(loop), fd, EV_WRITE | EV_PERSIST, on_writable, c);
    CHECK(c->readable && c->writable);
    return c;
}

void channel_free(struct channel *c) {
    if (!c) return;
    if (!c->is_freed) {
        if (c->readable) loop_unwatch(c->readable);
        event_free(c->writable);
        while (c->first) drop_first(c);
        close(c->fd);
    }
    c->is_freed = true;
    if (!c->is_in_callback) free(c);
}

bool channel_send(struct channel *c, unsigned type, struct slice body, const int *fds,
                  size_t fd_count) {
    CHECK(body.len <= CHANNEL_BODY_MAX && fd_count <= CHANNEL_FDS_MAX);
    if (c->is_freed || !c->readable) return false;
    if (!c->first) {
        int error = send_now(c->fd, type, body, fds, fd_count);
        if (error == 0) return true;
        if (has_left(error)) return false;
        if (error != EAGAIN) {
            log_warn("channel: message %u was not sent: %s", type, strerror(error));
            return false;
        }
    }
    return enqueue(c, type, body, fds, fd_count);
}

size_t channel_waiting(const struct channel *c) {
    return c->waiting_count;
}

static void on_readable(void *arg) {
    struct channel *c = arg;
    c->is_in_callback = true;
    for (int i = 0; i < RECEIVE_AT_ONCE && !c->is_freed && c->readable; i++)
        if (!receive_one(c)) break;
    c->is_in_callback = false;
    if (c->is_freed) channel_free(c);
}

// False when there is nothing more to receive now.
static bool receive_one(struct channel *c) {
    struct received m;
    ssize_t n = receive_message(c->fd, &m);
    if (n > 0) {
        deliver(c, &m);
        return true;
    }
    // ECONNRESET says that the other end left without having read all of ours; what it sent comes after that.
    if (n < 0) return errno == EINTR || errno == ECONNRESET;
    say_closed(c);
    return false;
}

// As recvmsg(2).
static ssize_t receive_message(int fd, struct received *m) {
    union ancillary ancillary;
    struct iovec parts[2] = {{&m->type, sizeof m->type}, {m->body, sizeof m->body}};
    struct msghdr head = {.msg_iov = parts,
                          .msg_iovlen = 2,
                          .msg_control = &ancillary,
                          .msg_controllen = sizeof ancillary};
    ssize_t n = recvmsg(fd, &head, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n <= 0) return n;
    take_descriptors(&head, m);
    CHECK((size_t)n >= sizeof m->type && !(head.msg_flags & MSG_TRUNC)); // both ends are ours
    m->len = (size_t)n - sizeof m->type;
    return n;
}

static void take_descriptors(struct msghdr *head, struct received *m) {
    m->fd_count = 0;
    struct cmsghdr *c = CMSG_FIRSTHDR(head);
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
        m->fd_count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(m->fds, CMSG_DATA(c), m->fd_count * sizeof(int));
    }
    if (head->msg_flags & MSG_CTRUNC)
        log_error("channel: no descriptor left for those of message %u", m->type);
}

static void deliver(struct channel *c, struct received *m) {
    struct slice body = {m->body, m->len};
    c->conf.on_message(c->conf.arg, m->type, body, m->fds, m->fd_count);
    close_all(m->fds, m->fd_count);
}

static void say_closed(struct channel *c) {
    loop_unwatch(c->readable);
    c->readable = NULL;
    event_del(c->writable);
    while (c->first) drop_first(c);
    c->conf.on_closed(c->conf.arg);
}

// The other end is closed: on_closed() says so next, and nobody needs to hear it twice.
static bool has_left(int error) {
    return error == EPIPE || error == ECONNRESET;
}

// 0 or an errno; EAGAIN: later.
static int send_now(int fd, uint32_t type, struct slice body, const int *fds, size_t fd_count) {
    union ancillary ancillary = {.head = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    struct iovec parts[2] = {{&type, sizeof type}, {(void *)(uintptr_t)body.at, body.len}};
    struct msghdr head = {.msg_iov = parts, .msg_iovlen = body.len > 0 ? 2 : 1};
    if (fd_count > 0) {
        ancillary.head.cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(&ancillary.head), fds, fd_count * sizeof(int));
        head.msg_control = &ancillary;
        head.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
    }
    while (sendmsg(fd, &head, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        if (errno != EINTR) return errno;
    return 0;
}

static bool enqueue(struct channel *c, uint32_t type, struct slice body, const int *fds,
                    size_t fd_count) {
    if (c->waiting_count >= CHANNEL_WAITING_MAX) {
        log_repeated(LOG_LEVEL_ERROR, "channel queue", "channel: the other end reads nothing");
        return false;
    }
    struct waiting *w = malloc(sizeof *w + body.len);
    CHECK(w);
    *w = (struct waiting){.type = type, .len = body.len};
    if (body.len > 0) memcpy(w->body, body.at, body.len);
    for (; w->fd_count < fd_count; w->fd_count++) {
        w->fds[w->fd_count] = fcntl(fds[w->fd_count], F_DUPFD_CLOEXEC, 0);
        if (w->fds[w->fd_count] < 0) break;
    }
    if (w->fd_count < fd_count) {
        log_error("channel: message %u was not sent: %m", type);
        close_all(w->fds, w->fd_count);
        free(w);
        return false;
    }
    *c->end = w;
    c->end = &w->next;
    if (c->waiting_count++ == 0) event_add(c->writable, NULL);
    return true;
}

static void drop_first(struct channel *c) {
    struct waiting *w = c->first;
    c->first = w->next;
    if (!c->first) c->end = &c->first;
    c->waiting_count--;
    close_all(w->fds, w->fd_count);
    free(w);
}

static void on_writable(evutil_socket_t fd, short what, void *arg) {
    (void)what;
    struct channel *c = arg;
    loop_begin_turn(c->loop);
    while (c->first) {
        struct waiting *w = c->first;
        struct slice body = {w->body, w->len};
        int error = send_now(fd, w->type, body, w->fds, w->fd_count);
        if (error == EAGAIN) return;
        if (error != 0 && !has_left(error))
            log_warn("channel: message %u was lost: %s", w->type, strerror(error));
        drop_first(c);
    }
    event_del(c->writable);
}

static void close_all(const int *fds, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (fds[i] >= 0) close(fds[i]);
}
