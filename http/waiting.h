// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/loop.h"

// Who waits for something of a pool that cannot be had just now: a place at a member, or that a paused key goes on. One queue for
// each such thing; first come, first served within this process. What other processes give back is noticed by a tick, as long as
// somebody waits.
//
// Nothing is ever handed to a waiter: it gets a *turn*, in which it may try. So what it waited for cannot be lost with it.
struct waiting_room;
struct queue;

// What is waited for. `of` says whose it is, and is only compared.
struct wanted {
    const void *of;
    uint64_t key; // 0: a place
};

// Embedded in whoever waits.
struct waiter {
    ready_fn *on_turn; // called from the loop
    void *arg;
    // It does not take just any place. That its turn was in vain says nothing about those who stand behind it, nor theirs about it.
    bool is_choosy;
    struct queue *queue; // NULL: it does not wait
    struct waiter *next, *previous;
};

struct waiting_room *waiting_room_new(struct loop *loop);
void waiting_room_free(struct waiting_room *r); // nobody waits any more

// May it try to get what it wants? Who waits may in its turn; who comes may unless it would overtake somebody.
bool waiter_may_try(const struct waiting_room *r, const struct waiter *w, struct wanted what);
// It tried in vain, or may not try: from now on it waits at the end of the queue, or goes on waiting where it stands. False: the
// queue has `max` of its kind (choosy or not) already.
bool waiter_wait(struct waiting_room *r, struct waiter *w, struct wanted what, unsigned max);
// It waits no more, or never did.
void waiter_leave(struct waiter *w);
// There may be something to be had again: those who wait for it get their turns when this turn of the loop ends.
void waiting_room_call(struct waiting_room *r, struct wanted what);
// How many wait, for whatever it is.
unsigned waiting_room_count(const struct waiting_room *r);
