// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/redis_link.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/check.h"

enum { WHY_MAX = 200, BYTES_OF_ELEMENT = 64, LINE_MOST = 64 << 10, LENGTH_MOST = 32 };

struct redis_link {
    struct redis_link_conf conf;
    redisContext *hiredis;
    struct event readable, writable;
    enum { LINK_CONNECTING, LINK_OPEN, LINK_CLOSED } state;
    bool is_calling; // the owner: what it closes meanwhile is freed afterwards
    // What makes the parts of a reply: hiredis' own functions, behind the bounds.
    redisReplyObjectFunctions makes, plain;
    size_t elements, bytes; // of the reply in the making
    bool is_too_large;
};

static redisContext *connect_to(const struct address *a);
static void bound_reader(struct redis_link *l);
static void *make_array(const redisReadTask *task, int count);
static void *make_text(const redisReadTask *task, char *at, size_t len);
static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);
static void hand_over(struct redis_link *l);
static bool is_endless(const redisReader *reader, size_t most_bytes);
static void end_reading(struct redis_link *l);
static void open_up(struct redis_link *l);
static void end(struct redis_link *l, const char *why, bool is_strange);
static void free_link(struct redis_link *l);

struct redis_link *redis_link_open(const struct redis_link_conf *conf, char why[200]) {
    redisContext *hiredis = connect_to(conf->address);
    if (!hiredis || hiredis->err) {
        snprintf(why, WHY_MAX, "%s", hiredis ? hiredis->errstr : "out of memory");
        if (hiredis) redisFree(hiredis);
        return NULL;
    }
    struct redis_link *l = calloc(1, sizeof *l);
    struct event_base *base = loop_base(conf->loop);
    CHECK(l);
    *l = (struct redis_link){.conf = *conf, .hiredis = hiredis};
    l->conf.address = NULL;
    bound_reader(l);
    CHECK(event_assign(&l->readable, base, hiredis->fd, EV_READ | EV_PERSIST, on_readable, l) == 0);
    CHECK(event_assign(&l->writable, base, hiredis->fd, EV_WRITE | EV_PERSIST, on_writable, l) ==
          0);
    event_add(&l->writable, NULL); // connected, or not
    return l;
}

static redisContext *connect_to(const struct address *a) {
    char ip[ADDRESS_TEXT_MAX];
    if (a->any.sa_family == AF_UNIX) return redisConnectUnixNonBlock(a->local.sun_path);
    return redisConnectNonBlock(address_format_ip(a, ip), address_port(a));
}

void redis_link_close(struct redis_link *l) {
    if (!l) return;
    l->state = LINK_CLOSED;
    if (!l->is_calling) free_link(l);
}

static void free_link(struct redis_link *l) {
    event_del(&l->readable);
    event_del(&l->writable);
    redisFree(l->hiredis);
    free(l);
}

bool redis_link_send(struct redis_link *l, const struct slice *words, size_t count) {
    const char **at = calloc(count + 1, sizeof *at);
    size_t *len = calloc(count + 1, sizeof *len);
    CHECK(at && len);
    for (size_t i = 0; i < count; i++)
        at[i] = words[i].at ? words[i].at : "", len[i] = words[i].len;
    bool is_taken = redisAppendCommandArgv(l->hiredis, (int)count, at, len) == REDIS_OK;
    free(at);
    free(len);
    if (is_taken) event_add(&l->writable, NULL);
    return is_taken;
}

// --- bounds ---

static void bound_reader(struct redis_link *l) {
    redisReader *reader = l->hiredis->reader;
    l->plain = l->makes = *reader->fn;
    l->makes.createArray = make_array;
    l->makes.createString = make_text;
    reader->fn = &l->makes;
    reader->privdata = l;
}

// Before hiredis takes the memory for them: an array may say that it has two thousand million elements.
static void *make_array(const redisReadTask *task, int count) {
    struct redis_link *l = task->privdata;
    size_t most = l->conf.most_bytes / BYTES_OF_ELEMENT;
    l->is_too_large |= count < 0 || (size_t)count > most - l->elements;
    if (l->is_too_large) return NULL;
    l->elements += (size_t)count;
    return l->plain.createArray(task, count);
}

static void *make_text(const redisReadTask *task, char *at, size_t len) {
    struct redis_link *l = task->privdata;
    l->is_too_large |= len > l->conf.most_bytes - l->bytes;
    if (l->is_too_large) return NULL;
    l->bytes += len;
    return l->plain.createString(task, at, len);
}

// --- readiness ---

static void on_readable(evutil_socket_t fd, short what, void *arg) {
    struct redis_link *l = arg;
    (void)fd, (void)what;
    loop_begin_turn(l->conf.loop);
    l->is_calling = true;
    if (redisBufferRead(l->hiredis) == REDIS_OK)
        hand_over(l);
    else
        end(l, l->hiredis->err == REDIS_ERR_EOF ? "it was closed" : l->hiredis->errstr, false);
    l->is_calling = false;
    if (l->state == LINK_CLOSED) free_link(l);
}

static void hand_over(struct redis_link *l) {
    void *reply = NULL;
    while (l->state == LINK_OPEN) {
        if (redisGetReplyFromReader(l->hiredis, &reply) != REDIS_OK) {
            end_reading(l);
            return;
        }
        if (!reply) break;
        l->elements = l->bytes = 0;
        l->conf.on_reply(l->conf.arg, reply);
        freeReplyObject(reply);
    }
    // What has no end yet waits in the reader.
    l->is_too_large |= is_endless(l->hiredis->reader, l->conf.most_bytes);
    if (l->state == LINK_OPEN && l->is_too_large) end_reading(l);
}

// Only the text after a length ("$5", a line) may be long: hiredis looks for the end of a line anew with each piece that comes.
static bool is_endless(const redisReader *reader, size_t most_bytes) {
    const char *at = reader->buf + reader->pos;
    size_t len = reader->len - reader->pos;
    bool is_text = len > LENGTH_MOST && at[0] == '$' && memchr(at, '\n', LENGTH_MOST);
    return len > (is_text ? most_bytes : LINE_MOST);
}

static void end_reading(struct redis_link *l) {
    char why[WHY_MAX];
    if (l->is_too_large)
        snprintf(why, sizeof why, "a reply is larger than %zu KiB, or has more than %zu elements",
                 l->conf.most_bytes >> 10, l->conf.most_bytes / BYTES_OF_ELEMENT);
    else
        snprintf(why, sizeof why, "it is no Redis server: %s", l->hiredis->errstr);
    end(l, why, true);
}

static void on_writable(evutil_socket_t fd, short what, void *arg) {
    struct redis_link *l = arg;
    int is_done = 0;
    (void)fd, (void)what;
    loop_begin_turn(l->conf.loop);
    l->is_calling = true;
    if (l->state == LINK_CONNECTING) open_up(l);
    if (l->state == LINK_OPEN && redisBufferWrite(l->hiredis, &is_done) != REDIS_OK)
        end(l, l->hiredis->errstr, false);
    l->is_calling = false;
    if (l->state == LINK_CLOSED)
        free_link(l);
    else if (is_done)
        event_del(&l->writable);
}

static void open_up(struct redis_link *l) {
    int error = 0;
    socklen_t len = sizeof error;
    getsockopt(l->hiredis->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error != 0) {
        end(l, strerror(error), false);
        return;
    }
    l->state = LINK_OPEN;
    event_add(&l->readable, NULL);
    l->conf.on_open(l->conf.arg);
}

static void end(struct redis_link *l, const char *why, bool is_strange) {
    char said[WHY_MAX]; // the words may be hiredis'
    snprintf(said, sizeof said, "%s", why);
    l->state = LINK_CLOSED;
    l->conf.on_end(l->conf.arg, said, is_strange);
}
