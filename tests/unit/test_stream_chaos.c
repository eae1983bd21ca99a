// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// Whatever owners do to their streams, in whatever order: every byte arrives once and in order, nobody hangs.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/clock.h"
#include "core/loop.h"
#include "core/stream.h"
#include "tests/unit/toy_layer.h"

#define PAIRS 5
#define STEPS 1500

// One direction of a pair: what is written is a sequence of bytes that the reader can check.
struct way {
    struct stream *from, *to;
    uint64_t written, taken;
    bool is_shut;
    unsigned acts; // what a wake may still do
};

static struct loop *loop;
static struct way ways[2 * PAIRS];
static uint32_t noise;

static uint32_t roll(uint32_t sides) {
    noise = noise * 1664525 + 1013904223;
    return (noise >> 8) % sides;
}

static char byte_at(uint64_t i) {
    return (char)((i * 2654435761u) >> 13);
}

static void write_some(struct way *w) {
    static char piece[70000];
    size_t n = roll(4) ? roll(600) : roll(sizeof(piece));
    if (w->is_shut || stream_backlog(w->from) > 300000) return;
    for (size_t i = 0; i < n; i++) piece[i] = byte_at(w->written + i);
    if (roll(2)) {
        stream_write(w->from, (struct slice){piece, n});
    } else {
        memcpy(stream_reserve(w->from, n + roll(3000)), piece, n);
        stream_commit(w->from, n);
    }
    w->written += n;
}

static void take_some(struct way *w, size_t most) {
    struct slice run = stream_peek(w->to);
    size_t n = run.len < most ? run.len : most;
    for (size_t i = 0; i < n; i++) assert_true(run.at[i] == byte_at(w->taken + i));
    stream_consume(w->to, n);
    w->taken += n;
}

static void shut(struct way *w) {
    stream_shut(w->from);
    w->is_shut = true;
}

static void act(struct way *w) {
    switch (roll(13)) {
    case 0:
    case 1:
    case 2: write_some(w); break;
    case 3:
    case 4: take_some(w, 100000); break;
    case 5: take_some(w, roll(3000)); break;
    case 6: stream_hold(w->to, roll(2) ? HOLD_SINK_FULL : HOLD_NOT_WANTED); break;
    case 7: stream_release(w->to, HOLD_SINK_FULL); break;
    case 8: stream_release(w->to, HOLD_NOT_WANTED); break;
    case 9: stream_set_input_max(w->to, 1 + roll(100000)); break;
    case 10: stream_flush(w->from); break;
    case 11: stream_wake_later(w->to); break;
    default:
        if (roll(60) == 0) shut(w);
        break;
    }
}

static void act_when_woken(void *arg) {
    struct way *w = arg; // of which the woken stream is the reader
    struct way *back = &ways[(w - ways) ^ 1];
    if (w->acts == 0) return;
    w->acts--;
    act(w);
    act(back);
}

static void open_pair(struct way *w, bool is_layered) {
    struct stream *pair[2];
    int few = 5000;
    stream_pair(loop, pair);
    for (int i = 0; i < 2; i++) {
        if (roll(2)) setsockopt(stream_fd(pair[i]), SOL_SOCKET, SO_SNDBUF, &few, sizeof(few));
        if (is_layered) add_toy(pair[i]);
        w[i] = (struct way){.from = pair[i], .to = pair[!i], .acts = STEPS};
        stream_set_owner(pair[!i], act_when_woken, &w[i]);
    }
}

static bool is_over(const struct way *w) {
    return stream_end(w->to) == STREAM_ENDED && stream_input_len(w->to) == 0;
}

static void finish(struct way *w) {
    if (!w->is_shut) shut(w);
    stream_release(w->to, HOLD_SINK_FULL);
    stream_release(w->to, HOLD_NOT_WANTED);
    stream_set_input_max(w->to, 65536);
    uint64_t began_us = clock_read_us();
    while (!is_over(w)) {
        while (stream_input_len(w->to) > 0) take_some(w, 1u << 20);
        if (!is_over(w)) loop_turn(loop, 2000); // sleeps as long only if nobody has anything to do
        assert_true(clock_read_us() - began_us < 1500000);
    }
    assert_true(w->taken == w->written);
    assert_true(stream_is_shut(w->from));
}

static void close_pair(struct way *w) {
    stream_free(w[0].from);
    stream_free(w[1].from);
}

static void live_through(uint32_t seed) {
    noise = seed;
    loop = loop_new();
    for (int i = 0; i < PAIRS; i++) open_pair(&ways[2 * i], i % 2);
    for (int step = 0; step < STEPS; step++) {
        act(&ways[roll(2 * PAIRS)]);
        if (roll(3) == 0) loop_turn(loop, 0);
        if (roll(300) == 0) { // somebody goes, in the middle of everything
            unsigned gone = roll(PAIRS);
            close_pair(&ways[2 * gone]);
            open_pair(&ways[2 * gone], roll(2));
        }
    }
    for (int i = 0; i < 2 * PAIRS; i++) ways[i].acts = 0;
    for (int i = 0; i < 2 * PAIRS; i++) finish(&ways[i]);
    for (int i = 0; i < PAIRS; i++) close_pair(&ways[2 * i]);
    loop_free(loop);
}

static uint32_t first_seed = 1;
static uint32_t last_seed = 25;

static void every_byte_arrives_in_order_whatever_owners_try(void **state) {
    (void)state;
    for (uint32_t seed = first_seed; seed <= last_seed; seed++) live_through(seed);
}

// FIRST LAST: other seeds than the usual ones.
int main(int count, char **words) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_arrives_in_order_whatever_owners_try),
    };
    if (count == 3) first_seed = (uint32_t)atoi(words[1]), last_seed = (uint32_t)atoi(words[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
