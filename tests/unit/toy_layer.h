// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/stream.h"

// A toy in the place of TLS: frames of one byte of kind (H hello, D bytes, C close, A alert), two bytes of length, and
// bytes turned over.
#define TOY_FRAME_MAX 1000

struct toy {
    enum layer_state state;
    bool has_said_hello;
    unsigned advances;
};
extern unsigned toys_freed;

struct toy *add_toy(struct stream *s); // the stream's
