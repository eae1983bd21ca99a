// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "http/generation.h"
#include "server/orders.h"

// A generation on its way into a process: what the supervisor sent of it so far, then what was built from that.
struct delivery;

// The rest of an ORDER_LOAD: takes its descriptor. Descriptors that this process had no room for make the build fail.
struct delivery *delivery_new(unsigned number, struct slice path, int *fds, size_t fd_count);
void delivery_free(struct delivery *d); // what was not taken goes with it
void delivery_add_listener(struct delivery *d, struct order order, int *fds, size_t fd_count);

// False and why.
bool delivery_build(struct delivery *d, void *ticket_keys, struct text *errors);
bool delivery_is_built(const struct delivery *d, unsigned number);
struct generation *delivery_generation(
    struct delivery *d); // stays the delivery's: take a reference
size_t delivery_listener_count(const struct delivery *d);
// The socket for the listener of this place, now the caller's. -1: none was sent.
int delivery_take_listener(struct delivery *d, size_t index);
