// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "routing/table_write.h"

#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "routing/table_parts.h"

// Room for lists is given out in blocks of a power of two entries, the count's place included.
enum { SIZES = 16, NO_BLOCK = UINT32_MAX >> 1 };
// As long as fewer slots than this are free, new ones are taken into use: one that was given up is left in peace for a while.
enum { SPARE_SLOTS = 1024 };

struct table_writer {
    struct table *table;
    uint32_t room_used;          // blocks beyond were never given out
    uint32_t free_blocks[SIZES]; // lists of free blocks: the next one's place stands in next_block
    uint32_t *next_block;        // by place in the room
    bool *is_used;               // by slot: in a list, or taken
    uint32_t used_count;
    uint32_t last_slot; // that was given out
};

static const struct table_name FREED = {0, 1};

static void find_used(struct table_writer *w);
static bool find_free_slot(struct table_writer *w, uint32_t *slot);
static void use_slots(struct table_writer *w, const struct table_pool *p, bool is_used);
static void set_used(struct table_writer *w, uint32_t slot, bool is_used);
static unsigned size_of(size_t count);
static uint32_t take_block(struct table_writer *w, size_t count);
static void give_back_block(struct table_writer *w, uint32_t at);
static void set_name(struct table_pool *p, struct table_name name);
static void write_list(struct table *t, uint32_t at, const struct table_entry *entries,
                       size_t count);

struct table_writer *table_writer_new(struct table *t) {
    struct table_writer *w = calloc(1, sizeof *w);
    CHECK(w);
    w->table = t;
    w->next_block = malloc(TABLE_ROOM * sizeof *w->next_block);
    w->is_used = calloc(TABLE_SLOTS_MAX, sizeof *w->is_used);
    CHECK(w->next_block && w->is_used);
    for (int i = 0; i < SIZES; i++) w->free_blocks[i] = NO_BLOCK;
    find_used(w);
    return w;
}

void table_writer_free(struct table_writer *w) {
    if (!w) return;
    free(w->next_block);
    free(w->is_used);
    free(w);
}

// What lists are in force says what is in use. Blocks below the last one in force that no list is in are left alone until the next
// start: there is room for eight times what can be used.
static void find_used(struct table_writer *w) {
    uint32_t at = 0;
    for (struct table_pool *p; (p = table_next_pool(w, &at));) {
        uint64_t head = table_pool_head(p);
        if (head == 0) continue;
        uint32_t block = (uint32_t)head;
        uint32_t end = block + (1u << size_of(w->table->room[block].list.count));
        if (end > w->room_used) w->room_used = end;
        use_slots(w, p, true);
    }
}

// --- pools ---

struct table_pool *table_add_pool(struct table_writer *w, struct slice name) {
    struct table_name wanted = table_name_of(name);
    struct table_pool *place = NULL;
    for (uint32_t i = 0; i < TABLE_POOLS_MAX; i++) {
        struct table_pool *p = &w->table->pools[(wanted.low + i) % TABLE_POOLS_MAX];
        if (p->name.high == wanted.high && p->name.low == wanted.low) return p;
        bool is_free = table_is_free(p->name);
        if (!place && (is_free || p->name.high == FREED.high)) place = p;
        if (is_free) break;
    }
    if (place) set_name(place, wanted);
    return place;
}

void table_remove_pool(struct table_writer *w, struct table_pool *p) {
    table_publish(w, p, NULL, 0);
    give_back_block(w, (uint32_t)p->head);
    __atomic_store_n(&p->head, 0, __ATOMIC_RELEASE);
    set_name(p, FREED);
}

struct table_pool *table_next_pool(struct table_writer *w, uint32_t *at) {
    while (*at < TABLE_POOLS_MAX) {
        struct table_pool *p = &w->table->pools[(*at)++];
        if (p->name.high != 0) return p;
    }
    return NULL;
}

// A name that is half written is that of no pool: the high half of every name but these two is odd, and is written last.
static void set_name(struct table_pool *p, struct table_name name) {
    __atomic_store_n(&p->name.low, name.low, __ATOMIC_RELEASE);
    __atomic_store_n(&p->name.high, name.high, __ATOMIC_RELEASE);
}

// --- slots ---

bool table_take_slot(struct table_writer *w, struct slice text, uint32_t *slot) {
    struct table *t = w->table;
    CHECK(text.len < TABLE_TEXT_MAX);
    if (!find_free_slot(w, slot)) return false;
    memcpy(t->texts[*slot], text.at, text.len);
    t->texts[*slot][text.len] = '\0';
    set_used(w, *slot, true);
    w->last_slot = *slot;
    return true;
}

void table_return_slot(struct table_writer *w, uint32_t slot) {
    set_used(w, slot, false);
}

static bool find_free_slot(struct table_writer *w, uint32_t *slot) {
    struct table *t = w->table;
    bool may_grow = t->slots_used < TABLE_SLOTS_MAX;
    if (may_grow && t->slots_used - w->used_count < SPARE_SLOTS) {
        *slot = t->slots_used;
        __atomic_store_n(&t->slots_used, *slot + 1, __ATOMIC_RELEASE);
        return true;
    }
    for (uint32_t i = 1; i <= t->slots_used; i++) {
        *slot = (w->last_slot + i) % t->slots_used;
        bool is_busy = __atomic_load_n(&t->slots[*slot].in_flight, __ATOMIC_RELAXED) > 0;
        if (!w->is_used[*slot] && !is_busy) return true;
    }
    return false;
}

static void use_slots(struct table_writer *w, const struct table_pool *p, bool is_used) {
    if (p->head == 0) return;
    uint32_t at = (uint32_t)p->head;
    for (uint32_t i = 1; i <= w->table->room[at].list.count; i++)
        set_used(w, w->table->room[at + i].entry.slot, is_used);
}

static void set_used(struct table_writer *w, uint32_t slot, bool is_used) {
    if (w->is_used[slot] == is_used) return;
    w->is_used[slot] = is_used;
    if (is_used)
        w->used_count++;
    else
        w->used_count--;
}

// --- lists ---

bool table_publish(struct table_writer *w, struct table_pool *p, const struct table_entry *entries,
                   size_t count) {
    uint64_t old = p->head;
    CHECK(count <= TABLE_LIST_MAX);
    uint32_t at = take_block(w, count);
    if (at == NO_BLOCK) return false;
    write_list(w->table, at, entries, count);
    use_slots(w, p, false);
    uint64_t number = (old >> 32) + 1;
    __atomic_store_n(&p->head, (number & UINT32_MAX ? number : 1) << 32 | at, __ATOMIC_RELEASE);
    __atomic_add_fetch(&w->table->version, 1, __ATOMIC_RELEASE);
    use_slots(w, p, true);
    if (old) give_back_block(w, (uint32_t)old);
    return true;
}

static void write_list(struct table *t, uint32_t at, const struct table_entry *entries,
                       size_t count) {
    // a reader of what stood here before must not see these words before it can see that the head has changed
    __atomic_thread_fence(__ATOMIC_RELEASE);
    __atomic_store_n(&t->room[at].list.count, count, __ATOMIC_RELAXED);
    const uint32_t *source = (const uint32_t *)(const void *)entries;
    uint32_t *sink = (uint32_t *)(void *)&t->room[at + 1];
    for (size_t i = 0; i < count * sizeof *entries / sizeof *sink; i++)
        __atomic_store_n(&sink[i], source[i], __ATOMIC_RELAXED);
}

static unsigned size_of(size_t count) {
    unsigned size = 1;
    while ((1u << size) < count + 1) size++;
    return size;
}

static uint32_t take_block(struct table_writer *w, size_t count) {
    unsigned size = size_of(count);
    uint32_t at = w->free_blocks[size];
    if (at != NO_BLOCK) {
        w->free_blocks[size] = w->next_block[at];
        return at;
    }
    if (TABLE_ROOM - w->room_used < 1u << size) return NO_BLOCK;
    at = w->room_used;
    w->room_used += 1u << size;
    return at;
}

static void give_back_block(struct table_writer *w, uint32_t at) {
    unsigned size = size_of(w->table->room[at].list.count);
    w->next_block[at] = w->free_blocks[size];
    w->free_blocks[size] = at;
}

// --- weights and faults ---

void table_weigh(struct table_entry *entries, size_t count) {
    bool is_any_cold = false;
    for (size_t i = 0; i < count; i++) is_any_cold |= entries[i].cold > 0;
    for (size_t i = 0; i < count; i++) {
        struct table_entry *e = &entries[i];
        bool stands_for_others = e->via == e->slot + 1;
        if (e->wish != WISH_READY || stands_for_others)
            e->weight = 0;
        else
            e->weight = is_any_cold ? e->live.weight * (100u - e->cold) : e->live.weight;
    }
}

void table_take_faulty(struct table_writer *w, void (*each)(void *arg, uint32_t slot), void *arg) {
    struct table *t = w->table;
    __atomic_store_n(&t->has_faulty, 0, __ATOMIC_SEQ_CST);
    for (uint32_t i = 0; i < TABLE_SLOTS_MAX / 64; i++) {
        if (__atomic_load_n(&t->faulty[i], __ATOMIC_SEQ_CST) == 0) continue;
        uint64_t bits = __atomic_exchange_n(&t->faulty[i], 0, __ATOMIC_SEQ_CST);
        for (; bits; bits &= bits - 1) each(arg, i * 64 + (uint32_t)__builtin_ctzll(bits));
    }
}
