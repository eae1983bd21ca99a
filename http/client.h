// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/address.h"
#include "http/fail.h"
#include "http/message/parser.h"
#include "http/pump.h"
#include "routing/config.h"

// The client's side of an exchange, behind which a connection of HTTP/1 (client_conn.c) or, one day, a stream of HTTP/2 stands.

// What is known of a client for the whole of a connection.
struct client_facts {
    struct address address; // as the PROXY header says, else the socket's peer
    int fd;                 // to ask for the local address
    char ip[46];
    const struct listen_conf *listen;
    struct message_limits limits; // of the listener, for request heads
    bool is_trusted;              // `trust` has the address
    const char *tls;              // "TLSv1.3"; "-"
    const struct config *config;  // of the generation that it was accepted with
    size_t client_rules;          // a number of that config: those that its handshake went by
    bool has_certificate;         // the client sent one, and it was verified
};

enum client_end {
    CLIENT_KEEP,  // the next request may come
    CLIENT_CLOSE, // after what was written, close; the client gets time to read it
    CLIENT_ABORT, // close now: the answer is not complete, and its framing tells the client so
    CLIENT_RESET, // close now, with a reset: only that tells the client that the answer is not complete
};

struct client_ops {
    // Reads on. READY: the head is in *head (the exchange's memory); BROKEN: *why, and a refused head says how in *refusal.
    enum progress (*read_head)(void *client, struct parser *parser, struct request_head *head,
                               enum fail *why, enum refusal *refusal);
    // Has the client gone, so that nobody is left to answer?
    bool (*is_gone)(void *client);
    // May another request follow on this connection, as far as the client side is concerned?
    bool (*may_keep)(void *client);
    void (*send_head)(void *client, const struct response_head *head); // also 1xx
    void (*send_body)(void *client, struct slice bytes);               // a body of our own, whole
    // The stream that a body is pumped from or to.
    struct stream *(*stream)(void *client);
    // The exchange is over; it does not touch the client after this.
    void (*end)(void *client, enum client_end how);
};
