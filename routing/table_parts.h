// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "routing/pauses.h"

// How the table lies in memory: for table.c, which reads, and table_write.c.

enum { CACHE_LINE = 64 };

// The name of a pool: 128 bits of hash, never 0 and 0.
struct table_name {
    uint64_t high, low;
};

struct table_pool {
    struct table_name name; // 0, 0: free; FREED: was used, and a search goes on behind it
    uint64_t head;          // number of the edit << 32 | index of its list in `room`; 0: no list
};

// One member's numbers, on a cache line of its own: every process writes them. Faults stand beside what is in flight: they are
// rare, and who counts one has just counted the other.
struct table_slot {
    _Alignas(CACHE_LINE) uint32_t in_flight;
    uint32_t faults[FAULT_COUNT];
};

// A paused key (pauses.h).
struct table_pause {
    uint64_t until_ms; // 0: free
    uint64_t pool;     // low half of the name
    uint64_t key_hash;
    char key[PAUSE_KEY_MAX]; // for control alone
};

// Lists lie in `room`, each as a count and its entries, from places that are multiples of one entry.
#define TABLE_ROOM (8 * TABLE_SLOTS_MAX)
struct table_list {
    uint64_t count;
    char unused[sizeof(struct table_entry) - sizeof(uint64_t)];
};

struct table {
    _Alignas(CACHE_LINE) uint64_t version;
    _Alignas(CACHE_LINE) uint32_t slots_used;  // those beyond were never used
    _Alignas(CACHE_LINE) uint32_t has_faulty;  // some bit of the following is set
    uint64_t faulty[TABLE_SLOTS_MAX / 64];     // by slot: had a fault since this was looked at
    _Alignas(CACHE_LINE) uint32_t pause_count; // those beyond are free
    struct table_pause pauses[PAUSES_MAX];
    struct table_pool pools[TABLE_POOLS_MAX];
    struct table_slot slots[TABLE_SLOTS_MAX];
    char texts[TABLE_SLOTS_MAX][TABLE_TEXT_MAX];
    union {
        struct table_list list;
        struct table_entry entry;
    } room[TABLE_ROOM];
};

struct table_name table_name_of(struct slice name);
static inline bool table_is_free(struct table_name n) {
    return n.high == 0 && n.low == 0;
}
