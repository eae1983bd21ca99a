// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/log_files.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

// O_NONBLOCK: a FIFO that nobody reads, or reads too slowly, must not stop us.
enum { LOG_MODE = 0640, OPEN_FLAGS = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK };

static int open_one(const struct log_conf *log, const char *key, const char *path,
                    struct text *errors);
static bool check_one(const struct log_conf *log, const char *key, const char *path,
                      struct text *errors);
static int standard_fd(const char *path);
static bool has_writable_folder(const char *path);
static void say(const struct log_conf *log, const char *key, const char *path, struct text *errors);

static bool is_off(const struct log_conf *log) {
    return strcmp(log->access, "off") == 0;
}

bool log_files_open(const struct log_conf *log, int *access_fd, int *error_fd,
                    struct text *errors) {
    *access_fd = is_off(log) ? -1 : open_one(log, "access", log->access, errors);
    *error_fd = open_one(log, "errors", log->errors, errors);
    return (is_off(log) || *access_fd >= 0) && *error_fd >= 0;
}

bool log_files_check(const struct log_conf *log, struct text *errors) {
    bool is_good = is_off(log) || check_one(log, "access", log->access, errors);
    return check_one(log, "errors", log->errors, errors) && is_good;
}

static int open_one(const struct log_conf *log, const char *key, const char *path,
                    struct text *errors) {
    int standard = standard_fd(path);
    int fd = standard >= 0 ? fcntl(standard, F_DUPFD_CLOEXEC, 3)
                           : open(path, OPEN_FLAGS | O_CREAT, LOG_MODE);
    if (fd < 0) say(log, key, path, errors);
    return fd;
}

static bool check_one(const struct log_conf *log, const char *key, const char *path,
                      struct text *errors) {
    if (standard_fd(path) >= 0) return true;
    int fd = open(path, OPEN_FLAGS);
    if (fd >= 0) {
        close(fd);
        return true;
    }
    if (errno == ENOENT && has_writable_folder(path)) return true;
    say(log, key, path, errors);
    return false;
}

// Of the words that are no path; else -1.
static int standard_fd(const char *path) {
    if (strcmp(path, "stdout") == 0) return STDOUT_FILENO;
    return strcmp(path, "stderr") == 0 ? STDERR_FILENO : -1;
}

static bool has_writable_folder(const char *path) {
    char folder[PATH_MAX] = "";
    strncat(folder, path, sizeof folder - 1);
    return faccessat(AT_FDCWD, dirname(folder), W_OK | X_OK, AT_EACCESS) == 0;
}

static void say(const struct log_conf *log, const char *key, const char *path,
                struct text *errors) {
    const char *why = errno == ENXIO ? "nobody reads from this FIFO" : strerror(errno);
    if (log->place.file) text_printf(errors, "%s:%d: ", log->place.file, log->place.line);
    text_printf(errors, "log: %s: %s: %s\n", key, path, why);
}
