// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "http/service.h"
#include "server/scoreboard.h"

// The access log as it goes on, for whoever asks control. Workers put their lines into rings (core/ring.h) for as long as somebody does,
// and never wait: what a ring or this memory has no room for is counted, and the answer says how many there were.
struct tail;

struct tail *tail_new(struct scoreboard *board);
void tail_start(struct tail *t, struct loop *loop);
void tail_stop(struct tail *t); // before the loop goes
void tail_free(struct tail *t); // when nobody can be waiting any more

// GET /v1/tail: {"next", "dropped", "lines"}. Without ?after=NEXT at once, to begin with; with it as soon as there is a line that
// fits, or after two seconds without. Lines have numbers, also those that were dropped. *cancel is set when it waits.
// With &events also what control writes to the error log (edits, health, names, the cluster, reloads), whatever else is filtered.
void tail_answer(struct tail *t, const struct local_request *request, struct local_reply *r,
                 void (**cancel)(void *reply_arg), void **cancel_arg);
