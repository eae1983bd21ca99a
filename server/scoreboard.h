// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/ring.h"
#include "http/counters.h"
#include "routing/table.h"

// What all processes of an rsp share: a row of counters for each, who sits in which row, the backend table, the keys of TLS tickets. Made by the
// supervisor before the first fork.
enum { WORKERS_MAX = 256, ROW_CONTROL = 0, ROW_FIRST_WORKER = 1, ROW_COUNT = WORKERS_MAX + 1 };

// Written by the supervisor but for `generation`, which is the row's process's.
struct process_row {
    pid_t pid; // 0: nobody
    int64_t started_at;
    unsigned generation; // that it serves; 0: none yet
    unsigned deaths;     // of processes that sat here
};

struct scoreboard;
struct scoreboard *scoreboard_new(void); // NULL and errno
void scoreboard_free(struct scoreboard *b);
struct counters *scoreboard_counters(struct scoreboard *b, unsigned row);
struct process_row *scoreboard_row(struct scoreboard *b, unsigned row);
void *scoreboard_ticket_keys(struct scoreboard *b);   // TLS_TICKET_AREA_BYTES
struct table *scoreboard_table(struct scoreboard *b); // of the backends
uint32_t *scoreboard_table_row(struct scoreboard *b, unsigned row);
struct ring *scoreboard_ring(struct scoreboard *b, unsigned row); // its access log, for control
int scoreboard_bell(
    const struct scoreboard *b); // rung for control when a member had a fault (core/bell.h)
int64_t scoreboard_started_at(const struct scoreboard *b);
// How many workers there are to be; the supervisor says so.
void scoreboard_set_workers(struct scoreboard *b, unsigned count);
// Has this worker so many more clients than the others on average that the next should be theirs?
bool scoreboard_is_ahead(struct scoreboard *b, unsigned row);
// Over all workers.
uint64_t scoreboard_sum(struct scoreboard *b, enum counter which);
// What its process had open or in flight is gone with it.
void scoreboard_clear_gauges(struct scoreboard *b, unsigned row);
