// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/clock.h"
#include "core/redis_link.h"

enum { PAUSE_FIRST_MS = 100, PAUSE_MOST_MS = 5000, WHY_MAX = 200 };

enum redis_state {
    REDIS_AWAY, // until the pause is over
    REDIS_CONNECTING,
    REDIS_LETTING_IN, // the password was said
    REDIS_GREETING,   // what ends the introduction was said
    REDIS_UP,
};

// A command that waits for its reply.
struct question {
    struct question *next;
    uint64_t late_at_ms;
    redis_reply_fn *on_reply;
    void *arg;
};

struct redis {
    struct redis_conf conf;
    enum redis_state state;
    struct redis_link *link; // NULL while it is away
    struct question *first, **last;
    size_t waiting;
    unsigned pause_ms;
    struct timer timer; // the end of the pause or of connecting, the first question being late
    char *password, *channel;
    bool *is_freed; // to be told to whom is in the middle of telling others; NULL: nobody
};

static void connect_now(struct redis *r);
static void introduce(void *arg);
static void on_reply(void *arg, const struct redisReply *reply);
static void let_in(struct redis *r, const struct redisReply *reply);
static void greet(struct redis *r, const struct redisReply *reply);
static void hear(struct redis *r, const struct redisReply *reply);
static void answer_first(struct redis *r, const struct redisReply *reply);
static struct question take_first(struct redis *r);
static void watch_first(struct redis *r);
static void come_up(struct redis *r);
static void refuse(struct redis *r, const struct redisReply *reply, const char *wanted);
static void on_end(void *arg, const char *why, bool is_strange);
static void on_time(void *arg);
static void lose(struct redis *r, const char *why);
static void close_link(struct redis *r);

struct redis *redis_new(const struct redis_conf *conf) {
    struct redis *r = calloc(1, sizeof *r);
    CHECK(r);
    *r = (struct redis){.conf = *conf, .last = &r->first, .pause_ms = PAUSE_FIRST_MS};
    r->password = strndup(conf->password.at ? conf->password.at : "", conf->password.len);
    r->channel = strndup(conf->subscribes.at ? conf->subscribes.at : "", conf->subscribes.len);
    CHECK(r->password && r->channel);
    timer_init(&r->timer, conf->loop, on_time, r);
    timer_set(&r->timer, 0);
    return r;
}

void redis_free(struct redis *r) {
    if (!r) return;
    if (r->is_freed) *r->is_freed = true;
    close_link(r);
    while (r->first) take_first(r);
    timer_fini(&r->timer);
    free(r->password);
    free(r->channel);
    free(r);
}

bool redis_is_up(const struct redis *r) {
    return r->state == REDIS_UP;
}

bool redis_ask(struct redis *r, const struct slice *words, size_t count, redis_reply_fn *on_answer,
               void *arg) {
    CHECK(count <= REDIS_WORDS_MAX && r->channel[0] == '\0');
    if (r->state != REDIS_UP || r->waiting == REDIS_WAITING_MAX) return false;
    if (!redis_link_send(r->link, words, count)) return false;
    struct question *q = calloc(1, sizeof *q);
    CHECK(q);
    *q = (struct question){NULL, clock_ms() + r->conf.answer_ms, on_answer, arg};
    *r->last = q;
    r->last = &q->next;
    if (r->waiting++ == 0) watch_first(r);
    return true;
}

void redis_distrust(struct redis *r, const char *why) {
    if (r->state == REDIS_AWAY) return;
    r->pause_ms = PAUSE_MOST_MS;
    lose(r, why);
}

// --- its life ---

static void connect_now(struct redis *r) {
    char why[WHY_MAX];
    r->state = REDIS_CONNECTING;
    r->link = redis_link_open(
        &(struct redis_link_conf){.loop = r->conf.loop,
                                  .address = &r->conf.address,
                                  .most_bytes = r->channel[0] ? REDIS_MESSAGE_MAX : REDIS_REPLY_MAX,
                                  .on_open = introduce,
                                  .on_reply = on_reply,
                                  .on_end = on_end,
                                  .arg = r},
        why);
    if (r->link)
        timer_set(&r->timer, r->conf.answer_ms);
    else
        lose(r, why);
}

static void introduce(void *arg) {
    struct redis *r = arg;
    struct slice password[] = {SLICE("AUTH"), slice_of(r->password)};
    struct slice channel[] = {SLICE("SUBSCRIBE"), slice_of(r->channel)};
    struct slice nothing[] = {SLICE("PING")};
    bool is_taken = !r->password[0] || redis_link_send(r->link, password, 2);
    is_taken = is_taken && (r->channel[0] ? redis_link_send(r->link, channel, 2)
                                          : redis_link_send(r->link, nothing, 1));
    r->state = r->password[0] ? REDIS_LETTING_IN : REDIS_GREETING;
    if (!is_taken) lose(r, "out of memory");
}

static void on_reply(void *arg, const struct redisReply *reply) {
    struct redis *r = arg;
    switch (r->state) {
    case REDIS_AWAY:
    case REDIS_CONNECTING: break;
    case REDIS_LETTING_IN: let_in(r, reply); break;
    case REDIS_GREETING: greet(r, reply); break;
    case REDIS_UP:
        if (r->channel[0])
            hear(r, reply);
        else
            answer_first(r, reply);
        break;
    }
}

static void let_in(struct redis *r, const struct redisReply *reply) {
    if (slice_equals(redis_reply_text(reply), SLICE("OK")))
        r->state = REDIS_GREETING;
    else
        refuse(r, reply, "AUTH");
}

static void greet(struct redis *r, const struct redisReply *reply) {
    bool is_heard = redis_reply_fits(reply, "tti") &&
                    slice_equals(redis_reply_text(redis_reply_at(reply, 0)), SLICE("subscribe"));
    bool is_good = r->channel[0] ? is_heard : slice_equals(redis_reply_text(reply), SLICE("PONG"));
    if (is_good)
        come_up(r);
    else
        refuse(r, reply, r->channel[0] ? "SUBSCRIBE" : "PING");
}

static void hear(struct redis *r, const struct redisReply *reply) {
    bool is_message =
        redis_reply_fits(reply, "ttt") &&
        slice_equals(redis_reply_text(redis_reply_at(reply, 0)), SLICE("message")) &&
        slice_equals(redis_reply_text(redis_reply_at(reply, 1)), slice_of(r->channel));
    if (is_message)
        r->conf.on_message(r->conf.arg, redis_reply_text(redis_reply_at(reply, 2)));
    else
        refuse(r, reply, "SUBSCRIBE");
}

// Replies come in the order of the questions.
static void answer_first(struct redis *r, const struct redisReply *reply) {
    if (!r->first) {
        refuse(r, reply, "nothing");
        return;
    }
    struct question q = take_first(r);
    watch_first(r);
    q.on_reply(q.arg, reply);
}

static struct question take_first(struct redis *r) {
    struct question *first = r->first, q = *first;
    r->first = q.next;
    if (!r->first) r->last = &r->first;
    r->waiting--;
    free(first);
    return q;
}

static void watch_first(struct redis *r) {
    uint64_t now = clock_ms();
    if (!r->first)
        timer_clear(&r->timer);
    else
        timer_set(&r->timer, r->first->late_at_ms > now ? r->first->late_at_ms - now : 1);
}

static void come_up(struct redis *r) {
    r->state = REDIS_UP;
    r->pause_ms = PAUSE_FIRST_MS;
    timer_clear(&r->timer);
    r->conf.on_up(r->conf.arg);
}

// An error is what a Redis server says that does not want us; anything else is said by none.
static void refuse(struct redis *r, const struct redisReply *reply, const char *wanted) {
    char why[WHY_MAX];
    if (redis_reply_is_error(reply)) {
        snprintf(why, sizeof why, "%.*s", SLICE_ARGS(redis_reply_text(reply)));
        lose(r, why);
    } else {
        snprintf(why, sizeof why, "it is no Redis server: that is no answer to %s", wanted);
        redis_distrust(r, why);
    }
}

static void on_end(void *arg, const char *why, bool is_strange) {
    struct redis *r = arg;
    if (is_strange) r->pause_ms = PAUSE_MOST_MS;
    lose(r, why);
}

static void on_time(void *arg) {
    struct redis *r = arg;
    if (r->state == REDIS_AWAY)
        connect_now(r);
    else
        lose(r, "it does not answer in time");
}

static void lose(struct redis *r, const char *why) {
    bool is_freed = false;
    r->state = REDIS_AWAY;
    timer_set(&r->timer, r->pause_ms);
    r->pause_ms = r->pause_ms * 2 < PAUSE_MOST_MS ? r->pause_ms * 2 : PAUSE_MOST_MS;
    close_link(r);
    r->is_freed = &is_freed;
    while (!is_freed && r->first) {
        struct question q = take_first(r);
        q.on_reply(q.arg, NULL);
    }
    if (is_freed) return;
    r->is_freed = NULL;
    r->conf.on_down(r->conf.arg, why);
}

static void close_link(struct redis *r) {
    redis_link_close(r->link);
    r->link = NULL;
}
