// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/address.h"
#include "core/loop.h"
#include "core/slice.h"

// A connection to a Redis server that keeps itself up: it connects, and again, after growing pauses, when it was lost. A server that
// does not answer in time counts as lost, and so does one that says what no Redis server says, which is asked again only after the longest
// pause. Never blocks: addresses are numbers or paths, no names.
struct redis;
struct redisReply; // hiredis'

struct redis_conf {
    struct loop *loop;
    struct address address;
    struct slice password; // empty: none; copied
    unsigned answer_ms;    // how long a command may take
    struct slice
        subscribes; // to this channel: then it can ask nothing else (Redis, "Pub/Sub"); empty: none
    // From the loop. Each time it is connected (and let in, and subscribed), and each time it is not any more, or could not be.
    ready_fn *on_up;
    void (*on_down)(void *arg, const char *why);
    void (*on_message)(void *arg, struct slice message); // of the channel
    void *arg;
};
struct redis *redis_new(const struct redis_conf *conf);
// What was asked is not answered any more. Allowed from within its callbacks.
void redis_free(struct redis *r);
bool redis_is_up(const struct redis *r);
// A reply cannot be what it says: the server counts as one that is none. From within on_reply and on_message; nothing was asked any more
// when it returns (each question is told).
void redis_distrust(struct redis *r, const char *why);

// Called once for each command, from the loop; NULL: the connection was lost first.
typedef void redis_reply_fn(void *arg, const struct redisReply *reply);
// False: it is not up, or too many commands wait; on_reply is not called.
bool redis_ask(struct redis *r, const struct slice *words, size_t count, redis_reply_fn *on_reply,
               void *arg);
#define REDIS_WAITING_MAX 20000  // commands
#define REDIS_WORDS_MAX   100000 // of a command

// What a reply may have at most, in all its parts; it ends the connection beyond. With what stands around them in memory: 64 MiB.
#define REDIS_REPLY_MAX   (16u << 20) // bytes
#define REDIS_MESSAGE_MAX (64u << 10) // of the channel

// What a reply is; one of the wrong kind is an empty text, 0 or no elements.
bool redis_reply_is_error(const struct redisReply *reply); // also NULL; the text says which
// Is it made like this? One letter for each element of an array: "t" a text, "i" an integer, "l" a list of texts, "p" one of pairs of them.
bool redis_reply_fits(const struct redisReply *reply, const char *elements);
bool redis_reply_is_list(const struct redisReply *reply); // of texts
bool redis_reply_is_integer(const struct redisReply *reply);
struct slice redis_reply_text(const struct redisReply *reply);
long long redis_reply_integer(const struct redisReply *reply);
size_t redis_reply_count(const struct redisReply *reply);
const struct redisReply *redis_reply_at(const struct redisReply *reply, size_t i);
