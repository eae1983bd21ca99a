// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MODE = 0600, PIECE_BYTES = 64 << 10, ASIDE_COUNT = 9 };

static const char *name_in(const char *path);
static bool write_new(int folder_fd, const char *name, struct slice content);
static bool write_all(int fd, struct slice rest);
static bool read_all(int fd, struct text *content);
static void say(struct text *why, const char *path);

enum saved state_file_write(int folder_fd, const char *path, struct slice content,
                            struct text *why) {
    const char *name = name_in(path);
    char beside[NAME_MAX + 8];
    snprintf(beside, sizeof beside, "%.*s.new", NAME_MAX, name);
    if (!write_new(folder_fd, beside, content) ||
        renameat(folder_fd, beside, folder_fd, name) != 0) {
        say(why, path);
        unlinkat(folder_fd, beside, 0);
        return NOT_SAVED;
    }
    if (fsync(folder_fd) == 0) return SAVED;
    say(why, path);
    return UNSURE;
}

static const char *name_in(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool write_new(int folder_fd, const char *name, struct slice content) {
    int flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(folder_fd, name, flags, MODE);
    if (fd < 0) return false;
    bool is_good = write_all(fd, content) && fsync(fd) == 0;
    int saved_errno = errno;
    if (close(fd) != 0 && is_good) return false;
    errno = saved_errno;
    return is_good;
}

static bool write_all(int fd, struct slice rest) {
    while (rest.len > 0) {
        ssize_t n = write(fd, rest.at, rest.len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        rest = slice_skip(rest, (size_t)n);
    }
    return true;
}

bool state_file_read(int folder_fd, const char *path, struct text *content, struct text *why) {
    int fd = openat(folder_fd, name_in(path), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return false;
    bool is_good = fd >= 0 && read_all(fd, content);
    if (!is_good) say(why, path);
    if (fd >= 0) close(fd);
    return is_good;
}

static bool read_all(int fd, struct text *content) {
    char piece[PIECE_BYTES];
    ssize_t n;
    while ((n = read(fd, piece, sizeof piece)) != 0) {
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        if (content->len + (size_t)n > STATE_BYTES_MAX) {
            errno = EFBIG;
            return false;
        }
        text_add(content, (struct slice){piece, (size_t)n});
    }
    return true;
}

bool state_file_set_aside(int folder_fd, const char *path, const char *end,
                          char aside[STATE_ASIDE_MAX], struct text *why) {
    const char *name = name_in(path);
    snprintf(aside, STATE_ASIDE_MAX, "%.*s%s", NAME_MAX, name, end);
    for (int i = 2; i <= ASIDE_COUNT && faccessat(folder_fd, aside, F_OK, 0) == 0; i++)
        snprintf(aside, STATE_ASIDE_MAX, "%.*s%s.%d", NAME_MAX, name, end, i);
    if (renameat(folder_fd, name, folder_fd, aside) == 0 || errno == ENOENT) return true;
    say(why, path);
    return false;
}

static void say(struct text *why, const char *path) {
    text_printf(why, "%s: %s", path, strerror(errno));
}
