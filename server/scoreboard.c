// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/scoreboard.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/bell.h"
#include "core/check.h"
#include "core/shared.h"
#include "tls/tls.h"

// A worker yields when it has this many more than a sixteenth above the average.
enum { AHEAD_SLACK = 4 };

struct scoreboard {
    struct shared *shared;
    int64_t started_at;
    int bell;
};

struct scoreboard *scoreboard_new(void) {
    const struct shared_area areas[] = {
        {"roster", sizeof(struct process_row), ROW_COUNT},
        {"table", table_bytes(), 1},
        {"table rows", table_row_bytes(), ROW_COUNT},
        {"tickets", TLS_TICKET_AREA_BYTES, 1},
        {"workers", sizeof(unsigned), 1},
        {"rings", sizeof(struct ring), ROW_COUNT},
    };
    const struct shared_plan plan = {.rows = ROW_COUNT,
                                     .counters = COUNTER_COUNT,
                                     .areas = areas,
                                     .area_count = sizeof areas / sizeof areas[0]};
    struct shared *shared = shared_new(&plan);
    if (!shared) return NULL;
    struct scoreboard *b = calloc(1, sizeof *b);
    CHECK(b);
    *b = (struct scoreboard){.shared = shared, .started_at = time(NULL), .bell = bell_new()};
    if (b->bell < 0) {
        scoreboard_free(b);
        return NULL;
    }
    tls_tickets_init(scoreboard_ticket_keys(b));
    return b;
}

void scoreboard_free(struct scoreboard *b) {
    if (!b) return;
    shared_free(b->shared);
    if (b->bell >= 0) close(b->bell);
    free(b);
}

// A row of core/shared begins on a cache line and holds COUNTER_COUNT numbers: a struct counters.
struct counters *scoreboard_counters(struct scoreboard *b, unsigned row) {
    return (struct counters *)(void *)shared_counters(b->shared, row);
}

struct process_row *scoreboard_row(struct scoreboard *b, unsigned row) {
    return shared_slot(b->shared, "roster", row);
}

void *scoreboard_ticket_keys(struct scoreboard *b) {
    return shared_area(b->shared, "tickets");
}

struct table *scoreboard_table(struct scoreboard *b) {
    return shared_area(b->shared, "table");
}

uint32_t *scoreboard_table_row(struct scoreboard *b, unsigned row) {
    return shared_slot(b->shared, "table rows", row);
}

struct ring *scoreboard_ring(struct scoreboard *b, unsigned row) {
    return shared_slot(b->shared, "rings", row);
}

int scoreboard_bell(const struct scoreboard *b) {
    return b->bell;
}

int64_t scoreboard_started_at(const struct scoreboard *b) {
    return b->started_at;
}

void scoreboard_set_workers(struct scoreboard *b, unsigned count) {
    __atomic_store_n((unsigned *)shared_area(b->shared, "workers"), count, __ATOMIC_RELAXED);
}

bool scoreboard_is_ahead(struct scoreboard *b, unsigned row) {
    unsigned count =
        __atomic_load_n((unsigned *)shared_area(b->shared, "workers"), __ATOMIC_RELAXED);
    uint64_t sum = 0, mine = 0;
    if (count < 2) return false;
    for (unsigned i = ROW_FIRST_WORKER; i < ROW_FIRST_WORKER + count; i++) {
        uint64_t open =
            __atomic_load_n(&scoreboard_counters(b, i)->at[COUNT_CLIENTS_OPEN], __ATOMIC_RELAXED);
        sum += open;
        if (i == row) mine = open;
    }
    uint64_t average = sum / count;
    return mine > average + average / 16 + AHEAD_SLACK;
}

uint64_t scoreboard_sum(struct scoreboard *b, enum counter which) {
    uint64_t sum = 0;
    for (unsigned row = ROW_FIRST_WORKER; row < ROW_COUNT; row++)
        sum += __atomic_load_n(&scoreboard_counters(b, row)->at[which], __ATOMIC_RELAXED);
    return sum;
}

void scoreboard_clear_gauges(struct scoreboard *b, unsigned row) {
    shared_clear_counter(b->shared, row, COUNT_CLIENTS_OPEN);
    table_clear_row(scoreboard_table(b), scoreboard_table_row(b, row));
}
