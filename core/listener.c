// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/check.h"
#include "core/log.h"

// So many connections are taken in one turn, then the others have their say: shared listeners spread better, too.
enum { ACCEPTS_PER_TURN = 16, STARVED_MS = 100 };

struct listener {
    struct loop *loop;
    int fd;
    accepted_fn *on_accepted;
    void *arg;
    struct watch *watch;   // NULL: not accepting now
    struct timer starving; // set: out of descriptors, tries again then
    bool is_paused;        // by the owner
};

static bool bind_to(int fd, const struct address *a);
static bool is_own_address(const struct address *a);
static bool has_room_for_path(const char *path);
static bool remove_dead_socket(const struct address *a);
static int connect_error(const struct address *a);
static void on_acceptable(void *arg);
static bool accept_one(struct listener *l);
static bool is_passing(int error);
static void starve(struct listener *l, int error);
static void on_retry(void *arg);
static void steer(struct listener *l);

int listener_open(const struct address *a, int backlog, char *why, size_t why_max) {
    char text[ADDRESS_TEXT_MAX];
    int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind_to(fd, a) && listen(fd, backlog) == 0) return fd;
    snprintf(why, why_max, "cannot listen on %s: %s", address_format(a, text), strerror(errno));
    if (fd >= 0) close(fd);
    return -1;
}

bool listener_check(const struct address *a, char *why, size_t why_max) {
    char text[ADDRESS_TEXT_MAX];
    bool is_unix = a->any.sa_family == AF_UNIX;
    bool is_good = is_unix ? has_room_for_path(a->local.sun_path) : is_own_address(a);
    if (!is_good)
        snprintf(why, why_max, "cannot listen on %s: %s", address_format(a, text), strerror(errno));
    return is_good;
}

struct listener *listener_new(struct loop *loop, int fd, accepted_fn *on_accepted, void *arg) {
    struct listener *l = calloc(1, sizeof *l);
    CHECK(l);
    l->loop = loop;
    l->fd = fd;
    l->on_accepted = on_accepted;
    l->arg = arg;
    timer_init(&l->starving, loop, on_retry, l);
    steer(l);
    return l;
}

void listener_free(struct listener *l) {
    if (!l) return;
    loop_unwatch(l->watch);
    timer_fini(&l->starving);
    free(l);
}

void listener_pause(struct listener *l) {
    l->is_paused = true;
    steer(l);
}

void listener_resume(struct listener *l) {
    l->is_paused = false;
    steer(l);
}

// A unix socket is for its owner alone until somebody says more (chmod). The wildcard of IPv6 takes IPv4 as well; every other IPv6 address stands for itself.
static bool bind_to(int fd, const struct address *a) {
    int on = 1;
    int v6_only = !(a->any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr));
    if (a->any.sa_family == AF_UNIX && !remove_dead_socket(a)) return false;
    if (a->any.sa_family != AF_UNIX) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); // what is accepted inherits it
    }
    if (a->any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only));
    mode_t mask = umask(0177);
    bool is_bound = bind(fd, &a->any, a->len) == 0;
    umask(mask);
    return is_bound;
}

// Any free port will do to find out.
static bool is_own_address(const struct address *a) {
    struct address any_port = *a;
    int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (a->any.sa_family == AF_INET6)
        any_port.v6.sin6_port = 0;
    else
        any_port.v4.sin_port = 0;
    bool is_good = fd >= 0 && bind_to(fd, &any_port);
    int error = errno;
    if (fd >= 0) close(fd);
    errno = error;
    return is_good;
}

static bool has_room_for_path(const char *path) {
    struct stat found;
    char folder[sizeof(((struct sockaddr_un *)0)->sun_path) + 1] = "";
    if (!*path) return true; // an abstract name
    if (lstat(path, &found) == 0 && !S_ISSOCK(found.st_mode)) {
        errno = EEXIST;
        return false;
    }
    strncat(folder, path, sizeof folder - 1);
    return faccessat(AT_FDCWD, dirname(folder), W_OK | X_OK, AT_EACCESS) == 0;
}

// A socket that a crash left behind is in the way; one that somebody answers on, and anything that is not a socket
// (connecting to a plain file is refused as well), is not ours to take.
static bool remove_dead_socket(const struct address *a) {
    struct stat found;
    if (lstat(a->local.sun_path, &found) != 0) return errno == ENOENT;
    if (!S_ISSOCK(found.st_mode)) {
        errno = EEXIST;
        return false;
    }
    if (connect_error(a) == ECONNREFUSED) return unlink(a->local.sun_path) == 0;
    errno = EADDRINUSE;
    return false;
}

static int connect_error(const struct address *a) {
    // Non-blocking: with a full backlog connect() would wait for whoever listens there.
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return errno;
    int error = connect(fd, &a->any, a->len) == 0 ? 0 : errno;
    close(fd);
    return error;
}

static void on_acceptable(void *arg) {
    struct listener *l = arg;
    for (int i = 0; i < ACCEPTS_PER_TURN && l->watch; i++)
        if (!accept_one(l)) return;
}

static bool accept_one(struct listener *l) {
    struct address client = {.len = sizeof(struct sockaddr_un)};
    int fd = accept4(l->fd, &client.any, &client.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        int error = errno;
        if (error != EAGAIN && !is_passing(error)) starve(l, error);
        return is_passing(error);
    }
    l->on_accepted(l->arg, fd, &client);
    return true;
}

// Only of the connection that was to be accepted; the next one may be good (accept(2)).
static bool is_passing(int error) {
    static const int passing[] = {ECONNABORTED, EINTR,       EPROTO,     EPERM,
                                  ENETDOWN,     ENOPROTOOPT, EHOSTDOWN,  EHOSTUNREACH,
                                  ENONET,       EOPNOTSUPP,  ENETUNREACH};
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
        if (error == passing[i]) return true;
    return false;
}

static void starve(struct listener *l, int error) {
    log_repeated(LOG_LEVEL_WARN, "accept", "accepting pauses: %s; what is connected goes on",
                 strerror(error));
    timer_set(&l->starving, STARVED_MS);
    steer(l);
}

static void on_retry(void *arg) {
    steer(arg);
}

static void steer(struct listener *l) {
    bool accepts = !l->is_paused && !timer_is_set(&l->starving);
    if (accepts && !l->watch) l->watch = loop_watch_fd(l->loop, l->fd, on_acceptable, l);
    if (accepts || !l->watch) return;
    loop_unwatch(l->watch);
    l->watch = NULL;
}
