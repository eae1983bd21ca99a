// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "routing/pauses.h"

#include <string.h>

#include "routing/table_parts.h"

static struct table_pause *find(struct table *t, const struct table_pool *pool, uint64_t key_hash);
static void set_until(struct table_pause *p, uint64_t until_ms);
static void shrink(struct table *t);

// One that is being written has no time, or an old one: it is looked at before and after the rest.
bool pauses_has(const struct table *t, const struct table_pool *pool, uint64_t key_hash,
                uint64_t now_ms) {
    unsigned count = __atomic_load_n(&t->pause_count, __ATOMIC_ACQUIRE);
    for (unsigned i = 0; i < count && i < PAUSES_MAX; i++) {
        const struct table_pause *p = &t->pauses[i];
        uint64_t until_ms = __atomic_load_n(&p->until_ms, __ATOMIC_ACQUIRE);
        if (until_ms <= now_ms) continue;
        uint64_t of = __atomic_load_n(&p->pool, __ATOMIC_RELAXED);
        uint64_t hash = __atomic_load_n(&p->key_hash, __ATOMIC_RELAXED);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (of != pool->name.low || hash != key_hash) continue;
        if (__atomic_load_n(&p->until_ms, __ATOMIC_RELAXED) == until_ms) return true;
    }
    return false;
}

bool pauses_add(struct table *t, const struct table_pool *pool, struct slice key, uint64_t key_hash,
                uint64_t until_ms) {
    struct table_pause *p = find(t, pool, key_hash);
    if (!p && t->pause_count < PAUSES_MAX) p = &t->pauses[t->pause_count];
    for (unsigned i = 0; !p && i < PAUSES_MAX; i++)
        if (t->pauses[i].until_ms == 0) p = &t->pauses[i];
    if (!p) return false;
    set_until(p, 0);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    __atomic_store_n(&p->pool, pool->name.low, __ATOMIC_RELAXED);
    __atomic_store_n(&p->key_hash, key_hash, __ATOMIC_RELAXED);
    size_t len = key.len < sizeof p->key ? key.len : sizeof p->key - 1;
    memcpy(p->key, key.at, len);
    p->key[len] = '\0';
    set_until(p, until_ms);
    unsigned used = (unsigned)(p - t->pauses) + 1;
    if (used > t->pause_count) __atomic_store_n(&t->pause_count, used, __ATOMIC_RELEASE);
    return true;
}

bool pauses_remove(struct table *t, const struct table_pool *pool, uint64_t key_hash) {
    struct table_pause *p = find(t, pool, key_hash);
    if (!p) return false;
    set_until(p, 0);
    shrink(t);
    return true;
}

uint64_t pauses_sweep(struct table *t, uint64_t now_ms) {
    uint64_t next_ms = 0;
    for (unsigned i = 0; i < t->pause_count; i++) {
        struct table_pause *p = &t->pauses[i];
        if (p->until_ms != 0 && p->until_ms <= now_ms) set_until(p, 0);
        if (p->until_ms != 0 && (next_ms == 0 || p->until_ms < next_ms)) next_ms = p->until_ms;
    }
    shrink(t);
    return next_ms;
}

bool pauses_next(const struct table *t, const struct table_pool *pool, unsigned *at,
                 struct pause *out) {
    while (*at < t->pause_count) {
        const struct table_pause *p = &t->pauses[(*at)++];
        if (p->until_ms == 0 || p->pool != pool->name.low) continue;
        *out = (struct pause){p->key, p->key_hash, p->until_ms};
        return true;
    }
    return false;
}

static struct table_pause *find(struct table *t, const struct table_pool *pool, uint64_t key_hash) {
    for (unsigned i = 0; i < t->pause_count; i++) {
        struct table_pause *p = &t->pauses[i];
        if (p->until_ms != 0 && p->pool == pool->name.low && p->key_hash == key_hash) return p;
    }
    return NULL;
}

static void set_until(struct table_pause *p, uint64_t until_ms) {
    __atomic_store_n(&p->until_ms, until_ms, __ATOMIC_RELEASE);
}

// With the last one gone, readers are back at one load.
static void shrink(struct table *t) {
    unsigned count = t->pause_count;
    while (count > 0 && t->pauses[count - 1].until_ms == 0) count--;
    __atomic_store_n(&t->pause_count, count, __ATOMIC_RELEASE);
}
