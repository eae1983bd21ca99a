// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>
#include <stdint.h>

// What every worker counts, one row in shared memory each, summed by control when read: counters.def and one per reason of
// fails.def.
enum counter {
#define COUNTER(id, name, help) COUNT_##id,
#include "http/counters.def"
#undef COUNTER
#define FAIL(id, status, blame, retry, text) COUNT_FAIL_##id,
#include "http/fails.def"
#undef FAIL
    COUNTER_COUNT
};
// The rows of counters.def come first, then those of fails.def.
enum {
    COUNTER_FIRST_FAILURE = 0
#define COUNTER(id, name, help) +1
#include "http/counters.def"
#undef COUNTER
};

// The row of this process. One writer; readers in other processes load relaxed.
struct counters {
    _Alignas(64) uint64_t at[COUNTER_COUNT];
};

static inline void count_add(struct counters *c, enum counter which, uint64_t n) {
    uint64_t now = __atomic_load_n(&c->at[which], __ATOMIC_RELAXED);
    __atomic_store_n(&c->at[which], now + n, __ATOMIC_RELAXED);
}

// The counter of a row of fails.def (`fail` is an enum fail, not FAIL_NONE).
static inline enum counter count_of_fail(unsigned fail) {
    return (enum counter)(COUNTER_FIRST_FAILURE + fail - 1);
}

// For the metrics page: "requests_total"; of a failure the name of its row: "NO_SITE".
const char *counter_name(enum counter which);
const char *counter_help(enum counter which);
bool counter_is_failure(enum counter which); // a row of fails.def
