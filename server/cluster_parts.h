// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/loop.h"
#include "core/redis.h"
#include "server/cluster.h"
#include "server/shares.h"

// What server/cluster.c (connections, and which pools there are) and server/shared_pool.c (one pool: read, agree, write) share.

// How far what is known of a pool goes: lives are numbers at random, 0 where other programs have begun.
struct shared_point {
    uint64_t life, revision;
};

// A live pool on its way between our table and the server.
//
// Every edit of a pool that the server takes makes its revision grow, and is taken only onto the revision that it was made of. An rsp that
// comes to an emptied server, or to one with an older revision than it knows, writes what it knows and begins a new life, with a number at
// random, beside which it stands from which revision of which life it began, and with which members. One that knows a later revision of that
// life does to the new one what it knows more, by a three-way merge from those members. So whoever comes first, nothing is lost, and what was
// removed stays so. Only an rsp that sees nothing of two lives in a row cannot tell, and takes what is there.
//
// A write whose reply is lost was carried out or not: a token of each rsp, which stands there with its last write, tells. Whoever asks puts
// another one there, and a write is carried out only onto the token that was read, so one that is still on its way comes too late.
struct shared_pool {
    struct cluster *cluster;
    const struct pool *pool; // NULL: the route file has it no more
    char *name;
    enum { SHARED_UNKNOWN, SHARED_JOINS, SHARED_AGREED } state;
    // What all had when we last agreed, and when; of one that joins, what it had when it was first seen: edits since then are to stay.
    struct shares known;
    struct shared_point known_at;
    struct shares base;          // as much of it as is in force here: what we compare with
    struct shares mine, result;  // what we had, and what is being agreed on
    struct shared_point next_at; // when it is
    uint64_t doubt;              // the token of a write without a reply; 0: there is none
    uint64_t bar;                // the token that keeps it out
    bool is_busy;                // a question is under way
    bool is_due;                 // to be asked again after it
    bool is_refused;             // the server did not take it: again in a second
    unsigned beaten;             // so often in a row others were quicker with the server
    uint64_t digest;             // of the list that was compared last
};

struct cluster {
    struct loop *loop;
    struct pools *pools;
    struct redis *asks, *hears; // NULL: no cluster
    uint64_t id, tokens;        // at random; the last one
    char *address, *password, *prefix, *channel;
    bool expires; // stale = "expire"
    struct shared_pool **at;
    size_t count;
    uint64_t changed_ms, told_ms; // it came or went; it last said anything
    struct timer sync;
    struct task compare;
};

// The next synchronisation, when what is known of the pools says so.
void cluster_set_sync(struct cluster *c);
// At random, not 0.
uint64_t cluster_new_number(void);

struct shared_pool *shared_pool_new(struct cluster *c, const char *name);
void shared_pool_free(struct shared_pool *p);
// The route file has it. What it has now may be of long ago, what is edited from now on is not.
void shared_pool_follow(struct shared_pool *p, const struct pool *pool);
// Reads what the server has and agrees on it; at once, or after what is under way, or when the server is there again.
void shared_pool_ask(struct shared_pool *p);
// An edit has changed it since it was last compared.
bool shared_pool_is_edited(const struct shared_pool *p);
// Nobody can be asked: what was to be renewed by now and was not goes.
void shared_pool_expire(struct shared_pool *p);
// What was known of one server says nothing of another. No answer comes any more to what was asked.
void shared_pool_forget(struct shared_pool *p);
// A row of the server's that is none is said in the log.
void shared_pool_leave_out(const struct shared_pool *p, struct text *why);
