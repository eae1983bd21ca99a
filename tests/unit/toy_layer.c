// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/toy_layer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"

#define KEY 0x5a

unsigned toys_freed;

static void add_frame(struct buffer *b, char kind, struct slice body) {
    char *at = buffer_reserve(b, body.len + 3, body.len + 3, NULL);
    at[0] = kind;
    at[1] = (char)(body.len >> 8);
    at[2] = (char)body.len;
    for (size_t i = 0; i < body.len; i++) at[3 + i] = (char)(body.at[i] ^ KEY);
    buffer_commit(b, body.len + 3);
}

static bool copy_out(struct buffer *b, char *to, size_t bytes) {
    if (buffer_len(b) < bytes) return false;
    struct slice runs[64];
    size_t n = buffer_runs(b, runs, 64);
    for (size_t i = 0, len = 0; i < n && len < bytes; len += runs[i++].len) {
        size_t piece = runs[i].len < bytes - len ? runs[i].len : bytes - len;
        memcpy(to + len, runs[i].at, piece);
    }
    return true;
}

static bool take_frame(struct toy *t, struct layer_io *io) {
    char frame[3 + TOY_FRAME_MAX];
    if (!copy_out(io->wire_in, frame, 3)) return false;
    size_t len = (size_t)(unsigned char)frame[1] << 8 | (unsigned char)frame[2];
    assert_true(len <= TOY_FRAME_MAX || frame[0] != 'D');
    if (frame[0] == 'H') t->state = LAYER_OPEN;
    if (frame[0] == 'C') t->state = LAYER_ENDED;
    if (frame[0] == 'D' && !copy_out(io->wire_in, frame, 3 + len)) return false;
    if (!strchr("HCD", frame[0])) {
        t->state = LAYER_FAILED;
        add_frame(io->wire_out, 'A', SLICE("alert"));
        return false;
    }
    for (size_t i = 0; i < len; i++) frame[3 + i] ^= KEY;
    buffer_add(io->plain_in, (struct slice){frame + 3, len});
    buffer_consume(io->wire_in, 3 + len);
    return true;
}

static enum layer_state advance_toy(void *layer, struct layer_io *io) {
    struct toy *t = layer;
    t->advances++;
    if (!t->has_said_hello) add_frame(io->wire_out, 'H', (struct slice){NULL, 0});
    t->has_said_hello = true;
    while (t->state < LAYER_ENDED && buffer_len(io->plain_in) < io->plain_in_max) {
        if (!take_frame(t, io)) break;
    }
    while (t->state == LAYER_OPEN || t->state == LAYER_ENDED) {
        struct slice run = buffer_peek(io->plain_out);
        if (run.len == 0) break;
        if (run.len > TOY_FRAME_MAX) run.len = TOY_FRAME_MAX;
        add_frame(io->wire_out, 'D', run);
        buffer_consume(io->plain_out, run.len);
    }
    return t->state;
}

static void shut_toy(void *layer, struct layer_io *io) {
    (void)layer;
    assert_int_equal(buffer_len(io->plain_out), 0);
    add_frame(io->wire_out, 'C', (struct slice){NULL, 0});
}

static const char *fail_toy(void *layer) {
    (void)layer;
    return "a frame of an unknown kind";
}

static void free_toy(void *layer) {
    toys_freed++;
    free(layer);
}

static const struct layer_ops toy_ops = {advance_toy, shut_toy, fail_toy, free_toy};

struct toy *add_toy(struct stream *s) {
    struct toy *t = calloc(1, sizeof(*t));
    stream_add_layer(s, &toy_ops, t);
    return t;
}
