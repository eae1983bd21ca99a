// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/loop.h"
#include "core/text.h"
#include "http/service.h"

// A stage for whole exchanges in one process and one loop: a service with a route file, a scripted backend on loopback, clients
// over socket pairs. Everything is real but the script.

struct scene_script {
    struct slice answer; // sent when a request head is complete (each time)
    size_t
        request_bytes; // the answer is sent when this many bytes came instead; 0: at the end of the head
    size_t
        cut_after; // the connection is closed after this many bytes of the answer (SIZE_MAX: never)
    size_t piece;  // the answer goes in pieces of this size, one a turn; 0: at once
    bool closes;   // after the answer
    bool is_silent; // accepts and never answers
};

enum { SCENE_BACKENDS = 64 };

struct scene {
    struct loop *loop;
    struct service *service;
    struct resolver *resolver;
    struct counters counters;
    struct access_log *log;
    int log_fd;    // a memory file: the access log
    int listener;  // of the backend
    int port;      // of it; %d in the route file's text
    int dead_port; // nobody listens there
    struct scene_script script;
    struct {
        int fd;
        struct text received;
        size_t sent, answered; // bytes of the answer on its way; requests answered
    } backends[SCENE_BACKENDS];
    unsigned accepted; // connections that the backend saw
    unsigned requests; // heads that the backend saw
    int client;        // the test's end; -1: closed
    struct text got;   // what the client received
    bool client_ended; // end of file, or a reset
};

// The route file's text may hold $PORT (the backend's) and $DEAD.
void scene_init(struct scene *s, const char *route_text, const struct scene_script *script);
void scene_fini(struct scene *s);
// A new client (the one before is closed).
void scene_connect(struct scene *s);
void scene_send(struct scene *s, struct slice bytes);
void scene_close_client(struct scene *s);
// Turns of the loop until `bytes` were received by the client, it was closed, or max_ms passed.
void scene_run(struct scene *s, size_t bytes, unsigned max_ms);
void scene_turn(struct scene *s);
// Turns until no exchange and no client connection is left. False: after max_ms there still is.
bool scene_settle(struct scene *s, unsigned max_ms);
unsigned scene_log_lines(struct scene *s);
struct slice scene_log(struct scene *s); // all of it; valid until the next call
unsigned scene_open_descriptors(void);
