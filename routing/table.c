// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "routing/table.h"

#include <string.h>
#include <xxhash.h>

#include "routing/table_parts.h"

enum { NAME_SEED = 0x9001 };

static void copy_words(void *to, const void *from, size_t bytes);

size_t table_bytes(void) {
    return sizeof(struct table);
}

size_t table_row_bytes(void) {
    return TABLE_SLOTS_MAX * sizeof(uint32_t);
}

uint64_t table_version(const struct table *t) {
    return __atomic_load_n(&t->version, __ATOMIC_ACQUIRE);
}

const struct table_pool *table_find(const struct table *t, struct slice name) {
    struct table_name wanted = table_name_of(name);
    for (uint32_t i = 0; i < TABLE_POOLS_MAX; i++) {
        const struct table_pool *p = &t->pools[(wanted.low + i) % TABLE_POOLS_MAX];
        struct table_name found = {__atomic_load_n(&p->name.high, __ATOMIC_ACQUIRE),
                                   __atomic_load_n(&p->name.low, __ATOMIC_ACQUIRE)};
        if (found.high == wanted.high && found.low == wanted.low) return p;
        if (table_is_free(found)) return NULL;
    }
    return NULL;
}

uint64_t table_pool_head(const struct table_pool *p) {
    return __atomic_load_n(&p->head, __ATOMIC_ACQUIRE);
}

bool table_read(const struct table *t, const struct table_pool *p, uint64_t head,
                struct table_entry *out, size_t *count) {
    uint32_t at = (uint32_t)head;
    *count = 0;
    if (head == 0) return table_pool_head(p) == head;
    uint64_t length = __atomic_load_n(&t->room[at].list.count, __ATOMIC_RELAXED);
    if (length > TABLE_LIST_MAX || at + length >= TABLE_ROOM) return false;
    copy_words(out, &t->room[at + 1], length * sizeof *out);
    *count = length;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return __atomic_load_n(&p->head, __ATOMIC_RELAXED) == head;
}

const char *table_text(const struct table *t, uint32_t slot) {
    return t->texts[slot % TABLE_SLOTS_MAX];
}

uint64_t table_digest(const struct table *t, const struct table_entry *entries, size_t count) {
    uint64_t digest = XXH3_64bits_withSeed(&count, sizeof count, NAME_SEED);
    for (size_t i = 0; i < count; i++) {
        const struct table_entry *e = &entries[i];
        const char *text = table_text(t, e->slot);
        struct {
            uint32_t origin, wish;
            struct table_settings live, file;
        } edited = {e->origin, e->wish, e->live, e->file};
        digest = XXH3_64bits_withSeed(text, strlen(text), digest);
        digest = XXH3_64bits_withSeed(&edited, sizeof edited, digest);
    }
    return digest;
}

uint32_t *table_in_flight(struct table *t, uint32_t slot) {
    return &t->slots[slot % TABLE_SLOTS_MAX].in_flight;
}

// The bit is set before has_faulty, and taken after it: whoever is late is seen at the next time.
bool table_note_fault(struct table *t, uint32_t slot, enum table_fault fault) {
    slot %= TABLE_SLOTS_MAX;
    __atomic_add_fetch(&t->slots[slot].faults[fault], 1, __ATOMIC_RELAXED);
    __atomic_or_fetch(&t->faulty[slot / 64], UINT64_C(1) << slot % 64, __ATOMIC_SEQ_CST);
    return __atomic_exchange_n(&t->has_faulty, 1, __ATOMIC_SEQ_CST) == 0;
}

uint32_t table_faults(const struct table *t, uint32_t slot, enum table_fault fault) {
    return __atomic_load_n(&t->slots[slot % TABLE_SLOTS_MAX].faults[fault], __ATOMIC_RELAXED);
}

void table_clear_row(struct table *t, uint32_t *row) {
    uint32_t used = __atomic_load_n(&t->slots_used, __ATOMIC_ACQUIRE);
    for (uint32_t slot = 0; slot < used; slot++) {
        if (row[slot] == 0) continue;
        __atomic_sub_fetch(&t->slots[slot].in_flight, row[slot], __ATOMIC_RELAXED);
        row[slot] = 0;
    }
}

struct table_name table_name_of(struct slice name) {
    XXH128_hash_t hash = XXH3_128bits_withSeed(name.at ? name.at : "", name.len, NAME_SEED);
    return (struct table_name){hash.high64 | 1, hash.low64};
}

// What is being overwritten meanwhile is thrown away afterwards, but must not tear words (the C memory model's data race).
static void copy_words(void *to, const void *from, size_t bytes) {
    _Static_assert(sizeof(struct table_entry) % sizeof(uint32_t) == 0, "entries are whole words");
    const uint32_t *source = from;
    uint32_t *sink = to;
    for (size_t i = 0; i < bytes / sizeof *sink; i++)
        sink[i] = __atomic_load_n(&source[i], __ATOMIC_RELAXED);
}
