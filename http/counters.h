// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

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

// The row of this process. One writer; readers in other processes load relaxed.
struct counters {
    _Alignas(64) uint64_t at[COUNTER_COUNT];
};

static inline void count_add(struct counters *c, enum counter which, uint64_t n) {
    uint64_t now = __atomic_load_n(&c->at[which], __ATOMIC_RELAXED);
    __atomic_store_n(&c->at[which], now + n, __ATOMIC_RELAXED);
}

const char *counter_name(enum counter which); // for the metrics page: "requests"
const char *counter_help(enum counter which);
