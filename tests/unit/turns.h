// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/clock.h"
#include "core/loop.h"

// Turns the file's `loop` until the condition holds; five seconds without it fail the test. After cmocka.h.
#define TURN_UNTIL(condition)                                                                      \
    do {                                                                                           \
        uint64_t began_ = clock_read_us();                                                         \
        while (!(condition)) {                                                                     \
            assert_true(clock_read_us() - began_ < 5000000);                                       \
            loop_turn(loop, 20);                                                                   \
        }                                                                                          \
    } while (0)
