// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/trial.h"

#include <stdlib.h>

#include "core/check.h"

// Worse is: of the requests since the reload, this many failed at least, and a share of them that is so far above what it was.
enum { LOOK_MS = 500, FAILED_LEAST = 10, PERCENT_ABOVE = 5 };

struct tally {
    uint64_t requests, failed;
};

struct trial {
    struct scoreboard *board;
    trial_end_fn *on_end;
    void *arg;
    struct edition *before; // NULL: it is not on
    struct tally start;
    struct timer end, look;
};

static struct tally count(struct scoreboard *b);
static void on_time(void *arg);
static void on_look(void *arg);
static bool is_worse(struct tally before, struct tally now);

struct trial *trial_new(struct loop *loop, struct scoreboard *board, trial_end_fn *on_end,
                        void *arg) {
    struct trial *t = calloc(1, sizeof *t);
    CHECK(t);
    *t = (struct trial){.board = board, .on_end = on_end, .arg = arg};
    timer_init(&t->end, loop, on_time, t);
    timer_init(&t->look, loop, on_look, t);
    return t;
}

void trial_free(struct trial *t) {
    if (!t) return;
    CHECK(!t->before);
    timer_fini(&t->end);
    timer_fini(&t->look);
    free(t);
}

void trial_begin(struct trial *t, struct edition *before, unsigned ms) {
    CHECK(!t->before);
    t->before = before;
    t->start = count(t->board);
    timer_set(&t->end, ms);
    timer_set(&t->look, LOOK_MS);
}

bool trial_is_on(const struct trial *t) {
    return t->before != NULL;
}

struct edition *trial_take(struct trial *t) {
    struct edition *before = t->before;
    t->before = NULL;
    timer_clear(&t->end);
    timer_clear(&t->look);
    return before;
}

// Answers of 5xx are what clients see of backends that cannot be reached, too.
static struct tally count(struct scoreboard *b) {
    return (struct tally){scoreboard_sum(b, COUNT_REQUESTS), scoreboard_sum(b, COUNT_ANSWERS_5XX)};
}

static void on_time(void *arg) {
    struct trial *t = arg;
    t->on_end(t->arg, "nobody has confirmed it in time");
}

static void on_look(void *arg) {
    struct trial *t = arg;
    if (is_worse(t->start, count(t->board)))
        t->on_end(t->arg, "far more requests fail than before");
    else
        timer_set(&t->look, LOOK_MS);
}

static bool is_worse(struct tally before, struct tally now) {
    uint64_t requests = now.requests - before.requests, failed = now.failed - before.failed;
    if (failed < FAILED_LEAST) return false;
    uint64_t usual = before.requests ? 100 * before.failed / before.requests : 0;
    return 100 * failed > requests * (2 * usual + PERCENT_ABOVE);
}
