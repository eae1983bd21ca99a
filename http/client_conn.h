// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "http/service.h"

// A client's HTTP/1 connection: PROXY header, TLS handshake, then one exchange after the other, in order, until somebody closes.
struct client_conn;

// Takes fd; the connection frees itself.
struct client_conn *client_conn_new(struct service *s, const struct listen_conf *listen, int fd,
                                    const struct address *client);
struct client_conn *client_conn_next(const struct client_conn *c);  // in the service's list
struct exchange *client_conn_exchange(const struct client_conn *c); // NULL: none now
// Since when it waits for what its client sends or takes; 0: it waits for service_conf.local.
uint64_t client_conn_waits_since_ms(const struct client_conn *c);
// Closes an idle one now; others after their exchange.
void client_conn_drain(struct client_conn *c);
// Ends whatever goes on at once.
void client_conn_cut(struct client_conn *c);
