// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdint.h>
#include <time.h>

// The clock is read once per turn of the loop; everybody asks for the time of the turn.
void clock_update(void);      // the loop calls it; programs without a loop call it themselves
uint64_t clock_ms(void);      // monotonic, milliseconds
uint64_t clock_us(void);      // monotonic, microseconds, of the turn
uint64_t clock_read_us(void); // monotonic, microseconds, read now (one system call)
time_t clock_wall(void);      // seconds since 1970
// Valid until the clock has gone on: "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7), 29 bytes, and
// "06/Nov/1994:08:49:37 +0000", as the combined log format has it.
const char *clock_http_date(void);
const char *clock_log_date(void);
