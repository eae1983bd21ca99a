// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "http/access_log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/check.h"
#include "core/log.h"
#include "core/text.h"
#include "http/access_line.h"

enum { GATHERED_MAX = 1 << 20, WRITE_EARLY = 64 << 10, WAIT_MAX_MS = 1000 };

struct access_log {
    struct loop *loop;
    int fd;
    bool is_file; // a regular file takes everything at once; anything else may be full
    struct text lines;
    size_t buffer; // 0: lines wait for the end of the turn only
    struct task at_end_of_turn;
    struct timer at_the_latest;
    struct ring *ring; // NULL: none
    uint64_t dropped_bytes;
};

static void look_at_fd(struct access_log *l, int fd);
static void write_in_time(struct access_log *l);
static void write_lines(void *arg);
static size_t write_some(struct access_log *l, const char *at, size_t len);
static void drop(struct access_log *l, size_t bytes, const char *why);

struct access_log *access_log_new(struct loop *loop, int fd) {
    struct access_log *l = calloc(1, sizeof *l);
    CHECK(l);
    l->loop = loop;
    text_init(&l->lines, GATHERED_MAX);
    task_init(&l->at_end_of_turn, write_lines, l);
    timer_init(&l->at_the_latest, loop, write_lines, l);
    look_at_fd(l, fd);
    return l;
}

void access_log_free(struct access_log *l) {
    if (!l) return;
    write_lines(l);
    loop_remove_task(l->loop, &l->at_end_of_turn);
    timer_fini(&l->at_the_latest);
    text_fini(&l->lines);
    free(l);
}

void access_log_set_fd(struct access_log *l, int fd) {
    write_lines(l);
    look_at_fd(l, fd);
}

static void look_at_fd(struct access_log *l, int fd) {
    struct stat st;
    l->fd = fd;
    l->is_file = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

void access_log_set_buffer(struct access_log *l, size_t bytes) {
    write_lines(l);
    l->buffer = bytes;
}

void access_log_set_ring(struct access_log *l, struct ring *ring) {
    l->ring = ring;
}

void access_log_write(struct access_log *l, const struct access_entry *e) {
    bool has_reader = l->ring && ring_is_wanted(l->ring);
    if (l->fd < 0 && !has_reader) return;
    char *room = text_reserve(&l->lines, ACCESS_LINE_MAX);
    struct slice line = slice_from(room, access_line_write(room, e));
    if (has_reader) ring_write(l->ring, line);
    if (l->fd < 0) return;
    text_commit(&l->lines, line.len);
    write_in_time(l);
}

// --- to the descriptor ---

static void write_in_time(struct access_log *l) {
    if (l->lines.len >= (l->buffer ? l->buffer : WRITE_EARLY))
        write_lines(l);
    else if (!l->buffer)
        loop_add_last_task(l->loop, &l->at_end_of_turn);
    else if (!timer_is_set(&l->at_the_latest))
        timer_set(&l->at_the_latest, WAIT_MAX_MS);
}

static void write_lines(void *arg) {
    struct access_log *l = arg;
    timer_clear(&l->at_the_latest);
    size_t done = 0;
    while (done < l->lines.len) {
        size_t n = write_some(l, l->lines.at + done, l->lines.len - done);
        if (n == 0) break;
        done += n;
    }
    if (done < l->lines.len) drop(l, l->lines.len - done, strerror(errno));
    text_clear(&l->lines);
}

// Whole lines, as many as the descriptor takes without waiting. 0 and errno when it takes none.
static size_t write_some(struct access_log *l, const char *at, size_t len) {
    if (!l->is_file && len > PIPE_BUF) {
        const char *end = memrchr(at, '\n', PIPE_BUF);
        CHECK(end);
        len = (size_t)(end + 1 - at);
    }
    struct pollfd ready = {.fd = l->fd, .events = POLLOUT};
    if (!l->is_file && poll(&ready, 1, 0) != 1) {
        errno = EAGAIN;
        return 0;
    }
    ssize_t n;
    do n = write(l->fd, at, len);
    while (n < 0 && errno == EINTR);
    return n > 0 ? (size_t)n : 0;
}

static void drop(struct access_log *l, size_t bytes, const char *why) {
    l->dropped_bytes += bytes;
    log_repeated(LOG_LEVEL_WARN, "access log",
                 "access log: lines of %zu bytes were dropped (%llu in all): %s", bytes,
                 (unsigned long long)l->dropped_bytes, why);
}
