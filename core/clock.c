// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/clock.h"

#include <stdio.h>

enum { DATE_MAX = 64 };

static struct {
    uint64_t monotonic_us; // 0: never read
    time_t wall;
    time_t http_date_of; // the second that the cached string tells; 0: none
    time_t log_date_of;
    char http_date[DATE_MAX];
    char log_date[DATE_MAX];
} now;

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
}

uint64_t clock_ms(void) {
    return clock_us() / 1000;
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
    read_if_never();
    if (now.http_date_of == now.wall) return now.http_date;
    struct tm t;
    gmtime_r(&now.wall, &t);
    snprintf(now.http_date, DATE_MAX, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[t.tm_wday],
             t.tm_mday, months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
    now.http_date_of = now.wall;
    return now.http_date;
}

const char *clock_log_date(void) {
    read_if_never();
    if (now.log_date_of == now.wall) return now.log_date;
    struct tm t;
    gmtime_r(&now.wall, &t);
    snprintf(now.log_date, DATE_MAX, "%02d/%s/%04d:%02d:%02d:%02d +0000", t.tm_mday,
             months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
    now.log_date_of = now.wall;
    return now.log_date;
}
