// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/loop.h"
#include "server/edition.h"
#include "server/scoreboard.h"

// The places of control and of the workers, seen by the supervisor. A process that dies is replaced at once (then with growing
// pauses); the new one gets the edition in force, and the one that a reload is bringing in.
struct roster;

struct roster_conf {
    struct loop *loop;
    struct scoreboard *board;
    // All from the loop. Something that roster_has_built(), roster_is_serving() tell may have changed:
    ready_fn *on_change;
    // A process could not build what it was sent.
    void (*on_unbuilt)(void *arg, const char *role, unsigned number, struct slice errors);
    // A process ended that was not asked to.
    void (*on_death)(void *arg, const char *role, const char *end);
    void (*on_reload_asked)(void *arg, unsigned request, unsigned trial_ms);
    void (*on_confirmed)(void *arg, unsigned request);
    void *arg;
};
struct roster *roster_new(const struct roster_conf *conf);
void roster_free(struct roster *s);

// The edition in force, for those that start from now on; theirs says who control and workers run as. Borrowed.
void roster_set_edition(struct roster *s, const struct edition *e);
// So many workers, and control: starts what is missing, drains what is too much.
void roster_resize(struct roster *s, unsigned workers);

// Has everybody build it (those that are starting: after the one in force). NULL: it is not wanted any more.
void roster_bring(struct roster *s, const struct edition *next);
bool roster_has_built(const struct roster *s, unsigned number); // everybody who runs has built it
// Has everybody use it; it is the edition in force from now on, and nothing is being brought any more.
void roster_switch(struct roster *s, const struct edition *e);
bool roster_is_serving(const struct roster *s, unsigned number); // everybody, and all run
void roster_end_unanswered(struct roster *s, unsigned number); // kills those that did not build it

void roster_send_logs(struct roster *s);
void roster_tell_control(struct roster *s, enum order_type type, struct order order,
                         struct slice text);

// No more replacements; on_change is called as they go.
void roster_drain(struct roster *s, unsigned ms);
void roster_kill(struct roster *s);
unsigned roster_count(const struct roster *s); // processes that have not ended
