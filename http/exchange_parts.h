// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "http/backend_conn.h"
#include "http/client.h"
#include "http/message/forward.h"
#include "http/service_parts.h"
#include "http/step.h"
#include "http/waiting.h"
#include "routing/decide.h"

// What is inside an exchange: for the files that carry out its steps (choose.c, own_answer.c, record.c). Only exchange.c changes its step.

// The earliest moment at which something is too late, and what then.
struct limit {
    uint64_t at_ms;
    enum fail fail;
};

// Moments, in microseconds of the turn's clock; 0: has not happened.
struct moments {
    uint64_t began, head_read, chosen, connected, first_byte;
};

// What has gone over a connection for the exchanges that are over or running: without what waits for the next one.
struct traffic {
    uint64_t bytes_in, bytes_out;
};

enum { TRIES_MAX = 12 }; // `retry` of a site is at most 10

struct exchange {
    struct service *service;
    struct generation *generation;
    struct arena *arena;
    const struct client_ops *client_ops;
    void *client; // NULL once it was ended
    const struct client_facts *who;
    enum step step;
    uint64_t step_ms; // when it was entered
    struct timer timer;
    struct moments at;
    enum fail fail;        // why it fails or has failed; FAIL_NONE
    const char *fail_text; // more about it, for the log
    enum refusal refusal;  // of FAIL_BAD_REQUEST and FAIL_BAD_ANSWER

    struct request_head request, request_out;
    struct parser *request_parser;
    struct slice request_id;
    struct route_answer answer;
    struct pump upload;
    struct traffic wire_before; // of the client's connection, when we began

    // the attempt
    struct backend_conn *backend;
    struct member *member;           // referenced
    struct member *tried[TRIES_MAX]; // in vain; referenced
    unsigned tried_count;
    unsigned tries;           // attempts begun
    unsigned retries;         // attempts that failed and were followed by another
    const char *backend_text; // address of the last one, for the log
    bool wants_fresh;         // a reused connection was stale
    struct waiter waiter;     // of await_key and await_place

    struct response_head response, response_out;
    struct parser *response_parser;
    unsigned interim_count;
    bool is_continued; // one of them was "100 Continue"
    struct pump download;
    struct slice own_body;
    int status_sent;        // final status whose head is with the client; 0: none
    enum client_end ending; // how the client's connection goes on; CLIENT_KEEP until it is known

    struct local_reply *reply; // of answer_locally
    struct exchange *next_spare;
};

// exchange_spares.c: an exchange with memory and nothing else, and back.
struct exchange *take_spare(struct service *s);
void put_back_spare(struct exchange *x);

// exchange_bodies.c: starts the pumps. Of an upload: once it is due.
bool has_request_body(const struct exchange *x);
bool has_all_of_request(const struct exchange *x);
void begin_upload(struct exchange *x);
void begin_download(struct exchange *x);
void begin_tunnel(struct exchange *x);
void settle_upload(struct exchange *x);

// exchange_limits.c: what the pumps' times add to the step's.
void pump_limits(const struct exchange *x, struct limit *l);

// request_id.c: the id that a trusted client gave, or one of ours; of a request whose head was refused always ours.
void name_request(struct exchange *x);

// choose.c: asks the routing. FAIL_NONE and x->answer is filled, or why not.
enum fail choose_route(struct exchange *x);
bool is_https(const struct exchange *x); // the client came so, to us or to a trusted proxy

// places.c: what an attempt needs before it can begin. PENDING: the exchange waits for it, and is woken.
enum progress pass_pause(struct exchange *x, enum fail *why);
enum progress take_place(struct exchange *x, enum fail *why); // READY: x->member, and a place at it

// choose.c: the member for the next attempt, NULL: nobody is left; and what an attempt that got no connection leaves behind.
struct member *choose_member(struct exchange *x); // the caller's reference
void give_up_member(struct exchange *x);
void forget_members(struct exchange *x);

// faults.c: counts against its member that an attempt failed (x->fail), or what it was answered.
void note_failed_attempt(const struct exchange *x);
void note_answered(const struct exchange *x);

// exchange_heads.c: the request as it goes to the backend; at the attempt, to this one; the answer as it goes to the client.
enum fail prepare_request(struct exchange *x);
void address_request(struct exchange *x);
void forward_answer(struct exchange *x, bool may_keep, struct response_head *out);

// own_answer.c: an answer of our own, as if a backend had given x->response and x->own_body.
void prepare_failure(struct exchange *x);
void prepare_routed_answer(struct exchange *x); // respond, redirect
void prepare_answer(struct exchange *x, int status, const char *content_type,
                    struct slice body); // body: the arena's

// local_answer.c: asks service_conf.local. READY: an answer is prepared.
enum progress answer_from_within(struct exchange *x);
void forget_local_reply(struct exchange *x);

// record.c: the access log line and the counters; a line for an attempt that is followed by another.
struct traffic traffic_of(const struct stream *client);
void record_exchange(const struct exchange *x);
void count_spliced(const struct exchange *x, struct pump *p); // once: p->spliced is 0 then
void log_retry(const struct exchange *x);
