// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/slice.h"
#include "routing/table.h"

// Keys that are paused: their requests wait until the key is resumed or its time is over. They stand in the backend table. Control
// writes them, every process asks, and while no key is paused that is one load.

#define PAUSES_MAX 256
#define PAUSE_KEY_MAX                                                                              \
    256 // of a key's text, with its NUL; longer ones are cut, and told apart all the same
#define PAUSE_LONGEST_MS 3600000 // one hour

struct pause {
    const char *key; // valid until the writer's next call
    uint64_t key_hash;
    uint64_t until_ms; // of clock_ms()
};

// --- for everybody ---

bool pauses_has(const struct table *t, const struct table_pool *pool, uint64_t key_hash,
                uint64_t now_ms);

// --- for the table's writer ---

// Until then; one that is paused already gets the new time. False: PAUSES_MAX are paused.
bool pauses_add(struct table *t, const struct table_pool *pool, struct slice key, uint64_t key_hash,
                uint64_t until_ms);
// False: it was not paused.
bool pauses_remove(struct table *t, const struct table_pool *pool, uint64_t key_hash);
// Forgets those whose time is over. The earliest time of those that are left; 0: there are none.
uint64_t pauses_sweep(struct table *t, uint64_t now_ms);
// The pauses of a pool one after the other, in no order; *at begins as 0. False: that were all.
bool pauses_next(const struct table *t, const struct table_pool *pool, unsigned *at,
                 struct pause *out);
