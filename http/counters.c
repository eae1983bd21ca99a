// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "http/counters.h"

#include "core/check.h"

struct counter_row {
    const char *name, *help;
};

static const struct counter_row ROWS[COUNTER_COUNT] = {
#define COUNTER(id, name, help) [COUNT_##id] = {name, help},
#include "http/counters.def"
#undef COUNTER
#define FAIL(id, status, blame, retry, text) [COUNT_FAIL_##id] = {#id, text},
#include "http/fails.def"
#undef FAIL
};

const char *counter_name(enum counter which) {
    CHECK(which < COUNTER_COUNT);
    return ROWS[which].name;
}

const char *counter_help(enum counter which) {
    CHECK(which < COUNTER_COUNT);
    return ROWS[which].help;
}

bool counter_is_failure(enum counter which) {
    return (int)which >= COUNTER_FIRST_FAILURE && which < COUNTER_COUNT;
}
