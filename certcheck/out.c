// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "certcheck/out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t sequence_of(struct slice s);
static bool is_control(unsigned point);

enum report_status run_status(const struct run *run) {
    enum report_status worst = REPORT_GOOD;
    for (size_t i = 0; i < run->count; i++)
        if (report_status(run->reports[i]) > worst) worst = report_status(run->reports[i]);
    return worst;
}

bool out_write_file(const char *path, struct slice content, unsigned mode, char *why, size_t max) {
    char beside[4096];
    if (snprintf(beside, sizeof beside, "%s.XXXXXX", path) >= (int)sizeof beside) {
        snprintf(why, max, "%.100s...: the name is too long", path);
        return false;
    }
    int fd = mkstemp(beside);
    bool is_written = fd >= 0 && out_write_all(fd, content) && fchmod(fd, mode) == 0;
    int problem = errno;
    if (fd >= 0 && close(fd) != 0 && is_written) {
        is_written = false;
        problem = errno;
    }
    if (is_written && rename(beside, path) == 0) return true;
    snprintf(why, max, "%s: %s", path, strerror(is_written ? errno : problem));
    if (fd >= 0) unlink(beside);
    return false;
}

bool out_write_all(int fd, struct slice content) {
    while (content.len > 0) {
        ssize_t n = write(fd, content.at, content.len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        content = slice_skip(content, (size_t)n);
    }
    return true;
}

void out_add_clean(struct text *out, struct slice text) {
    while (text.len > 0) {
        size_t len = sequence_of(text);
        if (len > 0)
            text_add(out, (struct slice){text.at, len});
        else
            text_add_char(out, '?');
        text = slice_skip(text, len > 0 ? len : 1);
    }
}

void out_say_clean(FILE *to, struct slice lines) {
    struct text clean;
    text_init(&clean, lines.len + 1);
    while (lines.len > 0) {
        out_add_clean(&clean, slice_cut(&lines, '\n'));
        text_add_char(&clean, '\n');
    }
    fputs(text_string(&clean), to);
    text_fini(&clean);
}

void out_add_moment(struct text *out, time_t moment) {
    struct tm tm;
    if (!gmtime_r(&moment, &tm)) return;
    text_printf(out, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                tm.tm_hour, tm.tm_min, tm.tm_sec);
}

// The length of the UTF-8 sequence at the beginning (RFC 3629 section 4); 0: it is malformed, a control character, or one that
// turns the direction of writing.
static size_t sequence_of(struct slice s) {
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)s.at[0];
    size_t len = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    unsigned point = first < 0x80 ? first : first & (0x7fu >> len);
    if (len == 0 || len > s.len || first > 0xf4) return 0;
    for (size_t i = 1; i < len; i++) {
        unsigned char byte = (unsigned char)s.at[i];
        if ((byte & 0xc0) != 0x80) return 0;
        point = point << 6 | (byte & 0x3f);
    }
    bool is_surrogate = point >= 0xd800 && point < 0xe000;
    bool is_none = point > 0x10ffff || point == 0xfffe || point == 0xffff;
    bool is_longer = len > 1 && point < least[len]; // than it need be
    return is_control(point) || is_surrogate || is_none || is_longer ? 0 : len;
}

// What is not seen but changes what is: control characters, ends of lines, marks of direction and of byte order.
static bool is_control(unsigned point) {
    static const struct {
        unsigned first, last;
    } ranges[] = {{0, 0x1f},        {0x7f, 0x9f},     {0x61c, 0x61c},   {0x200b, 0x200f},
                  {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (point >= ranges[i].first && point <= ranges[i].last) return true;
    return false;
}
