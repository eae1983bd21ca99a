// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/redis.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/clock.h"

enum { PAUSE_FIRST_MS = 100, PAUSE_MOST_MS = 5000 };

enum redis_state {
    REDIS_AWAY,       // until the pause is over
    REDIS_CONNECTING, // and letting us in
    REDIS_UP,
};

// A command that waits for its reply.
struct question {
    struct redis *redis; // NULL: nobody wants to know any more
    struct question *next;
    uint64_t late_at_ms;
    redis_reply_fn *on_reply;
    void *arg;
};

// What hiredis wants to be told of its descriptor. Freed by hiredis, with the link.
struct readiness {
    struct loop *loop;
    redisAsyncContext *link;
    struct event readable, writable;
};

struct redis {
    struct redis_conf conf;
    enum redis_state state;
    redisAsyncContext *link; // NULL while it is away
    struct question *first, **last;
    size_t waiting;
    unsigned pause_ms;
    struct timer timer; // the end of the pause or of connecting, the first question being late
    char *password, *channel;
};

static void connect_now(struct redis *r);
static redisAsyncContext *open_link(const struct address *a);
static void attach(struct redis *r, redisAsyncContext *link);
static void on_connected(const redisAsyncContext *link, int status);
static void introduce(struct redis *r);
static void on_let_in(redisAsyncContext *link, void *reply, void *arg);
static void on_subscribed(redisAsyncContext *link, void *reply, void *arg);
static void on_answer(redisAsyncContext *link, void *reply, void *question);
static void on_disconnected(const redisAsyncContext *link, int status);
static void on_time(void *arg);
static void come_up(struct redis *r);
static void lose(struct redis *r, const char *why);
static void drop_link(struct redis *r);
static void forget_first(struct redis *r, struct question *q);
static void watch_first(struct redis *r);

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
    for (struct question *q = r->first; q; q = q->next) q->redis = NULL;
    if (r->link) r->link->data = NULL;
    drop_link(r);
    timer_fini(&r->timer);
    free(r->password);
    free(r->channel);
    free(r);
}

bool redis_is_up(const struct redis *r) {
    return r->state == REDIS_UP;
}

bool redis_ask(struct redis *r, const struct slice *words, size_t count, redis_reply_fn *on_reply,
               void *arg) {
    CHECK(count <= REDIS_WORDS_MAX && r->channel[0] == '\0');
    if (r->state != REDIS_UP || r->waiting == REDIS_WAITING_MAX) return false;
    const char **at = calloc(count + 1, sizeof *at);
    size_t *len = calloc(count + 1, sizeof *len);
    CHECK(at && len);
    for (size_t i = 0; i < count; i++)
        at[i] = words[i].at ? words[i].at : "", len[i] = words[i].len;
    struct question *q = calloc(1, sizeof *q);
    CHECK(q);
    *q = (struct question){r, NULL, clock_ms() + r->conf.answer_ms, on_reply, arg};
    int status = redisAsyncCommandArgv(r->link, on_answer, q, (int)count, at, len);
    free(at);
    free(len);
    if (status != REDIS_OK) {
        free(q);
        return false;
    }
    *r->last = q;
    r->last = &q->next;
    if (r->waiting++ == 0) watch_first(r);
    return true;
}

// --- its life ---

static void connect_now(struct redis *r) {
    redisAsyncContext *link = open_link(&r->conf.address);
    if (!link || link->err) {
        char why[200];
        snprintf(why, sizeof why, "%s", link ? link->errstr : "out of memory");
        if (link) redisAsyncFree(link);
        lose(r, why);
        return;
    }
    r->state = REDIS_CONNECTING;
    r->link = link;
    link->data = r;
    attach(r, link);
    redisAsyncSetConnectCallback(link, on_connected);
    redisAsyncSetDisconnectCallback(link, on_disconnected);
    timer_set(&r->timer, r->conf.answer_ms);
}

static redisAsyncContext *open_link(const struct address *a) {
    char ip[ADDRESS_TEXT_MAX];
    if (a->any.sa_family == AF_UNIX) return redisAsyncConnectUnix(a->local.sun_path);
    return redisAsyncConnect(address_format_ip(a, ip), address_port(a));
}

static void on_connected(const redisAsyncContext *link, int status) {
    struct redis *r = link->data;
    if (!r || r->link != link) return;
    if (status == REDIS_OK) {
        introduce(r);
        return;
    }
    r->link = NULL; // hiredis frees it
    lose(r, link->errstr);
}

static void introduce(struct redis *r) {
    int status = REDIS_OK;
    if (r->password[0]) status = redisAsyncCommand(r->link, on_let_in, r, "AUTH %s", r->password);
    if (status == REDIS_OK && r->channel[0])
        status = redisAsyncCommand(r->link, on_subscribed, r, "SUBSCRIBE %s", r->channel);
    else if (status == REDIS_OK)
        status = redisAsyncCommand(r->link, on_let_in, NULL, "PING");
    if (status != REDIS_OK) lose(r, "it takes no commands");
}

// To AUTH and, with arg NULL, to the PING that ends the introduction.
static void on_let_in(redisAsyncContext *link, void *reply, void *arg) {
    struct redis *r = link->data;
    if (!r || r->link != link || !reply) return;
    if (redis_reply_is_error(reply))
        lose(r, ((const redisReply *)reply)->str);
    else if (!arg)
        come_up(r);
}

static void on_subscribed(redisAsyncContext *link, void *reply, void *arg) {
    struct redis *r = link->data;
    (void)arg;
    if (!r || r->link != link || !reply) return;
    if (redis_reply_is_error(reply)) {
        lose(r, ((const redisReply *)reply)->str);
        return;
    }
    struct slice kind = redis_reply_text(redis_reply_at(reply, 0));
    if (slice_equals(kind, SLICE("subscribe"))) come_up(r);
    if (slice_equals(kind, SLICE("message")))
        r->conf.on_message(r->conf.arg, redis_reply_text(redis_reply_at(reply, 2)));
}

static void come_up(struct redis *r) {
    r->state = REDIS_UP;
    r->pause_ms = PAUSE_FIRST_MS;
    timer_clear(&r->timer);
    r->conf.on_up(r->conf.arg);
}

// Replies come in the order of the questions; without a reply the link is lost.
static void on_answer(redisAsyncContext *link, void *reply, void *question) {
    struct question *q = question;
    struct redis *r = q->redis;
    redis_reply_fn *on_reply = q->on_reply;
    void *arg = q->arg;
    (void)link;
    if (r) forget_first(r, q);
    free(q);
    if (r) on_reply(arg, reply);
}

static void forget_first(struct redis *r, struct question *q) {
    CHECK(r->first == q);
    r->first = q->next;
    if (!r->first) r->last = &r->first;
    r->waiting--;
    if (r->state == REDIS_UP) watch_first(r);
}

static void watch_first(struct redis *r) {
    uint64_t now = clock_ms();
    if (!r->first)
        timer_clear(&r->timer);
    else
        timer_set(&r->timer, r->first->late_at_ms > now ? r->first->late_at_ms - now : 1);
}

static void on_disconnected(const redisAsyncContext *link, int status) {
    struct redis *r = link->data;
    if (!r || r->link != link) return;
    r->link = NULL; // hiredis frees it
    lose(r, status == REDIS_OK ? "it was closed" : link->errstr);
}

static void on_time(void *arg) {
    struct redis *r = arg;
    if (r->state == REDIS_AWAY)
        connect_now(r);
    else
        lose(r, "it does not answer in time");
}

static void lose(struct redis *r, const char *why) {
    r->state = REDIS_AWAY;
    timer_set(&r->timer, r->pause_ms);
    r->pause_ms = r->pause_ms * 2 < PAUSE_MOST_MS ? r->pause_ms * 2 : PAUSE_MOST_MS;
    char said[200]; // the words may be the link's
    snprintf(said, sizeof said, "%s", why);
    drop_link(r);
    r->conf.on_down(r->conf.arg, said);
}

// Questions are told, now or when hiredis returns from the callback that we are in.
static void drop_link(struct redis *r) {
    redisAsyncContext *link = r->link;
    r->link = NULL;
    if (link) redisAsyncFree(link);
}

// --- readiness, as hiredis asks for it ---

static void on_readable(evutil_socket_t fd, short what, void *arg) {
    struct readiness *ready = arg;
    (void)fd, (void)what;
    loop_begin_turn(ready->loop);
    redisAsyncHandleRead(ready->link);
}

static void on_writable(evutil_socket_t fd, short what, void *arg) {
    struct readiness *ready = arg;
    (void)fd, (void)what;
    loop_begin_turn(ready->loop);
    redisAsyncHandleWrite(ready->link);
}

static void add_read(void *arg) {
    event_add(&((struct readiness *)arg)->readable, NULL);
}

static void del_read(void *arg) {
    event_del(&((struct readiness *)arg)->readable);
}

static void add_write(void *arg) {
    event_add(&((struct readiness *)arg)->writable, NULL);
}

static void del_write(void *arg) {
    event_del(&((struct readiness *)arg)->writable);
}

static void clean_up(void *arg) {
    del_read(arg);
    del_write(arg);
    free(arg);
}

static void attach(struct redis *r, redisAsyncContext *link) {
    struct readiness *ready = calloc(1, sizeof *ready);
    struct event_base *base = loop_base(r->conf.loop);
    CHECK(ready);
    *ready = (struct readiness){.loop = r->conf.loop, .link = link};
    CHECK(event_assign(&ready->readable, base, link->c.fd, EV_READ | EV_PERSIST, on_readable,
                       ready) == 0);
    CHECK(event_assign(&ready->writable, base, link->c.fd, EV_WRITE | EV_PERSIST, on_writable,
                       ready) == 0);
    link->ev.data = ready;
    link->ev.addRead = add_read;
    link->ev.delRead = del_read;
    link->ev.addWrite = add_write;
    link->ev.delWrite = del_write;
    link->ev.cleanup = clean_up;
    add_write(ready); // connected, or not
}

// --- replies ---

bool redis_reply_is_error(const struct redisReply *reply) {
    return !reply || reply->type == REDIS_REPLY_ERROR;
}

struct slice redis_reply_text(const struct redisReply *reply) {
    bool has_text =
        reply && (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS ||
                  reply->type == REDIS_REPLY_ERROR);
    return has_text ? (struct slice){reply->str, reply->len} : (struct slice){NULL, 0};
}

long long redis_reply_integer(const struct redisReply *reply) {
    return reply && reply->type == REDIS_REPLY_INTEGER ? reply->integer : 0;
}

size_t redis_reply_count(const struct redisReply *reply) {
    return reply && reply->type == REDIS_REPLY_ARRAY ? reply->elements : 0;
}

const struct redisReply *redis_reply_at(const struct redisReply *reply, size_t i) {
    return i < redis_reply_count(reply) ? reply->element[i] : NULL;
}
