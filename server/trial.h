// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/loop.h"
#include "server/edition.h"
#include "server/scoreboard.h"

// A reload on trial: it goes back by itself when nobody confirms it in time, or as soon as far more requests fail than before it.
struct trial;

// `on_end` is called from the loop, once for each trial that was not confirmed, with the reason; trial_take() is due then.
typedef void trial_end_fn(void *arg, const char *why);
struct trial *trial_new(struct loop *loop, struct scoreboard *board, trial_end_fn *on_end,
                        void *arg);
void trial_free(struct trial *t); // not while it is on

// Takes the edition to go back to.
void trial_begin(struct trial *t, struct edition *before, unsigned ms);
bool trial_is_on(const struct trial *t);
// Ends it and gives the edition back; NULL: it is not on.
struct edition *trial_take(struct trial *t);
