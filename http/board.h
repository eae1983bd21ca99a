// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "http/counters.h"

// What all processes of an rsp share: a row of counters for each, who sits in which row, the keys of TLS tickets. Made by the
// supervisor before the first fork.
enum { WORKERS_MAX = 256, ROW_CONTROL = 0, ROW_FIRST_WORKER = 1, ROW_COUNT = WORKERS_MAX + 1 };

// Written by the supervisor but for `generation`, which is the row's process's.
struct seat_row {
    pid_t pid; // 0: nobody
    int64_t started_at;
    unsigned generation; // that it serves; 0: none yet
    unsigned deaths;     // of processes that sat here
};

struct board;
struct board *board_new(void); // NULL and errno
void board_free(struct board *b);
struct counters *board_counters(struct board *b, unsigned row);
struct seat_row *board_seat(struct board *b, unsigned row);
void *board_ticket_keys(struct board *b); // TLS_TICKET_AREA_BYTES
int64_t board_started_at(const struct board *b);
// How many workers there are to be; the supervisor says so.
void board_set_workers(struct board *b, unsigned count);
// Has this worker so many more clients than the others on average that the next should be theirs?
bool board_is_ahead(struct board *b, unsigned row);
// Over all workers.
uint64_t board_sum(struct board *b, enum counter which);
// What its process had open is gone with it.
void board_clear_gauges(struct board *b, unsigned row);
