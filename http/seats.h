// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/loop.h"
#include "http/board.h"
#include "http/edition.h"

// The places of control and of the workers, seen by the supervisor. A process that dies is replaced at once (then with growing
// pauses); the new one gets the edition in force, and the one that a reload is bringing in.
struct seats;

struct seats_conf {
    struct loop *loop;
    struct board *board;
    // All from the loop. Something that seats_are_*() tell may have changed:
    ready_fn *on_change;
    // A process could not build what it was sent.
    void (*on_unbuilt)(void *arg, const char *role, unsigned number, struct slice errors);
    // A process ended that was not asked to.
    void (*on_death)(void *arg, const char *role, const char *end);
    void (*on_reload_asked)(void *arg, unsigned request);
    void *arg;
};
struct seats *seats_new(const struct seats_conf *conf);
void seats_free(struct seats *s);

// The edition in force, for those that start from now on; theirs says who control and workers run as. Borrowed.
void seats_set_edition(struct seats *s, const struct edition *e);
// So many workers, and control: starts what is missing, drains what is too much.
void seats_resize(struct seats *s, unsigned workers);

// Has everybody build it (those that are starting: after the one in force). NULL: it is not wanted any more.
void seats_bring(struct seats *s, const struct edition *next);
bool seats_are_built(const struct seats *s, unsigned number); // everybody who runs has built it
// Has everybody use it; it is the edition in force from now on, and nothing is being brought any more.
void seats_switch(struct seats *s, const struct edition *e);
bool seats_are_serving(const struct seats *s, unsigned number); // everybody, and all run
void seats_end_unanswered(struct seats *s, unsigned number);    // kills those that did not build it

void seats_send_logs(struct seats *s);
void seats_tell_control(struct seats *s, enum order_type type, struct order order,
                        struct slice text);

// No more replacements; on_change is called as they go.
void seats_drain(struct seats *s, unsigned ms);
void seats_kill(struct seats *s);
unsigned seats_taken(const struct seats *s); // processes that have not ended
