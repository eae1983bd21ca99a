// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"

// A line is built on the stack and written by one write(2), so lines of several processes that append
// to one file do not mix.
enum {
    KEY_MAX = 96,
    MESSAGE_MAX = 3072,
    LINE_MAX_BYTES = 4096,
    REPEATS_MAX = 256,
    REPEAT_US = 10 * 1000000
};

static const char *const level_names[] = {
    [LOG_LEVEL_DEBUG] = "debug", [LOG_LEVEL_INFO] = "info",   [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_AUDIT] = "audit",
};

struct repeat {
    char key[KEY_MAX]; // "": free
    uint64_t said_us;
    unsigned left_out;
};

static struct {
    int fd; // -1: stderr
    enum log_level least;
    const char *role;
    log_echo_fn *on_line;
    void *echo_arg;
    struct repeat repeats[REPEATS_MAX];
} log_state = {.fd = -1, .least = LOG_LEVEL_INFO, .role = "rsp"};

static void say(enum log_level level, unsigned left_out, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));
static size_t add_head(char *line, enum log_level level);
static size_t add_escaped(char *line, size_t len, const char *message);
static void write_line(const char *line, size_t len);
static struct repeat *find_repeat(const char *key);

void log_set_fd(int fd) {
    log_state.fd = fd;
}

void log_set_level(enum log_level least) {
    log_state.least = least;
}

enum log_level log_level_named(const char *name) {
    for (size_t i = 0; name && i < sizeof level_names / sizeof *level_names; i++)
        if (strcmp(name, level_names[i]) == 0) return (enum log_level)i;
    return LOG_LEVEL_INFO;
}

bool log_has_level(enum log_level level) {
    return level >= log_state.least;
}

void log_set_echo(log_echo_fn *on_line, void *arg) {
    log_state.on_line = on_line;
    log_state.echo_arg = arg;
}

void log_set_role(const char *role) {
    log_state.role = role;
}

void log_debug(const char *format, ...) {
    va_list args;
    va_start(args, format);
    say(LOG_LEVEL_DEBUG, 0, format, args);
    va_end(args);
}

void log_info(const char *format, ...) {
    va_list args;
    va_start(args, format);
    say(LOG_LEVEL_INFO, 0, format, args);
    va_end(args);
}

void log_warn(const char *format, ...) {
    va_list args;
    va_start(args, format);
    say(LOG_LEVEL_WARN, 0, format, args);
    va_end(args);
}

void log_error(const char *format, ...) {
    va_list args;
    va_start(args, format);
    say(LOG_LEVEL_ERROR, 0, format, args);
    va_end(args);
}

void log_audit(const char *format, ...) {
    va_list args;
    va_start(args, format);
    say(LOG_LEVEL_AUDIT, 0, format, args);
    va_end(args);
}

void log_repeated(enum log_level level, const char *key, const char *format, ...) {
    if (level < log_state.least) return;
    struct repeat *r = find_repeat(key);
    uint64_t now_us = clock_read_us();
    if (r->said_us != 0 && now_us - r->said_us < REPEAT_US) {
        r->left_out++;
        return;
    }
    va_list args;
    va_start(args, format);
    say(level, r->left_out, format, args);
    va_end(args);
    r->said_us = now_us;
    r->left_out = 0;
}

static void say(enum log_level level, unsigned left_out, const char *format, va_list args) {
    if (level < log_state.least && level != LOG_LEVEL_AUDIT) return;
    int saved_errno = errno; // "%m" works, and the caller's errno stays
    char message[MESSAGE_MAX];
    int n = vsnprintf(message, sizeof message, format, args);
    if (n < 0) return;
    char line[LINE_MAX_BYTES];
    size_t len = add_head(line, level);
    len = add_escaped(line, len, message);
    if ((size_t)n >= sizeof message) len += (size_t)sprintf(line + len, " [cut]");
    if (left_out > 0)
        len += (size_t)sprintf(line + len, " [%u like this left out before]", left_out);
    if (log_state.on_line) log_state.on_line(log_state.echo_arg, line, len);
    line[len++] = '\n';
    write_line(line, len);
    errno = saved_errno;
}

// "2026-11-23T08:08:14.123Z warn worker 3[4711] ". The role is ours and short.
static size_t add_head(char *line, enum log_level level) {
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    struct tm t;
    gmtime_r(&wall.tv_sec, &t);
    int n = snprintf(line, 128, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ %s %.40s[%ld] ",
                     t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec,
                     wall.tv_nsec / 1000000, level_names[level], log_state.role, (long)getpid());
    return (size_t)n;
}

// Whatever a peer sent, an event is one line and moves no terminal: control bytes become \xNN.
static size_t add_escaped(char *line, size_t len, const char *message) {
    const size_t reserve = 64; // for the notes after the message and the line feed
    static const char hex[] = "0123456789abcdef";
    for (const char *c = message; *c && len + 4 < LINE_MAX_BYTES - reserve; c++) {
        unsigned char byte = (unsigned char)*c;
        if (byte >= 0x20 && byte != 0x7f) {
            line[len++] = *c;
            continue;
        }
        line[len++] = '\\';
        line[len++] = 'x';
        line[len++] = hex[byte >> 4];
        line[len++] = hex[byte & 15];
    }
    return len;
}

// A log that cannot be written is no reason to stop serving.
static void write_line(const char *line, size_t len) {
    int fd = log_state.fd >= 0 ? log_state.fd : STDERR_FILENO;
    while (write(fd, line, len) < 0 && errno == EINTR) continue;
}

// The row of the key; if there is none, a free one or the one that spoke longest ago.
static struct repeat *find_repeat(const char *key) {
    struct repeat *oldest = &log_state.repeats[0];
    for (size_t i = 0; i < REPEATS_MAX; i++) {
        struct repeat *r = &log_state.repeats[i];
        if (strncmp(r->key, key, KEY_MAX - 1) == 0) return r;
        if (r->said_us < oldest->said_us) oldest = r;
    }
    *oldest = (struct repeat){.said_us = 0};
    strncat(oldest->key, key, KEY_MAX - 1);
    return oldest;
}
