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
#include "core/clock.h"
#include "core/log.h"
#include "core/text.h"

// What of a field is written at most. Together less than PIPE_BUF: a line goes to a pipe in one piece or not at all,
// so lines of several workers do not mix.
enum {
    TARGET_MAX = 1800,
    REFERER_MAX = 400,
    AGENT_MAX = 300,
    HOST_MAX = 255,
    NAME_MAX_BYTES = 120,
    WORD_MAX = 40,
    SUBJECT_MAX = 200,
    GATHERED_MAX = 1 << 20,
    WRITE_EARLY = 64 << 10
};

struct access_log {
    struct loop *loop;
    int fd;
    bool is_file; // a regular file takes everything at once; anything else may be full
    struct text lines;
    struct task task;
    uint64_t dropped_bytes;
};

static void look_at_fd(struct access_log *l, int fd);
static void write_lines(void *arg);
static size_t write_some(struct access_log *l, const char *at, size_t len);
static void drop(struct access_log *l, size_t bytes, const char *why);
static void add_combined(struct text *t, const struct access_entry *e);
static void add_pairs(struct text *t, const struct access_entry *e);
static void add_certificate(struct text *t, const struct access_entry *e);
static void add_status(struct text *t, int status);
static void add_pair(struct text *t, const char *key, struct slice value, size_t max);
static void add_time(struct text *t, const char *key, uint64_t us);
static void add_number(struct text *t, const char *key, uint64_t n);
static void add_escaped(struct text *t, struct slice s, size_t max, bool is_quoted);

struct access_log *access_log_new(struct loop *loop, int fd) {
    struct access_log *l = calloc(1, sizeof *l);
    CHECK(l);
    l->loop = loop;
    text_init(&l->lines, GATHERED_MAX);
    task_init(&l->task, write_lines, l);
    look_at_fd(l, fd);
    return l;
}

void access_log_free(struct access_log *l) {
    if (!l) return;
    write_lines(l);
    loop_remove_task(l->loop, &l->task);
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

void access_log_write(struct access_log *l, const struct access_entry *e) {
    if (l->fd < 0) return;
    add_combined(&l->lines, e);
    add_pairs(&l->lines, e);
    text_add_char(&l->lines, '\n');
    if (l->lines.len >= WRITE_EARLY) {
        write_lines(l);
        return;
    }
    loop_add_last_task(l->loop, &l->task);
}

// --- to the descriptor ---

static void write_lines(void *arg) {
    struct access_log *l = arg;
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

// --- the line ---

static void add_combined(struct text *t, const struct access_entry *e) {
    text_add(t, slice_of(e->client_ip));
    text_add(t, SLICE(" - - ["));
    text_add(t, slice_of(clock_log_date()));
    text_add(t, SLICE("] \""));
    if (e->method.len == 0) {
        text_add_char(t, '-');
    } else {
        add_escaped(t, e->method, WORD_MAX, true);
        text_add_char(t, ' ');
        add_escaped(t, e->target, TARGET_MAX, true);
        text_add(t, e->minor_version == 0 ? SLICE(" HTTP/1.0") : SLICE(" HTTP/1.1"));
    }
    text_add(t, SLICE("\" "));
    add_status(t, e->status);
    text_add_char(t, ' ');
    text_add_u64(t, e->body_bytes);
    text_add(t, SLICE(" \""));
    add_escaped(t, e->referer.len ? e->referer : SLICE("-"), REFERER_MAX, true);
    text_add(t, SLICE("\" \""));
    add_escaped(t, e->user_agent.len ? e->user_agent : SLICE("-"), AGENT_MAX, true);
    text_add_char(t, '"');
}

static void add_pairs(struct text *t, const struct access_entry *e) {
    add_pair(t, " host=", e->host, HOST_MAX);
    add_pair(t, " site=", e->site, HOST_MAX);
    add_pair(t, " pool=", e->pool, NAME_MAX_BYTES);
    add_pair(t, " backend=", e->backend, NAME_MAX_BYTES);
    add_time(t, " read=", e->read_us);
    add_time(t, " queue=", e->queue_us);
    add_time(t, " connect=", e->connect_us);
    add_time(t, " first_byte=", e->first_byte_us);
    add_time(t, " total=", e->total_us);
    add_number(t, " tries=", e->tries);
    add_number(t, " in=", e->bytes_in);
    add_number(t, " out=", e->bytes_out);
    add_pair(t, " reason=", slice_of(e->reason), WORD_MAX);
    add_pair(t, " tls=", slice_of(e->tls), WORD_MAX);
    if (e->certificate.len > 0) add_certificate(t, e);
    add_pair(t, " id=", e->request_id, WORD_MAX);
}

static void add_certificate(struct text *t, const struct access_entry *e) {
    add_pair(t, " cert=", e->certificate, SUBJECT_MAX);
    add_number(t, " cert_bits=", (uint64_t)e->certificate_bits);
    add_number(t, " cert_path=", e->certificate_path);
}

// Always three digits.
static void add_status(struct text *t, int status) {
    text_add_char(t, (char)('0' + status / 100 % 10));
    text_add_char(t, (char)('0' + status / 10 % 10));
    text_add_char(t, (char)('0' + status % 10));
}

static void add_pair(struct text *t, const char *key, struct slice value, size_t max) {
    text_add(t, slice_of(key));
    add_escaped(t, value.len ? value : SLICE("-"), max, false);
}

// Seconds with six decimals.
static void add_time(struct text *t, const char *key, uint64_t us) {
    text_add(t, slice_of(key));
    if (us == UINT64_MAX) {
        text_add_char(t, '-');
        return;
    }
    text_add_u64(t, us / 1000000);
    text_add_char(t, '.');
    for (uint64_t unit = 100000; unit > 0; unit /= 10)
        text_add_char(t, (char)('0' + us / unit % 10));
}

static void add_number(struct text *t, const char *key, uint64_t n) {
    text_add(t, slice_of(key));
    text_add_u64(t, n);
}

static bool is_plain(unsigned char c, bool is_quoted) {
    return c > 0x1f && c < 0x7f && c != '"' && c != '\\' && (is_quoted || c != ' ');
}

// One pass without a branch a byte: nearly all values are.
static bool is_all_plain(struct slice s, bool is_quoted) {
    unsigned char other = is_quoted ? '"' : ' ';
    bool is_bad = false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        is_bad |= (unsigned char)(c - 0x20) > 0x5e;
        is_bad |= (c == '"') | (c == '\\') | (c == other);
    }
    return !is_bad;
}

// At most `max` bytes are written; a value that is cut ends in "...".
static void add_escaped(struct text *t, struct slice s, size_t max, bool is_quoted) {
    static const char HEX[] = "0123456789abcdef";
    if (s.len + 3 <= max && is_all_plain(s, is_quoted)) {
        text_add(t, s);
        return;
    }
    size_t run = 0, written = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        bool plain = is_plain(c, is_quoted);
        written += plain ? 1 : 4;
        if (written + 3 > max) {
            text_add(t, (struct slice){s.at + run, i - run});
            text_add(t, SLICE("..."));
            return;
        }
        if (plain) continue;
        text_add(t, (struct slice){s.at + run, i - run});
        text_add(t, (struct slice){(char[]){'\\', 'x', HEX[c >> 4], HEX[c & 15]}, 4});
        run = i + 1;
    }
    text_add(t, (struct slice){s.at + run, s.len - run});
}
