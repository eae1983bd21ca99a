// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/check.h"
#include "core/clock.h"
#include "core/log.h"
#include "server/shared_script.h"
#include "server/shares_apply.h"

// One pool of a cluster: what the server has of it is read, agreed on, written, and then put in force.

enum { WHY_BYTES_MAX = 4096, BEATEN_MOST = 20 };

// How what the server has goes together with what we know of it (server/cluster_parts.h has the rules).
enum line {
    LINE_GOES_ON, // it has all that we know
    LINE_LOST,    // it has nothing, or less than we know
    LINE_ANEW,    // it had nothing, and another program has begun
    LINE_PARTED,  // it had nothing and got it from one who knew less than we do
};

static void on_hash(void *arg, const struct redisReply *reply);
static bool is_answer(struct shared_pool *p, const struct redisReply *reply);
static void distrust(struct shared_pool *p, const char *why);
static void settle_doubt(struct shared_pool *p, const struct shared_answer *answer);
static enum line line_of(const struct shared_pool *p, const struct shared_answer *answer);
static void agree(struct shared_pool *p, const struct shared_answer *answer);
static void take_mine(struct shared_pool *p);
static void merge_lines(const struct shared_pool *p, const struct shares *parted_at,
                        const struct shares *theirs, struct shares *out);
static void write_result(struct shared_pool *p, const struct shared_answer *answer, enum line line);
static void on_written(void *arg, const struct redisReply *reply);
static void try_again(struct shared_pool *p);
static void be_agreed(struct shared_pool *p);
static void put_in_force(struct shared_pool *p, const struct shares *agreed);
static void end_question(struct shared_pool *p);
static bool ask_for_list(struct shared_pool *p);
static void on_list(void *arg, const struct redisReply *reply);
static void follow_list(struct shared_pool *p, const struct shares *theirs);

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
    p->is_busy = p->is_due = p->is_refused = false;
    p->state = SHARED_UNKNOWN;
    p->known_at = (struct shared_point){0};
    p->doubt = 0;
    shares_free(&p->base);
    shares_free(&p->known);
    shares_free(&p->result);
    shares_free(&p->mine);
}

void shared_pool_follow(struct shared_pool *p, const struct pool *pool) {
    p->pool = pool;
    if (p->state != SHARED_UNKNOWN) return;
    shares_free(&p->base);
    shares_free(&p->known);
    shares_of_pool(p->cluster->pools, pool, &p->base);
    shares_of_pool(p->cluster->pools, pool, &p->known);
    p->state = SHARED_JOINS;
}

bool shared_pool_is_edited(const struct shared_pool *p) {
    return p->pool && shares_digest(p->cluster->pools, p->pool) != p->digest;
}

void shared_pool_ask(struct shared_pool *p) {
    if (!p->pool) return;
    p->is_due = p->is_busy || !redis_is_up(p->cluster->asks);
    if (p->is_due) return;
    p->is_busy = p->pool->hipache ? ask_for_list(p) : shared_script_read(p, on_hash);
}

static void on_hash(void *arg, const struct redisReply *reply) {
    struct shared_pool *p = arg;
    struct shared_answer answer = {0};
    if (!is_answer(p, reply)) return;
    if (shared_answer_take(p, reply, &answer)) {
        settle_doubt(p, &answer);
        agree(p, &answer);
    } else {
        distrust(p, "it is no Redis server: that is no answer to the script that reads a pool");
    }
    shared_answer_free(&answer);
}

// Nothing that it said is used.
static void distrust(struct shared_pool *p, const char *why) {
    redis_distrust(p->cluster->asks, why);
    end_question(p);
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

// A write whose reply was lost: that it was carried out is seen by its token; if it was not, it never will be.
static void settle_doubt(struct shared_pool *p, const struct shared_answer *answer) {
    bool is_done = p->doubt != 0 && p->doubt == answer->doubt;
    p->doubt = 0;
    if (is_done) be_agreed(p);
}

static enum line line_of(const struct shared_pool *p, const struct shared_answer *answer) {
    bool is_empty = answer->at.revision == 0 && answer->theirs.count == 0;
    if (is_empty) return LINE_LOST;
    if (p->state == SHARED_JOINS) return LINE_GOES_ON;
    if (answer->at.life == p->known_at.life)
        return answer->at.revision < p->known_at.revision ? LINE_LOST : LINE_GOES_ON;
    if (answer->at.life == 0) return LINE_ANEW;
    return answer->is_parted ? LINE_PARTED : LINE_GOES_ON;
}

// Who joins takes what is there; what he had when he came may have been removed meanwhile by others. Only an empty server gets it.
static void agree(struct shared_pool *p, const struct shared_answer *answer) {
    static const struct shares nothing;
    enum line line = line_of(p, answer);
    take_mine(p);
    switch (line) {
    case LINE_GOES_ON:
        shares_merge(&p->base, &p->mine, &answer->theirs, (int64_t)time(NULL), &p->result);
        break;
    case LINE_LOST: merge_lines(p, &answer->theirs, &answer->theirs, &p->result); break;
    case LINE_ANEW: merge_lines(p, &nothing, &answer->theirs, &p->result); break;
    case LINE_PARTED: merge_lines(p, &answer->begun, &answer->theirs, &p->result); break;
    }
    write_result(p, answer, line);
}

static void take_mine(struct shared_pool *p) {
    shares_free(&p->mine);
    shares_free(&p->result);
    shares_of_pool(p->cluster->pools, p->pool, &p->mine);
    p->digest = shares_digest(p->cluster->pools, p->pool);
}

// Two lines of edits that were one until `parted_at`: what we know with our own edits, and theirs.
static void merge_lines(const struct shared_pool *p, const struct shares *parted_at,
                        const struct shares *theirs, struct shares *out) {
    struct shares ours = {0};
    int64_t now_s = (int64_t)time(NULL);
    shares_merge(&p->base, &p->mine, &p->known, now_s, &ours);
    shares_merge(parted_at, &ours, theirs, now_s, out);
    shares_free(&ours);
}

// A server that has lost the pool gets its revision again even where it has no members: the others are to see that this was agreed.
static void write_result(struct shared_pool *p, const struct shared_answer *answer,
                         enum line line) {
    uint64_t known = p->known_at.revision, read = answer->at.revision;
    bool is_new = line == LINE_LOST || line == LINE_ANEW;
    p->next_at = answer->at;
    if (!is_new && shares_are_same(&answer->theirs, &p->result)) {
        be_agreed(p);
        end_question(p);
        return;
    }
    p->next_at.revision = 1 + (known > read ? known : read);
    if (is_new) p->next_at.life = cluster_new_number();
    if (shared_script_write(p, answer, line != LINE_GOES_ON, on_written)) return;
    p->doubt = 0;
    end_question(p); // the base stays: it is still to be written
}

// Only what is with the server is the base of the next agreement. Without a reply that is not known: settle_doubt().
static void on_written(void *arg, const struct redisReply *reply) {
    struct shared_pool *p = arg;
    long long done = redis_reply_integer(reply);
    if (!p->pool) {
        shared_pool_forget(p); // the route file has it no more
    } else if (redis_reply_is_error(reply)) {
        if (reply)
            log_repeated(LOG_LEVEL_ERROR, "cluster write", "cluster: pool \"%s\": %.*s", p->name,
                         SLICE_ARGS(redis_reply_text(reply)));
        p->is_refused = reply != NULL;
        cluster_set_sync(p->cluster);
    } else if (!redis_reply_is_integer(reply) || done < 0 || done > 1) {
        distrust(p, "it is no Redis server: that is no answer to the script that writes a pool");
        return;
    } else {
        p->doubt = 0;
        if (done)
            be_agreed(p);
        else
            try_again(p);
    }
    end_question(p);
}

// Somebody was quicker. One of all who write is always done, so only a server that lies has us come here without end.
static void try_again(struct shared_pool *p) {
    p->is_refused = ++p->beaten >= BEATEN_MOST;
    p->is_due = !p->is_refused;
    if (p->is_refused) cluster_set_sync(p->cluster);
}

// On `result`, which is with the server as `next_at`.
static void be_agreed(struct shared_pool *p) {
    p->is_refused = false;
    p->beaten = 0;
    p->known_at = p->next_at;
    put_in_force(p, &p->result);
    shares_free(&p->known);
    p->known = p->result;
    p->result = (struct shares){0};
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

void shared_pool_leave_out(const struct shared_pool *p, struct text *why) {
    log_repeated(LOG_LEVEL_WARN, "cluster member",
                 "cluster: pool \"%s\": a member was left out: %s", p->name, text_string(why));
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
    if (!redis_reply_is_list(reply)) {
        distrust(p, "it is no Redis server: that is no answer to LRANGE");
        return;
    }
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
            shared_pool_leave_out(p, &why);
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
