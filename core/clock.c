// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/clock.h"

#include <stdbool.h>
#include <stdio.h>

enum { DATE_MAX = 64 };

// Written anew once a second at most.
struct date {
    time_t second; // that the text tells; 0: none
    char text[DATE_MAX];
};

static struct {
    uint64_t monotonic_us; // 0: never read
    uint64_t monotonic_ms;
    time_t wall;
    struct date http_date;
    struct date log_date;
} now;

static bool is_old(struct date *d, struct tm *present);

// Not strftime: dates on the wire are English whatever the locale is.
static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static void read_if_never(void) {
    if (now.monotonic_us == 0) clock_update();
}

void clock_update(void) {
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    now.wall = wall.tv_sec;
    now.monotonic_us = clock_read_us();
    now.monotonic_ms = now.monotonic_us / 1000;
}

uint64_t clock_ms(void) {
    read_if_never();
    return now.monotonic_ms;
}

uint64_t clock_us(void) {
    read_if_never();
    return now.monotonic_us;
}

uint64_t clock_read_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

time_t clock_wall(void) {
    read_if_never();
    return now.wall;
}

const char *clock_http_date(void) {
    struct tm t;
    if (is_old(&now.http_date, &t))
        snprintf(now.http_date.text, DATE_MAX, "%s, %02d %s %04d %02d:%02d:%02d GMT",
                 days[t.tm_wday], t.tm_mday, months[t.tm_mon], t.tm_year + 1900, t.tm_hour,
                 t.tm_min, t.tm_sec);
    return now.http_date.text;
}

const char *clock_log_date(void) {
    struct tm t;
    if (is_old(&now.log_date, &t))
        snprintf(now.log_date.text, DATE_MAX, "%02d/%s/%04d:%02d:%02d:%02d +0000", t.tm_mday,
                 months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
    return now.log_date.text;
}

// Then the caller writes it anew for the present.
static bool is_old(struct date *d, struct tm *present) {
    read_if_never();
    if (d->second == now.wall) return false;
    d->second = now.wall;
    gmtime_r(&now.wall, present);
    return true;
}
