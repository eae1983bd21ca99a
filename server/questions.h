// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/loop.h"
#include "http/service.h"
#include "server/orders.h"

// Questions of control to all workers: what do you have running, end this one. A worker has a channel to the supervisor only, so he
// passes them on, and the answers back; what they say goes by as a descriptor of a memory file, which he does not read. Nothing is
// written anywhere while nobody asks. Who does not answer in time is left out, and the answer says so.
struct questions;

// Sends an order to the supervisor. False: he cannot be asked.
typedef bool ask_fn(void *arg, enum order_type what, struct order order, struct slice text);
struct questions *questions_new(ask_fn *ask, void *arg);
void questions_start(struct questions *q, struct loop *loop);
void questions_stop(struct questions *q); // before the loop goes
void questions_free(struct questions *q); // when nobody can be waiting any more

// Both answer the reply, with JSON; *cancel is set.
void questions_list(struct questions *q, unsigned older_ms, struct local_reply *r,
                    void (**cancel)(void *reply_arg), void **cancel_arg);
void questions_kill(struct questions *q, struct slice request_id, struct local_reply *r,
                    void (**cancel)(void *reply_arg), void **cancel_arg);
// ORDER_ASKED, ORDER_LISTED and ORDER_KILLED.
void questions_on_order(struct questions *q, enum order_type type, struct order order,
                        const int *fds, size_t fd_count);

// What a worker does with ORDER_LIST and ORDER_KILL.
void questions_answer(struct service *s, struct channel *up, enum order_type type,
                      struct order order, struct slice text);
