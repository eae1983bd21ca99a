// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/cluster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/check.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/redis.h"
#include "server/shares_apply.h"

enum { ANSWER_MS = 3000, SYNC_MS = 60000, EXPIRY_MS = 1000, WHY_BYTES_MAX = 4096 };

// A live pool on its way between our table and the server.
struct shared_pool {
    struct cluster *cluster;
    const struct pool *pool; // NULL: the route file has it no more
    char *name;
    struct shares base; // what all had when we last agreed
    bool has_base;
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
    char *address, *prefix, *channel;
    bool expires; // stale = "expire"
    struct shared_pool **at;
    size_t count;
    uint64_t changed_ms, told_ms; // it came or went; it last said anything
    struct timer sync;
    struct task compare;
};

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

static void on_edit(void *arg);
static void connect_anew(struct cluster *c, const struct cluster_conf *conf);
static void disconnect(struct cluster *c);
static void take_pools(struct cluster *c, const struct config *config);
static struct shared_pool *pool_named(struct cluster *c, const char *name);
static void on_up(void *arg);
static void on_down(void *arg, const char *why);
static void on_message(void *arg, struct slice message);
static void sync_all(void *arg);
static void set_sync(struct cluster *c);
static void compare_all(void *arg);
static void ask_for(struct shared_pool *p);
static void on_read(void *arg, const struct redisReply *reply);
static bool is_of_before(struct shared_pool *p, const struct redisReply *revision);
static void read_shares(const struct shared_pool *p, const struct redisReply *hash,
                        struct shares *out);
static void agree(struct shared_pool *p, const struct shares *theirs, bool is_lost);
static void write_result(struct shared_pool *p, const struct shares *theirs, bool is_lost);
static void on_written(void *arg, const struct redisReply *reply);
static void put_in_force(struct shared_pool *p);
static void end_question(struct shared_pool *p);
static void expire_pool(struct shared_pool *p);
static char *key_of(const struct shared_pool *p, const char *kind);
static char *joined(const char *a, const char *b);

struct cluster *cluster_new(struct loop *loop, struct pools *pools) {
    struct cluster *c = calloc(1, sizeof *c);
    CHECK(c);
    *c = (struct cluster){.loop = loop, .pools = pools};
    timer_init(&c->sync, loop, sync_all, c);
    task_init(&c->compare, compare_all, c);
    pools_watch(pools, on_edit, c);
    return c;
}

void cluster_free(struct cluster *c) {
    if (!c) return;
    pools_unwatch(c->pools, c);
    disconnect(c);
    for (size_t i = 0; i < c->count; i++) {
        free(c->at[i]->name);
        free(c->at[i]);
    }
    free(c->at);
    loop_remove_task(c->loop, &c->compare);
    timer_fini(&c->sync);
    free(c);
}

void cluster_follow(struct cluster *c, const struct config *config) {
    const struct cluster_conf *conf = &config->cluster;
    bool is_same = c->asks && conf->redis && strcmp(c->address, conf->redis) == 0 &&
                   strcmp(c->prefix, conf->prefix) == 0;
    if (!is_same) disconnect(c);
    take_pools(c, conf->redis ? config : NULL);
    c->expires = conf->stale == STALE_EXPIRE;
    if (!is_same && conf->redis) connect_anew(c, conf);
    if (is_same) sync_all(c);
}

// Called from within the edit.
static void on_edit(void *arg) {
    struct cluster *c = arg;
    if (c->asks) loop_add_task(c->loop, &c->compare);
}

void cluster_describe(const struct cluster *c, struct text *out) {
    if (!c->asks) return;
    bool is_up = redis_is_up(c->asks) && redis_is_up(c->hears);
    uint64_t now = clock_ms();
    text_printf(out, "%s %s for %llu s", c->address, is_up ? "there" : "away",
                (unsigned long long)(now - c->changed_ms) / 1000);
    if (c->told_ms)
        text_printf(out, ", heard of %llu s ago", (unsigned long long)(now - c->told_ms) / 1000);
}

// --- connections ---

static void connect_anew(struct cluster *c, const struct cluster_conf *conf) {
    struct redis_conf redis = {.loop = c->loop,
                               .password = slice_of(conf->password),
                               .answer_ms = ANSWER_MS,
                               .on_up = on_up,
                               .on_down = on_down,
                               .on_message = on_message,
                               .arg = c};
    CHECK(address_parse(slice_of(conf->redis), &redis.address));
    c->address = joined(conf->redis, "");
    c->prefix = joined(conf->prefix, "");
    c->channel = joined(conf->prefix, "changes");
    c->changed_ms = clock_ms();
    c->asks = redis_new(&redis);
    redis.subscribes = slice_of(c->channel);
    c->hears = redis_new(&redis);
    timer_set(&c->sync, SYNC_MS);
}

// What was known of one server says nothing of another.
static void disconnect(struct cluster *c) {
    redis_free(c->asks);
    redis_free(c->hears);
    free(c->address);
    free(c->prefix);
    free(c->channel);
    c->asks = c->hears = NULL;
    c->address = c->prefix = c->channel = NULL;
    timer_clear(&c->sync);
    for (size_t i = 0; i < c->count; i++) {
        c->at[i]->is_busy = c->at[i]->is_due = c->at[i]->has_base = false;
        c->at[i]->revision = 0;
        shares_free(&c->at[i]->base);
        shares_free(&c->at[i]->result);
        shares_free(&c->at[i]->mine);
    }
}

// Those that the route file has no more stay known: a question may be under way for them.
static void take_pools(struct cluster *c, const struct config *config) {
    for (size_t i = 0; i < c->count; i++) c->at[i]->pool = NULL;
    for (size_t i = 0; config && i < config->pool_count; i++)
        if (config->pools[i]->is_live)
            pool_named(c, config->pools[i]->name)->pool = config->pools[i];
}

static struct shared_pool *pool_named(struct cluster *c, const char *name) {
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->at[i]->name, name) == 0) return c->at[i];
    struct shared_pool *p = calloc(1, sizeof *p);
    c->at = realloc(c->at, (c->count + 1) * sizeof(struct shared_pool *));
    CHECK(p && c->at);
    *p = (struct shared_pool){.cluster = c, .name = joined(name, "")};
    return c->at[c->count++] = p;
}

static void on_up(void *arg) {
    struct cluster *c = arg;
    if (!redis_is_up(c->asks) || !redis_is_up(c->hears)) return;
    log_info("cluster: the server at %s is there", c->address);
    c->changed_ms = clock_ms();
    sync_all(c);
}

static void on_down(void *arg, const char *why) {
    struct cluster *c = arg;
    c->changed_ms = clock_ms();
    log_repeated(LOG_LEVEL_WARN, "cluster away",
                 "cluster: the server at %s is away (%s); serving goes on with what was last known",
                 c->address, why);
}

static void on_message(void *arg, struct slice message) {
    struct cluster *c = arg;
    slice_cut(&message, ' '); // the revision
    c->told_ms = clock_ms();
    for (size_t i = 0; i < c->count; i++)
        if (slice_equals(message, slice_of(c->at[i]->name))) ask_for(c->at[i]);
}

// Also by the clock: a message may have been lost, and members may be due.
static void sync_all(void *arg) {
    struct cluster *c = arg;
    for (size_t i = 0; i < c->count; i++) {
        ask_for(c->at[i]);
        if (!redis_is_up(c->asks) && c->expires) expire_pool(c->at[i]);
    }
    set_sync(c);
}

static void set_sync(struct cluster *c) {
    bool may_be_due = false;
    for (size_t i = 0; i < c->count; i++)
        for (size_t k = 0; k < c->at[i]->base.count; k++)
            may_be_due |= c->at[i]->base.at[k].until_s != 0;
    timer_set(&c->sync, may_be_due ? EXPIRY_MS : SYNC_MS);
}

static void compare_all(void *arg) {
    struct cluster *c = arg;
    for (size_t i = 0; i < c->count; i++)
        if (c->at[i]->pool && shares_digest(c->pools, c->at[i]->pool) != c->at[i]->digest)
            ask_for(c->at[i]);
}

// --- one pool: read, agree, write ---

static void ask_for(struct shared_pool *p) {
    struct cluster *c = p->cluster;
    if (!p->pool) return;
    if (p->is_busy || !redis_is_up(c->asks)) {
        p->is_due = true;
        return;
    }
    char *revision = key_of(p, "revision:"), *hash = key_of(p, "pool:");
    const struct slice words[] = {SLICE("EVAL"), SLICE(READ_SCRIPT), SLICE("2"), slice_of(revision),
                                  slice_of(hash)};
    p->is_due = false;
    p->is_busy = redis_ask(c->asks, words, sizeof words / sizeof *words, on_read, p);
    free(revision);
    free(hash);
}

static void on_read(void *arg, const struct redisReply *reply) {
    struct shared_pool *p = arg;
    struct cluster *c = p->cluster;
    struct shares theirs = {0};
    if (redis_reply_is_error(reply) || !p->pool) {
        if (reply && p->pool)
            log_repeated(LOG_LEVEL_ERROR, "cluster read", "cluster: pool \"%s\": %.*s", p->name,
                         SLICE_ARGS(redis_reply_text(reply)));
        end_question(p);
        return;
    }
    c->told_ms = clock_ms();
    read_shares(p, redis_reply_at(reply, 1), &theirs);
    agree(p, &theirs, is_of_before(p, redis_reply_at(reply, 0)));
    shares_free(&theirs);
}

// The server has lost what it had: it is empty, or has older data than we have seen.
static bool is_of_before(struct shared_pool *p, const struct redisReply *revision) {
    uint64_t number = 0;
    if (!slice_to_u64(redis_reply_text(revision), &number)) number = 0;
    p->read_revision = (int64_t)number;
    if (number == 0 || (int64_t)number < p->revision) return true;
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
            shares_put(out, &share);
            free(share.address);
        } else {
            log_repeated(LOG_LEVEL_WARN, "cluster member",
                         "cluster: pool \"%s\": a member was left out: %s", p->name,
                         text_string(&why));
        }
        text_fini(&why);
    }
}

// Who joins takes what is there; what he had of his own may have been removed meanwhile by others. Only an empty server gets it.
static void agree(struct shared_pool *p, const struct shares *theirs, bool is_lost) {
    struct shares nothing = {0};
    shares_free(&p->mine);
    shares_free(&p->result);
    shares_of_pool(p->cluster->pools, p->pool, &p->mine);
    p->digest = shares_digest(p->cluster->pools, p->pool);
    const struct shares *base = p->has_base ? &p->base : is_lost ? &nothing : &p->mine;
    shares_merge(base, &p->mine, is_lost ? base : theirs, (int64_t)time(NULL), &p->result);
    write_result(p, theirs, is_lost);
}

// The words of a command in the making.
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
        p->has_base = false; // the route file has it no more
    } else if (is_failed) {
        if (reply)
            log_repeated(LOG_LEVEL_ERROR, "cluster write", "cluster: pool \"%s\": %.*s", p->name,
                         SLICE_ARGS(redis_reply_text(reply)));
        p->is_due = true;
    } else if (reply && redis_reply_integer(reply) == 0) {
        p->is_due = true; // somebody was quicker
    } else {
        if (reply) p->revision = redis_reply_integer(reply);
        put_in_force(p);
    }
    end_question(p);
}

// An edit that came while we were writing is compared in turn.
static void put_in_force(struct shared_pool *p) {
    struct pools *pools = p->cluster->pools;
    if (shares_digest(pools, p->pool) != p->digest) p->is_due = true;
    shares_apply(pools, p->pool, &p->mine, &p->result);
    p->digest = shares_digest(pools, p->pool);
    shares_free(&p->base);
    p->base = p->result;
    p->result = (struct shares){0};
    p->has_base = true;
    set_sync(p->cluster);
}

static void end_question(struct shared_pool *p) {
    p->is_busy = false;
    if (p->is_due && redis_is_up(p->cluster->asks)) ask_for(p);
}

// Nobody can be asked: what was to be renewed by now and was not goes.
static void expire_pool(struct shared_pool *p) {
    struct shares mine = {0}, result = {0};
    if (!p->has_base || !p->pool) return;
    shares_of_pool(p->cluster->pools, p->pool, &mine);
    shares_merge(&p->base, &mine, &p->base, (int64_t)time(NULL), &result);
    shares_apply(p->cluster->pools, p->pool, &mine, &result);
    p->digest = shares_digest(p->cluster->pools, p->pool);
    shares_free(&mine);
    shares_free(&result);
}

static char *key_of(const struct shared_pool *p, const char *kind) {
    char *before = joined(p->cluster->prefix, kind);
    char *key = joined(before, p->name);
    free(before);
    return key;
}

static char *joined(const char *a, const char *b) {
    size_t len = strlen(a), more = strlen(b);
    char *text = malloc(len + more + 1);
    CHECK(text);
    memcpy(text, a, len);
    memcpy(text + len, b, more + 1);
    return text;
}
