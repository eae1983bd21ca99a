// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "certcheck/moment.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool parse_seconds(const char *text, time_t *out);
static bool parse_zone(const char *text, long *offset_s);
static const char *skip_fraction(const char *text);

bool moment_parse(const char *text, time_t *out) {
    struct tm tm = {0};
    long offset_s = 0;
    if (parse_seconds(text, out)) return true;
    const char *rest = strptime(text, "%Y-%m-%d", &tm);
    if (rest && (*rest == 'T' || *rest == 't' || *rest == ' ')) {
        const char *clock = rest + 1;
        rest = strptime(clock, "%H:%M:%S", &tm);
        rest = rest ? skip_fraction(rest) : strptime(clock, "%H:%M", &tm);
    }
    if (!rest || !parse_zone(rest, &offset_s)) return false;
    int day = tm.tm_mday;
    *out = timegm(&tm) - offset_s;
    return tm.tm_mday == day; // 30 February is no day
}

static bool parse_seconds(const char *text, time_t *out) {
    size_t digits = strspn(text, "0123456789");
    const char *rest = skip_fraction(text + digits);
    if (digits == 0 || digits > 12 || *rest != '\0') return false;
    *out = (time_t)strtoll(text, NULL, 10);
    return true;
}

static const char *skip_fraction(const char *text) {
    if (*text != '.' && *text != ',') return text;
    size_t digits = strspn(text + 1, "0123456789");
    return digits > 0 ? text + 1 + digits : text;
}

// "", "Z", "+01:00", "-0130", "+01"
static bool parse_zone(const char *text, long *offset_s) {
    if (*text == '\0' || strcmp(text, "Z") == 0 || strcmp(text, "z") == 0) return true;
    if (*text != '+' && *text != '-') return false;
    struct tm tm = {0};
    const char *rest = strptime(text + 1, "%H", &tm);
    if (rest && *rest == ':') rest++;
    if (rest && isdigit((unsigned char)*rest)) rest = strptime(rest, "%M", &tm);
    if (!rest || *rest != '\0') return false;
    long seconds = tm.tm_hour * 3600L + tm.tm_min * 60L;
    *offset_s = *text == '-' ? -seconds : seconds;
    return true;
}
