// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>
#include <stddef.h>

// The pipes of one loop for splice(2), lent to streams whose bytes are on their way (core/stream_splice.c). Few: each costs two
// descriptors, and what it holds is memory of the kernel that nobody sees in a process.
struct pipes;

struct pipe {
    int in, out;
    size_t bytes; // held by it
    struct pipe *next;
};

#define PIPES_MAX 128

struct pipes *pipes_new(void);
void pipes_free(struct pipes *set); // all have been given back
// NULL: none is left, or no descriptor; the caller copies instead.
struct pipe *pipes_borrow(struct pipes *set);
void pipes_return(struct pipes *set, struct pipe *p); // one that holds bytes is closed
bool pipes_are_left(const struct pipes *set);
// The kernel does not splice here: nothing is lent any more.
void pipes_give_up(struct pipes *set);
// What they may take of the descriptors of this process at most.
unsigned pipes_descriptors_max(void);
