// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// The layer inside a stream: between the socket and the owner's buffers.
#include <stdlib.h>

#include "core/check.h"
#include "core/stream_parts.h"

static void take_state(struct stream *s, enum layer_state state);
static void end_input(struct stream *s, enum stream_end end);

void stream_add_layer(struct stream *s, const struct layer_ops *ops, void *layer) {
    CHECK(!s->inner && s->output_state != OUTPUT_ENDING && s->output_state != OUTPUT_SHUT);
    struct inner *inner = calloc(1, sizeof(*inner));
    CHECK(inner != NULL);
    inner->ops = ops;
    inner->layer = layer;
    inner->io.wire_in = s->input ? s->input : buffer_new(loop_blocks(s->loop));
    inner->io.wire_out =
        s->output ? s->output : buffer_new(loop_blocks(s->loop)); // plain, and goes first
    inner->io.plain_in = s->input = buffer_new(loop_blocks(s->loop));
    inner->io.plain_out = s->output = buffer_new(loop_blocks(s->loop));
    inner->is_due = true;
    s->inner = inner;
    if (s->end == STREAM_ENDED) s->end = STREAM_OPEN; // the layer says when it ends
    stream_changed(s);
}

void stream_drop_layer(struct stream *s) {
    CHECK(s->inner && !s->inner->is_open && s->end == STREAM_FAILED && s->error == 0);
    stream_free_layer(s);
    s->end = s->is_wire_ended ? STREAM_ENDED : STREAM_OPEN;
    s->output_state = OUTPUT_OPEN;
    stream_changed(s);
}

void *stream_layer(const struct stream *s) {
    return s->inner ? s->inner->layer : NULL;
}

enum progress stream_handshake(const struct stream *s) {
    if (!s->inner || s->inner->is_open) return READY;
    return s->end == STREAM_OPEN ? PENDING : BROKEN;
}

void stream_free_layer(struct stream *s) {
    if (!s->inner) return;
    s->inner->ops->free(s->inner->layer);
    buffer_free(s->inner->io.wire_in);
    buffer_free(s->inner->io.wire_out);
    free(s->inner);
    s->inner = NULL;
}

void stream_made_room(struct stream *s) {
    if (s->inner && buffer_len(s->input) >= s->input_max) s->inner->is_due = true;
}

void stream_advance(struct stream *s) {
    struct inner *inner = s->inner;
    if (!inner || !inner->is_due || s->end == STREAM_FAILED) return;
    inner->is_due = false;
    inner->io.plain_in_max = s->input_max;
    inner->io.wire_ended = s->is_wire_ended;
    size_t before = buffer_len(s->input);
    take_state(s, inner->ops->advance(inner->layer, &inner->io));
    if (buffer_len(s->input) != before) stream_wake(s);
}

static void take_state(struct stream *s, enum layer_state state) {
    struct inner *inner = s->inner;
    if (state == LAYER_FAILED) {
        stream_send_last(s); // the alert
        stream_fail(s, 0);
        return;
    }
    if (state != LAYER_HANDSHAKE && !inner->is_open) {
        inner->is_open = true;
        stream_wake(s);
    }
    // With a full plain_in the layer may not have seen all that came.
    bool has_seen_all = buffer_len(s->input) < s->input_max;
    if (state == LAYER_ENDED) {
        end_input(s, STREAM_ENDED);
    } else if (s->is_wire_ended && has_seen_all) {
        end_input(s, STREAM_TRUNCATED);
    }
}

static void end_input(struct stream *s, enum stream_end end) {
    if (s->end != STREAM_OPEN) return;
    s->end = end;
    stream_wake(s);
}
