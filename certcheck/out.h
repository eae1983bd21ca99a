// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "certcheck/report.h"
#include "core/text.h"

// The forms in which reports are written. What stands in certificates comes from outside: only well-formed UTF-8 without control
// characters gets out.

#define OUT_BYTES_MAX (512u << 20)

struct run {
    struct report **reports;
    size_t count;
    time_t at;
    const char *version;         // of this program
    const struct policy *policy; // NULL: none
    int warning_days, critical_days;
    bool warnings_count; // -W
};
enum report_status run_status(const struct run *run); // the worst

typedef void out_fn(const struct run *run, struct text *out);
void out_text(const struct report *r, bool has_colour, struct text *out); // of one target
out_fn out_json, out_sarif, out_junit, out_prometheus, out_dot;
// For Nagios and its like: one line with performance data, then the findings. Returns their status, 0 to 3.
int out_nagios(const struct run *run, struct text *out);

bool out_write_all(int fd, struct slice content); // false: errno says why
// Writes a file beside and renames it, so that nobody sees half of it. False and one line in `why`.
bool out_write_file(const char *path, struct slice content, unsigned mode, char *why, size_t max);

// Shared by the forms: `text` without what must not get out.
void out_add_clean(struct text *out, struct slice text);
// The same of lines, each of which stays one. To a stream:
void out_say_clean(FILE *to, struct slice lines);
void out_add_moment(struct text *out, time_t moment); // "2026-11-23T09:30:00Z"
