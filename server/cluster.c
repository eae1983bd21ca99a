// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/cluster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/check.h"
#include "core/clock.h"
#include "core/log.h"
#include "server/cluster_parts.h"
#include "server/pools.h"

enum { ANSWER_MS = 3000, SYNC_MS = 10000, LIST_MS = 2000, EXPIRY_MS = 1000, AGAIN_MS = 1000 };

static bool is_same_text(const char *a, const char *b);
static void on_edit(void *arg);
static bool is_up(const struct cluster *c);
static unsigned long long seconds_since(uint64_t ms);
static void connect_anew(struct cluster *c, const struct cluster_conf *conf);
static void disconnect(struct cluster *c);
static void take_pools(struct cluster *c, const struct config *config);
static struct shared_pool *pool_named(struct cluster *c, const char *name);
static void on_up(void *arg);
static void on_down(void *arg, const char *why);
static void on_message(void *arg, struct slice message);
static void sync_all(void *arg);
static void compare_all(void *arg);

struct cluster *cluster_new(struct loop *loop, struct pools *pools) {
    struct cluster *c = calloc(1, sizeof *c);
    CHECK(c);
    *c = (struct cluster){.loop = loop, .pools = pools, .id = cluster_new_number()};
    timer_init(&c->sync, loop, sync_all, c);
    task_init(&c->compare, compare_all, c);
    pools_watch(pools, on_edit, c);
    return c;
}

void cluster_free(struct cluster *c) {
    if (!c) return;
    pools_unwatch(c->pools, c);
    disconnect(c);
    for (size_t i = 0; i < c->count; i++) shared_pool_free(c->at[i]);
    free(c->at);
    loop_remove_task(c->loop, &c->compare);
    timer_fini(&c->sync);
    free(c);
}

uint64_t cluster_new_number(void) {
    uint64_t number = 0;
    while (number == 0) CHECK(getrandom(&number, sizeof number, 0) == sizeof number);
    return number;
}

void cluster_follow(struct cluster *c, const struct config *config) {
    const struct cluster_conf *conf = &config->cluster;
    bool is_same = c->asks && is_same_text(c->address, conf->redis) &&
                   is_same_text(c->prefix, conf->prefix) &&
                   is_same_text(c->password, conf->password);
    if (!is_same) disconnect(c);
    take_pools(c, conf->redis ? config : NULL);
    c->expires = conf->stale == STALE_EXPIRE;
    if (!is_same && conf->redis) connect_anew(c, conf);
    if (is_same) sync_all(c);
}

static bool is_same_text(const char *a, const char *b) {
    return a && b ? strcmp(a, b) == 0 : a == b;
}

// Called from within the edit.
static void on_edit(void *arg) {
    struct cluster *c = arg;
    if (c->asks) loop_add_task(c->loop, &c->compare);
}

void cluster_write_status(const struct cluster *c, struct text *out) {
    if (!c->asks) return;
    text_add(out, SLICE(" \"cluster\": {\"redis\": "));
    text_add_json(out, slice_of(c->address));
    text_printf(out,
                ", \"is_up\": %s, \"since_s\": %llu, \"heard_s\": ", is_up(c) ? "true" : "false",
                seconds_since(c->changed_ms));
    if (c->told_ms)
        text_printf(out, "%llu},\n", seconds_since(c->told_ms));
    else
        text_add(out, SLICE("null},\n"));
}

void cluster_write_metrics(const struct cluster *c, struct text *out) {
    if (!c->asks) return;
    text_printf(out,
                "# HELP rsp_cluster_up whether the Redis server of the cluster is there\n"
                "# TYPE rsp_cluster_up gauge\nrsp_cluster_up %d\n",
                is_up(c));
    if (c->told_ms)
        text_printf(out,
                    "# HELP rsp_cluster_heard_seconds since the Redis server last said anything\n"
                    "# TYPE rsp_cluster_heard_seconds gauge\nrsp_cluster_heard_seconds %llu\n",
                    seconds_since(c->told_ms));
}

static bool is_up(const struct cluster *c) {
    return redis_is_up(c->asks) && redis_is_up(c->hears);
}

static unsigned long long seconds_since(uint64_t ms) {
    return (clock_ms() - ms) / 1000;
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
    c->address = strdup(conf->redis);
    c->password = conf->password ? strdup(conf->password) : NULL;
    c->prefix = strdup(conf->prefix);
    CHECK(c->address && c->prefix && asprintf(&c->channel, "%schanges", conf->prefix) >= 0);
    c->changed_ms = clock_ms();
    c->asks = redis_new(&redis);
    redis.subscribes = slice_of(c->channel);
    c->hears = redis_new(&redis);
    timer_set(&c->sync, SYNC_MS);
}

static void disconnect(struct cluster *c) {
    redis_free(c->asks);
    redis_free(c->hears);
    free(c->address);
    free(c->password);
    free(c->prefix);
    free(c->channel);
    c->asks = c->hears = NULL;
    c->address = c->password = c->prefix = c->channel = NULL;
    timer_clear(&c->sync);
    for (size_t i = 0; i < c->count; i++) shared_pool_forget(c->at[i]);
}

// Those that the route file has no more stay known: a question may be under way for them.
static void take_pools(struct cluster *c, const struct config *config) {
    for (size_t i = 0; i < c->count; i++) c->at[i]->pool = NULL;
    for (size_t i = 0; config && i < config->pool_count; i++)
        if (config->pools[i]->is_live)
            shared_pool_follow(pool_named(c, config->pools[i]->name), config->pools[i]);
}

static struct shared_pool *pool_named(struct cluster *c, const char *name) {
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->at[i]->name, name) == 0) return c->at[i];
    c->at = realloc(c->at, (c->count + 1) * sizeof(struct shared_pool *));
    CHECK(c->at);
    return c->at[c->count++] = shared_pool_new(c, name);
}

static void on_up(void *arg) {
    struct cluster *c = arg;
    if (!is_up(c)) return;
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
        if (slice_equals(message, slice_of(c->at[i]->name))) shared_pool_ask(c->at[i]);
}

// Also by the clock: a message may have been lost, and members may be due.
static void sync_all(void *arg) {
    struct cluster *c = arg;
    for (size_t i = 0; i < c->count; i++) {
        shared_pool_ask(c->at[i]);
        if (!redis_is_up(c->asks) && c->expires) shared_pool_expire(c->at[i]);
    }
    cluster_set_sync(c);
}

// Of hipache's lists nobody tells when they change.
void cluster_set_sync(struct cluster *c) {
    unsigned wait_ms = SYNC_MS;
    for (size_t i = 0; i < c->count; i++) {
        const struct shared_pool *p = c->at[i];
        if (p->pool && p->pool->hipache && wait_ms > LIST_MS) wait_ms = LIST_MS;
        if (p->is_refused) wait_ms = AGAIN_MS;
        for (size_t k = 0; k < p->base.count; k++)
            if (p->base.at[k].until_s != 0) wait_ms = EXPIRY_MS;
    }
    timer_set(&c->sync, wait_ms);
}

static void compare_all(void *arg) {
    struct cluster *c = arg;
    for (size_t i = 0; i < c->count; i++)
        if (shared_pool_is_edited(c->at[i])) shared_pool_ask(c->at[i]);
}
