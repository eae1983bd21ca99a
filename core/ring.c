// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/ring.h"

#include <string.h>

static void copy_in(struct ring *r, uint64_t at, struct slice s);

bool ring_is_wanted(const struct ring *r) {
    return __atomic_load_n(&r->is_wanted, __ATOMIC_RELAXED) != 0;
}

void ring_write(struct ring *r, struct slice line) {
    uint64_t used = r->written - __atomic_load_n(&r->read, __ATOMIC_ACQUIRE);
    if (used + line.len > RING_BYTES) {
        __atomic_store_n(&r->dropped, r->dropped + 1, __ATOMIC_RELAXED);
        return;
    }
    copy_in(r, r->written, line);
    __atomic_store_n(&r->written, r->written + line.len, __ATOMIC_RELEASE);
}

static void copy_in(struct ring *r, uint64_t at, struct slice s) {
    size_t place = (size_t)(at % RING_BYTES), first = RING_BYTES - place;
    if (first > s.len) first = s.len;
    memcpy(r->bytes + place, s.at, first);
    memcpy(r->bytes, s.at + first, s.len - first);
}

void ring_want(struct ring *r, bool wants) {
    if (wants && !ring_is_wanted(r)) {
        uint64_t written = __atomic_load_n(&r->written, __ATOMIC_ACQUIRE);
        __atomic_store_n(&r->read, written, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&r->is_wanted, wants, __ATOMIC_RELAXED);
}

uint64_t ring_read(struct ring *r, struct text *out, uint64_t *dropped) {
    uint64_t written = __atomic_load_n(&r->written, __ATOMIC_ACQUIRE);
    uint64_t read = r->read;
    size_t place = (size_t)(read % RING_BYTES), len = (size_t)(written - read);
    if (len > RING_BYTES) len = RING_BYTES; // the numbers are a worker's, who may be no longer ours
    size_t first = len < RING_BYTES - place ? len : RING_BYTES - place;
    text_add(out, (struct slice){r->bytes + place, first});
    text_add(out, (struct slice){r->bytes, len - first});
    __atomic_store_n(&r->read, written, __ATOMIC_RELEASE);
    uint64_t before = *dropped;
    *dropped = __atomic_load_n(&r->dropped, __ATOMIC_RELAXED);
    return *dropped - before;
}
