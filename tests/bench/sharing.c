// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <err.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

// What it costs two workers to count, each in its own row, as count_add() does: alone, with both rows in one cache line, and with
// lines of their own as they have them; and in one word, which would need an atomic addition. Nanoseconds a count. Needs two cores.

enum { COUNTS = 50000000, WORDS_A_LINE = 8 };

struct writer {
    uint64_t *at;
    bool is_atomic;
    int cpu;
    double ns;
};

static void measure(const char *what, bool is_atomic, uint64_t *first, uint64_t *second);
static void *count(void *arg);
static void add(const struct writer *w);

int main(void) {
    static _Alignas(256) uint64_t lines[4 * WORDS_A_LINE];
    measure("alone", false, &lines[0], NULL);
    measure("two on one line", false, &lines[0], &lines[1]);
    measure("two on lines of their own", false, &lines[0], &lines[WORDS_A_LINE]);
    measure("alone, atomic", true, &lines[0], NULL);
    measure("two in one word, atomic", true, &lines[0], &lines[0]);
    return 0;
}

static void measure(const char *what, bool is_atomic, uint64_t *first, uint64_t *second) {
    struct writer writers[] = {{first, is_atomic, 0, 0}, {second, is_atomic, 1, 0}};
    pthread_t threads[2];
    size_t n = second ? 2 : 1;
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        if (pthread_create(&threads[i], NULL, count, &writers[i]) != 0) err(1, "pthread_create");
    for (size_t i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
        sum += writers[i].ns;
    }
    printf("%s\t%.2f\n", what, sum / (double)n);
}

static void *count(void *arg) {
    struct writer *w = arg;
    struct timespec begin, end;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(w->cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0) err(1, "two cores are needed");
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    for (int i = 0; i < COUNTS; i++) {
        add(w);
    }
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    w->ns = ((double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec)) /
            COUNTS;
    return NULL;
}

static void add(const struct writer *w) {
    if (w->is_atomic)
        __atomic_fetch_add(w->at, 1, __ATOMIC_RELAXED);
    else
        __atomic_store_n(w->at, __atomic_load_n(w->at, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
}
