// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "http/client.h"
#include "http/service.h"

// One request, its answer and everything between. The engine, the table of steps and the whole life stand in exchange.c, to be
// read from top to bottom.
struct exchange;

// A new exchange for a client that has sent something. It frees itself after client_ops.end().
struct exchange *exchange_new(struct service *s, const struct client_ops *ops, void *client,
                              const struct client_facts *who);
// Something may have changed: goes as far as it can. The exchange may be gone afterwards.
void exchange_wake(void *exchange);
// Ends it at once (the service stops): with client_ops.end(), which says how much of a cut that is.
void exchange_cut(struct exchange *x);
// Ends it for a reason from outside: with the status of that where no answer has begun, else cut. It may be gone afterwards.
void exchange_fail(struct exchange *x, enum fail why);
bool exchange_asks_within(const struct exchange *x); // it waits for service_conf.local
const char *exchange_step(const struct exchange *x); // a name
// Frees the memory that finished exchanges left for the next ones.
void exchange_free_spares(struct service *s);
