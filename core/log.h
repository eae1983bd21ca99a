// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>
#include <stddef.h>

// The error log of the process: one line an event, with time, level, process role and pid. One of the
// two globals of rsp (the other is the clock). Before log_set_fd() it writes to stderr.
enum log_level {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARN,
    LOG_LEVEL_ERROR,
    LOG_LEVEL_AUDIT // log_audit() only
};

// The descriptor is borrowed; -1 is stderr. Replacing it is how logs are reopened.
void log_set_fd(int fd);
void log_set_level(enum log_level least);
// "debug", "info", "warn", "error"; anything else, and NULL, is info.
enum log_level log_level_named(const char *name);
bool log_has_level(enum log_level level); // would a line of it be written?
void log_set_role(const char *role);      // "supervisor", "control", "worker 3"; kept by pointer

// Each line that is written is told, too, without its newline; on_line must not log. NULL: nobody.
typedef void log_echo_fn(void *arg, const char *line, size_t len);
void log_set_echo(log_echo_fn *on_line, void *arg);

void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
// Who changed what: no level leaves it out.
void log_audit(const char *format, ...) __attribute__((format(printf, 1, 2)));

// For what an outsider can cause again and again: at most one line per `key` in ten seconds; the next one
// that is let through says how many were left out. A key is the cause, never what an outsider wrote: there are
// 256 of them (the one that was used longest ago goes first), and 95 bytes count.
void log_repeated(enum log_level level, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
