// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/loop.h"
#include "core/text.h"
#include "http/service.h"
#include "tests/unit/scene_wire.h"

// A stage for whole exchanges in one process and one loop: a service with a route file, a scripted backend on loopback, clients
// over socket pairs. Everything is real but the script.

struct scene_script {
    struct slice answer; // sent when a request head is complete (each time)
    size_t
        request_bytes; // the answer is sent when this many bytes came instead; 0: at the end of the head
    size_t
        cut_after; // the connection is closed after this many bytes of the answer (SIZE_MAX: never)
    size_t piece;  // the answer goes in pieces of this size, one a turn; 0: at once
    size_t reads;  // nothing is read beyond so many bytes; 0: no maximum
    size_t reads_a_turn;   // 0: all there is
    struct slice greeting; // sent at once when a connection was accepted
    bool closes;           // after the answer
    bool resets;           // where it closes, it resets
    bool is_silent;        // accepts and never answers
    bool has_tls;
    bool is_mute; // with TLS: never even shakes hands
};

enum { SCENE_BACKENDS = 64 };

struct scene_backend {
    struct wire wire;
    unsigned number;      // of the connections that were accepted, from 0
    struct text received; // since the last answer
    size_t total;         // bytes received, in sum
    size_t sent;          // bytes of the answer on its way
};

struct scene {
    struct loop *loop;
    struct service *service;
    struct resolver *resolver;
    struct counters counters;
    struct access_log *log;
    int log_fd;    // a memory file: the access log
    int listener;  // of the backend
    int port;      // of it; $PORT in the route file's text
    int dead_port; // nobody listens there
    int turn_ms;   // how long a turn waits for something to happen at most
    struct scene_script script;
    struct scene_backend backends[SCENE_BACKENDS];
    unsigned accepted;  // connections that the backend saw
    unsigned requests;  // requests that it answered
    bool has_tcp;       // clients come over TCP, where a reset can be told from an end
    struct wire client; // the test's end
    size_t takes;       // what the client reads in one turn at most; 0: nothing
    struct text got;    // what the client received
    bool client_ended;  // end of file, or a reset
    bool was_reset;     // it was a reset
};

// The route file's text may hold $PORT (the backend's), $DEAD and $CERT.
void scene_init(struct scene *s, const char *route_text, const struct scene_script *script);
// The same, answered by a function of the process.
void scene_init_local(struct scene *s, local_fn *local, void *local_arg);
void scene_fini(struct scene *s);
// A new generation with this route file.
void scene_switch(struct scene *s, const char *route_text);
// A new client (the one before is closed). With TLS if the first listener has it.
void scene_connect(struct scene *s);
void scene_send(struct scene *s, struct slice bytes);
void scene_end_client(struct scene *s); // ends its sending side
void scene_close_client(struct scene *s);
// Turns of the loop until `bytes` were received by the client, it was closed, or max_ms passed.
void scene_run(struct scene *s, size_t bytes, unsigned max_ms);
// Turns until the client has received this text. False: it was closed, or max_ms passed.
bool scene_await(struct scene *s, const char *text, unsigned max_ms);
// Turns until the log has so many lines. False: max_ms passed.
bool scene_await_lines(struct scene *s, unsigned lines, unsigned max_ms);
void scene_turn(struct scene *s);
void scene_turns(struct scene *s, unsigned count);
// Lets time pass at once: what is late by then is told so, then there are some turns.
void scene_pass(struct scene *s, unsigned ms);
// Turns until no exchange and no client connection is left. False: after max_ms there still is.
bool scene_settle(struct scene *s, unsigned max_ms);
bool scene_got(const struct scene *s, const char *text);
unsigned scene_log_lines(struct scene *s);
struct slice scene_log(struct scene *s); // all of it; valid until the next call
bool scene_log_has(struct scene *s, const char *text);
unsigned scene_open_descriptors(void);

// scene_backend.c
void scene_listen(struct scene *s);
void scene_tcp_pair(int pair[2]);
void scene_serve(struct scene *s); // one turn of the backend
void scene_close_backend(struct scene *s, unsigned i);
unsigned scene_open_backends(const struct scene *s);
