// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/loop.h"
#include "core/redis.h"
#include "server/cluster.h"
#include "server/shares.h"

// What server/cluster.c (connections, and which pools there are) and server/shared_pool.c (one pool: read, agree, write) share.

// A live pool on its way between our table and the server.
struct shared_pool {
    struct cluster *cluster;
    const struct pool *pool; // NULL: the route file has it no more
    char *name;
    // What all had when we last agreed; of one that joins, what it had when it was first seen: edits since then are to stay.
    struct shares base;
    enum { SHARED_UNKNOWN, SHARED_JOINS, SHARED_AGREED } state;
    struct shares mine, result; // what we had, and what is being agreed on
    int64_t read_revision;      // that `result` was made of
    bool is_busy;               // a question is under way
    bool is_due;                // to be asked again after it
    uint64_t digest;            // of the list that was compared last
    int64_t revision;           // that the server has told us last
};

struct cluster {
    struct loop *loop;
    struct pools *pools;
    struct redis *asks, *hears; // NULL: no cluster
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
