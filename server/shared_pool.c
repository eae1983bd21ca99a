// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/check.h"
#include "core/clock.h"
#include "core/log.h"
#include "server/cluster_parts.h"
#include "server/shares_apply.h"

// One pool of a cluster: what the server has of it is read, agreed on, written, and then put in force.

enum { WHY_BYTES_MAX = 4096 };

static const char READ_SCRIPT[] =
    "return {redis.call('GET', KEYS[1]), redis.call('HGETALL', KEYS[2])}";
// Only onto what was read: else somebody else was quicker, and his edit is to be read first (0). A revision never falls behind one that was
// seen, even on a server that has lost it.
static const char WRITE_SCRIPT[] =
    "if tonumber(redis.call('GET', KEYS[1]) or '0') ~= tonumber(ARGV[3]) then return 0 end "
    "for i = 5, #ARGV, 2 do "
    "if ARGV[i + 1] == '' then redis.call('HDEL', KEYS[2], ARGV[i]) "
    "else redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end end "
    "local r = redis.call('INCR', KEYS[1]) "
    "if r <= tonumber(ARGV[4]) then r = ARGV[4] + 1; redis.call('SET', KEYS[1], r) end "
    "redis.call('PUBLISH', ARGV[1], r .. ' ' .. ARGV[2]) "
    "return r";

static bool ask_for_hash(struct shared_pool *p);
static void on_hash(void *arg, const struct redisReply *reply);
static bool is_answer(struct shared_pool *p, const struct redisReply *reply);
static bool is_of_before(struct shared_pool *p, const struct redisReply *revision, bool is_empty);
static void read_shares(const struct shared_pool *p, const struct redisReply *hash,
                        struct shares *out);
static void leave_out(const struct shared_pool *p, struct text *why);
static void agree(struct shared_pool *p, const struct shares *theirs, bool is_lost);
static void take_mine(struct shared_pool *p);
static void write_result(struct shared_pool *p, const struct shares *theirs, bool is_lost);
static void on_written(void *arg, const struct redisReply *reply);
static void put_in_force(struct shared_pool *p, const struct shares *agreed);
static void end_question(struct shared_pool *p);
static bool ask_for_list(struct shared_pool *p);
static void on_list(void *arg, const struct redisReply *reply);
static void follow_list(struct shared_pool *p, const struct shares *theirs);
static char *key_of(const struct shared_pool *p, const char *kind);

struct shared_pool *shared_pool_new(struct cluster *c, const char *name) {
    struct shared_pool *p = calloc(1, sizeof *p);
    CHECK(p);
    *p = (struct shared_pool){.cluster = c, .name = strdup(name)};
    CHECK(p->name);
    return p;
}

void shared_pool_free(struct shared_pool *p) {
    shared_pool_forget(p);
    free(p->name);
    free(p);
}

void shared_pool_forget(struct shared_pool *p) {
    p->is_busy = p->is_due = false;
    p->state = SHARED_UNKNOWN;
    p->revision = 0;
    shares_free(&p->base);
    shares_free(&p->result);
    shares_free(&p->mine);
}

void shared_pool_follow(struct shared_pool *p, const struct pool *pool) {
    p->pool = pool;
    if (p->state != SHARED_UNKNOWN) return;
    shares_free(&p->base);
    shares_of_pool(p->cluster->pools, pool, &p->base);
    p->state = SHARED_JOINS;
}

bool shared_pool_is_edited(const struct shared_pool *p) {
    return p->pool && shares_digest(p->cluster->pools, p->pool) != p->digest;
}

void shared_pool_ask(struct shared_pool *p) {
    if (!p->pool) return;
    p->is_due = p->is_busy || !redis_is_up(p->cluster->asks);
    if (p->is_due) return;
    p->is_busy = p->pool->hipache ? ask_for_list(p) : ask_for_hash(p);
}

static bool ask_for_hash(struct shared_pool *p) {
    char *revision = key_of(p, "revision:"), *hash = key_of(p, "pool:");
    const struct slice words[] = {SLICE("EVAL"), SLICE(READ_SCRIPT), SLICE("2"), slice_of(revision),
                                  slice_of(hash)};
    bool is_asked = redis_ask(p->cluster->asks, words, sizeof words / sizeof *words, on_hash, p);
    free(revision);
    free(hash);
    return is_asked;
}

static void on_hash(void *arg, const struct redisReply *reply) {
    struct shared_pool *p = arg;
    struct shares theirs = {0};
    if (!is_answer(p, reply)) return;
    read_shares(p, redis_reply_at(reply, 1), &theirs);
    agree(p, &theirs, is_of_before(p, redis_reply_at(reply, 0), theirs.count == 0));
    shares_free(&theirs);
}

// False: there is nothing to be had, and the question has ended.
static bool is_answer(struct shared_pool *p, const struct redisReply *reply) {
    if (reply) p->cluster->told_ms = clock_ms();
    if (!redis_reply_is_error(reply) && p->pool) return true;
    if (reply && p->pool)
        log_repeated(LOG_LEVEL_ERROR, "cluster read", "cluster: pool \"%s\": %.*s", p->name,
                     SLICE_ARGS(redis_reply_text(reply)));
    end_question(p);
    return false;
}

// The server has lost what it had: it is empty, or has older data than we have seen. Members without a revision, where we have never seen
// one, are those of another program that is about to write it.
static bool is_of_before(struct shared_pool *p, const struct redisReply *revision, bool is_empty) {
    uint64_t number = 0;
    if (!slice_to_u64(redis_reply_text(revision), &number)) number = 0;
    p->read_revision = (int64_t)number;
    if ((number == 0 && is_empty) || (int64_t)number < p->revision) return true;
    p->revision = (int64_t)number;
    return false;
}

static void read_shares(const struct shared_pool *p, const struct redisReply *hash,
                        struct shares *out) {
    for (size_t i = 0; i + 1 < redis_reply_count(hash); i += 2) {
        struct share share;
        struct text why;
        text_init(&why, WHY_BYTES_MAX);
        if (share_read(redis_reply_text(redis_reply_at(hash, i)),
                       redis_reply_text(redis_reply_at(hash, i + 1)), &share, &why)) {
            shares_add(out, &share);
            free(share.address);
        } else {
            leave_out(p, &why);
        }
        text_fini(&why);
    }
    shares_sort(out);
}

static void leave_out(const struct shared_pool *p, struct text *why) {
    log_repeated(LOG_LEVEL_WARN, "cluster member",
                 "cluster: pool \"%s\": a member was left out: %s", p->name, text_string(why));
}

// Who joins takes what is there; what he had when he came may have been removed meanwhile by others. Only an empty server gets it.
static void agree(struct shared_pool *p, const struct shares *theirs, bool is_lost) {
    struct shares nothing = {0};
    take_mine(p);
    const struct shares *base = is_lost && p->state == SHARED_JOINS ? &nothing : &p->base;
    shares_merge(base, &p->mine, is_lost ? base : theirs, (int64_t)time(NULL), &p->result);
    write_result(p, theirs, is_lost);
}

static void take_mine(struct shared_pool *p) {
    shares_free(&p->mine);
    shares_free(&p->result);
    shares_of_pool(p->cluster->pools, p->pool, &p->mine);
    p->digest = shares_digest(p->cluster->pools, p->pool);
}

// The words of a command in the making: two for each member that differs, and those are at most the ones there and ours.
_Static_assert(2 * 2 * TABLE_LIST_MAX + 16 <= REDIS_WORDS_MAX,
               "an edit of a whole list is one command");
struct words {
    struct slice *at;
    size_t count;
    struct text memory; // of the JSON
};

static void add_word(void *arg, const char *address, const struct share *was,
                     const struct share *is) {
    struct words *w = arg;
    (void)was;
    CHECK(w->count + 2 <= REDIS_WORDS_MAX);
    w->at[w->count++] = slice_of(address);
    size_t begin = w->memory.len;
    if (is) share_write(is, &w->memory);
    // the memory may move: for now only how long it is
    w->at[w->count++] = (struct slice){NULL, w->memory.len - begin};
}

// A server that has lost the pool gets its revision again even where it has no members: the others are to see that this was agreed.
static void write_result(struct shared_pool *p, const struct shares *theirs, bool is_lost) {
    struct cluster *c = p->cluster;
    char *revision = key_of(p, "revision:"), *hash = key_of(p, "pool:"), read[24], floor[24];
    struct words w = {.at = calloc(REDIS_WORDS_MAX, sizeof *w.at)};
    CHECK(w.at);
    text_init(&w.memory, 16u << 20);
    snprintf(read, sizeof read, "%lld", (long long)p->read_revision);
    snprintf(floor, sizeof floor, "%lld", (long long)p->revision);
    const struct slice first[] = {SLICE("EVAL"),      SLICE(WRITE_SCRIPT), SLICE("2"),
                                  slice_of(revision), slice_of(hash),      slice_of(c->channel),
                                  slice_of(p->name),  slice_of(read),      slice_of(floor)};
    w.count = sizeof first / sizeof *first;
    memcpy(w.at, first, sizeof first);
    shares_each_difference(theirs, &p->result, add_word, &w);
    size_t used = 0;
    for (size_t i = sizeof first / sizeof *first + 1; i < w.count; i += 2) {
        w.at[i].at = w.memory.at + used;
        used += w.at[i].len;
    }
    bool has_any = is_lost || w.count > sizeof first / sizeof *first;
    bool is_asked = has_any && redis_ask(c->asks, w.at, w.count, on_written, p);
    text_fini(&w.memory);
    free(w.at);
    free(revision);
    free(hash);
    if (has_any && !is_asked) end_question(p); // the base stays: it is still to be written
    if (!has_any) on_written(p, NULL);
}

// Also called when there was nothing to write. Only what is with the server is the base of the next agreement.
static void on_written(void *arg, const struct redisReply *reply) {
    struct shared_pool *p = arg;
    struct cluster *c = p->cluster;
    bool is_failed = reply ? redis_reply_is_error(reply) : !redis_is_up(c->asks);
    if (!p->pool) {
        p->state = SHARED_UNKNOWN; // the route file has it no more
    } else if (is_failed) {
        if (reply)
            log_repeated(LOG_LEVEL_ERROR, "cluster write", "cluster: pool \"%s\": %.*s", p->name,
                         SLICE_ARGS(redis_reply_text(reply)));
        p->is_due = true;
    } else if (reply && redis_reply_integer(reply) == 0) {
        p->is_due = true; // somebody was quicker
    } else {
        if (reply) p->revision = redis_reply_integer(reply);
        put_in_force(p, &p->result);
    }
    end_question(p);
}

// An edit that came while we were writing stays, and is compared in turn. What could not be put in force here (the disk is full, or the
// member is one of a route file that is not ours) is nothing that we have removed: see shares_settle().
static void put_in_force(struct shared_pool *p, const struct shares *agreed) {
    struct pools *pools = p->cluster->pools;
    struct shares now = {0}, wanted = {0}, after = {0}, base = {0};
    if (shares_digest(pools, p->pool) != p->digest) p->is_due = true;
    shares_of_pool(pools, p->pool, &now);
    shares_merge(&p->mine, &now, &p->result, 0, &wanted);
    shares_apply(pools, p->pool, &now, &wanted);
    shares_of_pool(pools, p->pool, &after);
    p->digest = shares_digest(pools, p->pool);
    shares_settle(
        &(struct settling){
            .base = &p->base, .mine = &p->mine, .now = &now, .after = &after, .agreed = agreed},
        &base);
    shares_free(&now);
    shares_free(&wanted);
    shares_free(&after);
    shares_free(&p->base);
    p->base = base;
    p->state = SHARED_AGREED;
    cluster_set_sync(p->cluster);
}

static void end_question(struct shared_pool *p) {
    p->is_busy = false;
    if (p->is_due && redis_is_up(p->cluster->asks)) shared_pool_ask(p);
}

void shared_pool_expire(struct shared_pool *p) {
    struct shares mine = {0}, result = {0};
    if (p->state != SHARED_AGREED || !p->pool) return;
    shares_of_pool(p->cluster->pools, p->pool, &mine);
    shares_merge(&p->base, &mine, &p->base, (int64_t)time(NULL), &result);
    shares_apply(p->cluster->pools, p->pool, &mine, &result);
    p->digest = shares_digest(p->cluster->pools, p->pool);
    shares_free(&mine);
    shares_free(&result);
}

// --- a list of hipache's ---

static bool ask_for_list(struct shared_pool *p) {
    char *key;
    CHECK(asprintf(&key, "frontend:%s", p->pool->hipache) >= 0);
    const struct slice words[] = {SLICE("LRANGE"), slice_of(key), SLICE("0"), SLICE("-1")};
    bool is_asked = redis_ask(p->cluster->asks, words, sizeof words / sizeof *words, on_list, p);
    free(key);
    return is_asked;
}

// The first row is a name for people. A list that is not there says nothing: a server that was emptied takes no site away.
static void on_list(void *arg, const struct redisReply *reply) {
    struct shared_pool *p = arg;
    struct shares theirs = {0};
    if (!is_answer(p, reply)) return;
    if (redis_reply_count(reply) == 0) {
        log_repeated(
            LOG_LEVEL_WARN, "cluster list",
            "cluster: pool \"%s\": there is no list frontend:%s; its members stay as they are",
            p->name, p->pool->hipache);
        end_question(p);
        return;
    }
    for (size_t i = 1; i < redis_reply_count(reply); i++) {
        struct text why;
        text_init(&why, WHY_BYTES_MAX);
        if (!shares_put_hipache(&theirs, redis_reply_text(redis_reply_at(reply, i)), &why))
            leave_out(p, &why);
        text_fini(&why);
    }
    follow_list(p, &theirs);
    shares_free(&theirs);
    end_question(p);
}

// Nothing is written there, so an edit of ours stays a difference from what the list says.
static void follow_list(struct shared_pool *p, const struct shares *theirs) {
    take_mine(p);
    shares_merge(&p->base, &p->mine, theirs, (int64_t)time(NULL), &p->result);
    put_in_force(p, theirs);
}

static char *key_of(const struct shared_pool *p, const char *kind) {
    char *key;
    CHECK(asprintf(&key, "%s%s%s", p->cluster->prefix, kind, p->name) >= 0);
    return key;
}
