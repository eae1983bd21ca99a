// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/shared.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/check.h"
#include "core/undumped.h"

enum { CACHE_LINE = 64 };

struct place {
    struct shared_area area;
    size_t offset;
    size_t stride; // from slot to slot
};

// Where things are; every process has its own copy, from the fork.
struct shared {
    char *base;
    size_t bytes;
    unsigned rows;
    unsigned counters;
    size_t row_stride;
    struct place places[SHARED_AREAS_MAX];
    size_t place_count;
};

static bool lay_out(struct shared *s, const struct shared_plan *plan);
static bool reserve(struct shared *s, size_t bytes, size_t times, size_t *stride);
static const struct place *find_place(const struct shared *s, const char *name);

struct shared *shared_new(const struct shared_plan *plan) {
    struct shared *s = calloc(1, sizeof *s);
    CHECK(s);
    void *base = MAP_FAILED;
    if (lay_out(s, plan))
        base = mmap(NULL, s->bytes, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    else
        errno = EFBIG;
    if (base == MAP_FAILED) {
        free(s);
        return NULL;
    }
    s->base = base;
    undumped_mark(base, s->bytes); // keys of session tickets are among it
    return s;
}

void shared_free(struct shared *s) {
    if (!s) return;
    munmap(s->base, s->bytes);
    free(s);
}

void *shared_area(struct shared *s, const char *name) {
    return shared_slot(s, name, 0);
}

void *shared_slot(struct shared *s, const char *name, unsigned slot) {
    const struct place *p = find_place(s, name);
    CHECK(p && slot < p->area.slots);
    return s->base + p->offset + slot * p->stride;
}

uint64_t *shared_counters(struct shared *s, unsigned row) {
    CHECK(row < s->rows);
    return (uint64_t *)(void *)(s->base + row * s->row_stride);
}

uint64_t shared_sum(const struct shared *s, unsigned counter) {
    CHECK(counter < s->counters);
    uint64_t sum = 0;
    for (unsigned row = 0; row < s->rows; row++) {
        const uint64_t *counters = (const uint64_t *)(const void *)(s->base + row * s->row_stride);
        sum += __atomic_load_n(&counters[counter], __ATOMIC_RELAXED);
    }
    return sum;
}

void shared_clear_counter(struct shared *s, unsigned row, unsigned counter) {
    CHECK(counter < s->counters);
    __atomic_store_n(&shared_counters(s, row)[counter], 0, __ATOMIC_RELAXED);
}

// The counters come first, then the areas in the order of the plan. False: larger than the maximum.
static bool lay_out(struct shared *s, const struct shared_plan *plan) {
    CHECK(plan->area_count <= SHARED_AREAS_MAX);
    s->rows = plan->rows;
    s->counters = plan->counters;
    s->place_count = plan->area_count;
    if (!reserve(s, plan->counters * sizeof(uint64_t), plan->rows, &s->row_stride)) return false;
    for (size_t i = 0; i < plan->area_count; i++) {
        struct place *p = &s->places[i];
        *p = (struct place){.area = plan->areas[i], .offset = s->bytes};
        if (!reserve(s, p->area.bytes, p->area.slots, &p->stride)) return false;
    }
    if (s->bytes == 0) s->bytes = CACHE_LINE;
    return true;
}

static bool reserve(struct shared *s, size_t bytes, size_t times, size_t *stride) {
    if (bytes > SHARED_BYTES_MAX || times > SHARED_BYTES_MAX) return false;
    *stride = (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    size_t left = SHARED_BYTES_MAX - s->bytes;
    if (*stride > 0 && times > left / *stride) return false;
    s->bytes += *stride * times;
    return true;
}

static const struct place *find_place(const struct shared *s, const char *name) {
    for (size_t i = 0; i < s->place_count; i++)
        if (strcmp(s->places[i].area.name, name) == 0) return &s->places[i];
    return NULL;
}
