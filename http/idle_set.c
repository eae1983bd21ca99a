// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "http/idle_set.h"

#include <stdlib.h>

#include "core/check.h"
#include "core/clock.h"

enum { BUCKETS = 1024, SWEEP_MS = 1000 };

// The idle connections of one key, the one used last first.
struct idle_list {
    struct idle_key key; // its strings are copies
    unsigned count;
    struct backend_conn *newest, *oldest;
    struct idle_list *next;
};

struct idle_set {
    struct timer sweep;
    unsigned count;
    struct idle_list *buckets[BUCKETS];
};

static struct idle_list *find_list(struct idle_set *set, const struct idle_key *key);
static struct idle_list *add_list(struct idle_set *set, const struct idle_key *key);
static bool same_key(const struct idle_key *a, const struct idle_key *b);
static void take_out(struct idle_set *set, struct backend_conn *c);
static void close_conn(struct idle_set *set, struct backend_conn *c);
static void on_idle_wake(void *arg);
static void sweep(void *arg);
static void sweep_bucket(struct idle_set *set, struct idle_list **place, uint64_t now_ms);
static void free_list(struct idle_list *list);

struct idle_set *idle_set_new(struct loop *loop) {
    struct idle_set *set = calloc(1, sizeof(*set));
    CHECK(set);
    timer_init(&set->sweep, loop, sweep, set);
    return set;
}

void idle_set_free(struct idle_set *set) {
    if (!set) return;
    idle_set_close_all(set);
    sweep(set);
    timer_fini(&set->sweep);
    free(set);
}

void idle_set_close_all(struct idle_set *set) {
    for (unsigned i = 0; i < BUCKETS; i++)
        for (struct idle_list *list = set->buckets[i]; list; list = list->next)
            while (list->newest) close_conn(set, list->newest);
}

unsigned idle_set_count(const struct idle_set *set) {
    return set->count;
}

struct backend_conn *idle_set_take(struct idle_set *set, const struct idle_key *key) {
    struct idle_list *list = find_list(set, key);
    while (list && list->newest) {
        struct backend_conn *c = list->newest;
        take_out(set, c);
        if (stream_end(c->stream) == STREAM_OPEN && stream_input_len(c->stream) == 0) return c;
        backend_conn_close(c);
    }
    return NULL;
}

void idle_set_put(struct idle_set *set, const struct idle_key *key, struct backend_conn *c,
                  unsigned keep_ms, unsigned max_idle) {
    if (keep_ms == 0 || max_idle == 0) {
        backend_conn_close(c);
        return;
    }
    struct idle_list *list = find_list(set, key);
    if (!list) list = add_list(set, key);
    if (list->count >= max_idle) close_conn(set, list->oldest);
    c->set = set;
    c->list = list;
    c->idle_until_ms = clock_ms() + keep_ms;
    c->newer = NULL;
    c->older = list->newest;
    if (list->newest) list->newest->newer = c;
    list->newest = c;
    if (!list->oldest) list->oldest = c;
    list->count++;
    set->count++;
    stream_set_owner(c->stream, on_idle_wake, c);
    if (!timer_is_set(&set->sweep)) timer_set(&set->sweep, SWEEP_MS);
}

static struct idle_list *find_list(struct idle_set *set, const struct idle_key *key) {
    struct idle_list *list = set->buckets[key->hash % BUCKETS];
    while (list && !same_key(&list->key, key)) list = list->next;
    return list;
}

static struct idle_list *add_list(struct idle_set *set, const struct idle_key *key) {
    struct idle_list *list = calloc(1, sizeof(*list));
    CHECK(list);
    list->key = *key;
    list->key.text = strdup(key->text);
    list->key.pool = strdup(key->pool);
    CHECK(list->key.text && list->key.pool);
    list->next = set->buckets[key->hash % BUCKETS];
    set->buckets[key->hash % BUCKETS] = list;
    return list;
}

static bool same_key(const struct idle_key *a, const struct idle_key *b) {
    return a->hash == b->hash && a->generation == b->generation && strcmp(a->text, b->text) == 0 &&
           strcmp(a->pool, b->pool) == 0;
}

static void take_out(struct idle_set *set, struct backend_conn *c) {
    struct idle_list *list = c->list;
    *(c->newer ? &c->newer->older : &list->newest) = c->older;
    *(c->older ? &c->older->newer : &list->oldest) = c->newer;
    list->count--;
    set->count--;
    c->list = NULL, c->newer = NULL, c->older = NULL;
}

static void close_conn(struct idle_set *set, struct backend_conn *c) {
    take_out(set, c);
    backend_conn_close(c);
}

// Whatever wakes an idle connection (a byte, the end) makes it useless.
static void on_idle_wake(void *arg) {
    struct backend_conn *c = arg;
    if (stream_end(c->stream) != STREAM_OPEN || stream_input_len(c->stream) > 0)
        close_conn(c->set, c);
}

static void sweep(void *arg) {
    struct idle_set *set = arg;
    for (unsigned i = 0; i < BUCKETS; i++) sweep_bucket(set, &set->buckets[i], clock_ms());
    if (set->count > 0) timer_set(&set->sweep, SWEEP_MS);
}

// Connections of one list may have different times: each is looked at. A list that is empty goes.
static void sweep_bucket(struct idle_set *set, struct idle_list **place, uint64_t now_ms) {
    while (*place) {
        struct idle_list *list = *place;
        struct backend_conn *c = list->oldest;
        while (c) {
            struct backend_conn *newer = c->newer;
            if (c->idle_until_ms <= now_ms) close_conn(set, c);
            c = newer;
        }
        if (list->count > 0) {
            place = &list->next;
            continue;
        }
        *place = list->next;
        free_list(list);
    }
}

static void free_list(struct idle_list *list) {
    free((char *)list->key.text);
    free((char *)list->key.pool);
    free(list);
}
