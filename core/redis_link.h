// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/address.h"
#include "core/loop.h"
#include "core/slice.h"

// One connection to a Redis server, from connecting to its end: words out, replies in (Redis, "Protocol specification"). Of hiredis it uses
// the connection and the reader, not the asynchronous interface: that one takes for granted that the server is a Redis server, and ends the
// program where it is not. What comes in is bounded, and what is more,
// or is no reply at all, ends the link.
struct redis_link;
struct redisReply; // hiredis'

struct redis_link_conf {
    struct loop *loop;
    const struct address *address; // used by redis_link_open() only
    size_t
        most_bytes; // of a reply; for each 64 of them one element; some four times as much in memory
    // From the loop, never from within redis_link_open() or redis_link_send().
    ready_fn *on_open;
    void (*on_reply)(void *arg, const struct redisReply *reply); // valid during the call
    // Once, and the link is gone after it; is_strange: it sent what no Redis server sends.
    void (*on_end)(void *arg, const char *why, bool is_strange);
    void *arg;
};
// NULL and `why`: it could not even be begun.
struct redis_link *redis_link_open(const struct redis_link_conf *conf, char why[200]);
void redis_link_close(struct redis_link *l); // also from within its callbacks
// A command; false: there is no memory for it.
bool redis_link_send(struct redis_link *l, const struct slice *words, size_t count);
