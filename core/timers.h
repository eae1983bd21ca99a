// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/loop.h"

// The queue of the timers of one loop: a binary heap of pointers. For core/loop.c; everybody else uses timer_*().
struct timers {
    struct timer **heap; // heap[0] comes first
    size_t len;
    size_t cap;
};

void timers_fini(struct timers *q);
// When the loop must wake for the first timer (monotonic milliseconds); 0: there is none.
uint64_t timers_next_ms(const struct timers *q);
// Fires what is due by now_ms.
void timers_fire(struct timers *q, uint64_t now_ms);
