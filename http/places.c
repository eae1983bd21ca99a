// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "http/exchange.h"
#include "http/exchange_parts.h"

// What an exchange waits for before an attempt can begin: that its key is not paused, and that a member has a place for it.

enum { RACES_MAX = 8 }; // places that others take between choosing and taking, before one waits

static bool wait_for(struct exchange *x, struct wanted what);
static bool take_member(struct exchange *x);

// Who comes when the key has gone on already stands behind those who are about to.
enum progress pass_pause(struct exchange *x, enum fail *why) {
    struct pool *p = x->answer.pool;
    struct waiting_room *room = x->service->waiting;
    bool is_paused = pool_has_paused(p, &x->answer);
    if (!is_paused && waiting_room_count(room) == 0) return READY;
    struct wanted key = {pool_identity(p), x->answer.key_hash | 1};
    if (!is_paused && waiter_may_try(room, &x->waiter, key)) {
        waiter_leave(&x->waiter);
        return READY;
    }
    if (!is_paused) waiting_room_call(room, key);
    if (wait_for(x, key)) return PENDING;
    *why = FAIL_PAUSE_FULL;
    return is_paused ? BROKEN : READY;
}

enum progress take_place(struct exchange *x, enum fail *why) {
    struct pool *p = x->answer.pool;
    struct wanted place = {pool_identity(p), 0};
    struct left_out tried = {.tried = x->tried, .tried_count = x->tried_count};
    if (!x->waiter.queue)
        x->waiter.is_choosy = x->tried_count > 0 || pool_certain_member(p, &x->answer, &tried);
    if (waiter_may_try(x->service->waiting, &x->waiter, place)) {
        if (take_member(x)) {
            waiter_leave(&x->waiter);
            return READY;
        }
        *why = FAIL_NO_BACKEND;
        if (!pool_has_no_place(p, &x->answer, &tried)) return BROKEN;
    }
    *why = FAIL_QUEUE_FULL;
    return wait_for(x, place) ? PENDING : BROKEN;
}

static bool wait_for(struct exchange *x, struct wanted what) {
    x->waiter.on_turn = exchange_wake;
    x->waiter.arg = x;
    return waiter_wait(x->service->waiting, &x->waiter, what, x->answer.pool->queue.max);
}

static bool take_member(struct exchange *x) {
    for (int race = 0; race < RACES_MAX; race++) {
        struct member *m = choose_member(x);
        if (!m) return false;
        if (member_try_begin(m)) {
            member_unref(x->member);
            x->member = m;
            return true;
        }
        member_unref(m);
    }
    return false;
}
