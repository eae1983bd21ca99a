// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// One member that is looked after: when it is checked, what results and faults make of it, and what the log says.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/check.h"
#include "core/clock.h"
#include "core/log.h"
#include "server/health_parts.h"

static void restore(struct watched *w);
static bool is_checked(const struct watched *w);
static void plan_check(struct watched *w, bool is_first);
static void want_check(void *arg);
static void start_check(struct watched *w);
static void start_waiting(struct health *h);
static void stop_checking(struct watched *w);
static void on_checked(void *arg, bool is_good, const char *why);
static void say_verdict(struct watched *w, unsigned results);
static void eject(struct watched *w);
static bool may_return(const struct watched *w);
static void warm_up(struct watched *w);
static void on_turn(void *arg);
static void plan_turn(struct watched *w);
static void note_change(struct watched *w);
static uint32_t roll(struct health *h);
static const char *quoted_pool(const struct watched *w);

struct watched *watched_new(struct watched_pool *p, struct health *h, struct slice text,
                            const struct table_entry *e, bool is_new) {
    struct watched *w = calloc(1, sizeof *w);
    CHECK(w);
    *w = (struct watched){.health = h, .pool = p, .entry = *e};
    w->member = member_new(text, NULL, NULL);
    w->last_fault = FAULT_COUNT;
    timer_init(&w->next_check, h->conf.loop, want_check, w);
    timer_init(&w->next_turn, h->conf.loop, on_turn, w);
    for (int i = 0; i < FAULT_COUNT; i++)
        w->faults_seen[i] = table_faults(h->conf.table, e->slot, (enum table_fault)i);
    restore(w);
    if (is_new) warm_up(w);
    if (is_checked(w) && e->health == HEALTH_UNKNOWN)
        want_check(w);
    else if (is_checked(w))
        plan_check(w, true);
    plan_turn(w);
    note_change(w);
    return w;
}

void watched_free(struct watched *w) {
    if (!w) return;
    stop_checking(w);
    if (w->health->by_slot[w->entry.slot] == w) w->health->by_slot[w->entry.slot] = NULL;
    timer_fini(&w->next_check);
    timer_fini(&w->next_turn);
    member_unref(w->member);
    free(w);
}

// What was in force before this process came.
static void restore(struct watched *w) {
    const struct table_entry *e = &w->entry;
    uint64_t now_ms = clock_ms();
    time_t now = time(NULL);
    if (e->health == HEALTH_UP) w->check.verdict = VERDICT_UP;
    if (e->health == HEALTH_DOWN) w->check.verdict = VERDICT_DOWN;
    if (e->health == HEALTH_EJECTED) {
        uint64_t left_s = (time_t)e->until > now ? (uint64_t)((time_t)e->until - now) : 0;
        w->faults.until_ms = now_ms + left_s * 1000;
        w->faults.ejections = 1;
    }
    if (e->cold == 0) return;
    uint64_t warm_ms = (uint64_t)(COLD_MOST - e->cold) * w->pool->pool->slow_start_ms / COLD_MOST;
    w->warm_since_ms = now_ms > warm_ms ? now_ms - warm_ms : 1;
}

void watched_follow(struct watched *w, const struct table_entry *e) {
    enum table_wish before = (enum table_wish)w->entry.wish;
    w->entry = *e;
    if (e->wish == before) return;
    bool was_idle = before == WISH_DRAIN || before == WISH_MAINT;
    if (e->wish == WISH_MAINT) {
        stop_checking(w);
        w->check = (struct check_record){.verdict = VERDICT_NONE};
        w->faults = (struct fault_record){.ejections = w->faults.ejections};
    } else if (before == WISH_MAINT && is_checked(w)) {
        want_check(w);
    }
    if (was_idle && e->wish == WISH_READY) warm_up(w);
    plan_turn(w);
    note_change(w);
}

static bool is_same(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool asks_the_same(const struct check_conf *a, const struct check_conf *b) {
    return a->is_tcp == b->is_tcp && is_same(a->get, b->get) && is_same(a->host, b->host) &&
           is_same(a->body, b->body) && a->port == b->port &&
           memcmp(&a->statuses, &b->statuses, sizeof a->statuses) == 0;
}

// What another check says of it holds until the new one has spoken.
void watched_change_check(struct watched *w, const struct pool *old, const struct pool *new) {
    if (!new->passive.is_on && w->faults.until_ms) fault_record_readmit(&w->faults, clock_ms());
    if (new->slow_start_ms == 0) w->warm_since_ms = 0;
    if (!check_is_on(&new->check)) {
        stop_checking(w);
        w->check = (struct check_record){.verdict = VERDICT_NONE};
    } else if (!asks_the_same(&old->check, &new->check)) {
        stop_checking(w);
        w->check.is_old = true;
        if (is_checked(w)) want_check(w);
    } else if (old->check.every_ms != new->check.every_ms && timer_is_set(&w->next_check)) {
        plan_check(w, true);
    }
    plan_turn(w);
    note_change(w);
}

bool watched_is_wanted(const struct watched *w) {
    return w->entry.wish == WISH_READY && w->entry.live.weight > 0;
}

bool watched_is_out(const struct watched *w) {
    return w->faults.until_ms > 0 || w->check.verdict == VERDICT_DOWN;
}

struct pools_finding watched_finding(const struct watched *w) {
    static const enum table_health healths[] = {
        [VERDICT_NONE] = HEALTH_UNKNOWN, [VERDICT_UP] = HEALTH_UP, [VERDICT_DOWN] = HEALTH_DOWN};
    struct pools_finding f = {.slot = w->entry.slot, .health = (uint8_t)healths[w->check.verdict]};
    uint64_t now_ms = clock_ms();
    if (w->faults.until_ms) {
        uint64_t left_ms = w->faults.until_ms > now_ms ? w->faults.until_ms - now_ms : 0;
        f.health = HEALTH_EJECTED;
        f.until = w->entry.health == HEALTH_EJECTED ? w->entry.until
                                                    : (uint32_t)(time(NULL) + left_ms / 1000);
    }
    if (w->warm_since_ms)
        f.cold = cold_after(now_ms - w->warm_since_ms, w->pool->pool->slow_start_ms);
    return f;
}

static void note_change(struct watched *w) {
    struct pools_finding f = watched_finding(w);
    const struct table_entry *e = &w->entry;
    if (f.health == e->health && f.cold == e->cold && f.until == e->until) return;
    w->pool->has_findings = true;
    health_settle_later(w->health);
}

// --- checks ---

static bool is_checked(const struct watched *w) {
    return check_is_on(&w->pool->pool->check) && w->entry.wish != WISH_MAINT;
}

static void plan_check(struct watched *w, bool is_first) {
    timer_set(&w->next_check, check_wait_ms(&w->pool->pool->check, is_first, roll(w->health)));
}

static void want_check(void *arg) {
    struct watched *w = arg;
    struct health *h = w->health;
    timer_clear(&w->next_check);
    if (w->running || w->is_waiting) return;
    if (h->running_count < CHECKS_AT_ONCE) {
        start_check(w);
        return;
    }
    w->is_waiting = true;
    w->next_waiting = NULL;
    if (h->last_waiting)
        h->last_waiting->next_waiting = w;
    else
        h->first_waiting = w;
    h->last_waiting = w;
}

static void start_check(struct watched *w) {
    struct health *h = w->health;
    struct checkup_conf conf = {.loop = h->conf.loop,
                                .resolver = h->conf.resolver,
                                .generation = h->generation,
                                .pool = w->pool->pool,
                                .member = w->member,
                                .on_done = on_checked,
                                .arg = w};
    h->running_count++;
    w->running = checkup_start(&conf);
}

static void start_waiting(struct health *h) {
    while (h->first_waiting && h->running_count < CHECKS_AT_ONCE) {
        struct watched *w = h->first_waiting;
        h->first_waiting = w->next_waiting;
        if (!h->first_waiting) h->last_waiting = NULL;
        w->is_waiting = false;
        start_check(w);
    }
}

static void leave_queue(struct watched *w) {
    struct health *h = w->health;
    struct watched *before = NULL;
    if (!w->is_waiting) return;
    for (struct watched *i = h->first_waiting; i != w; i = i->next_waiting) before = i;
    if (before)
        before->next_waiting = w->next_waiting;
    else
        h->first_waiting = w->next_waiting;
    if (h->last_waiting == w) h->last_waiting = before;
    w->is_waiting = false;
}

static void stop_checking(struct watched *w) {
    timer_clear(&w->next_check);
    leave_queue(w);
    if (!w->running) return;
    checkup_cancel(w->running);
    w->running = NULL;
    w->health->running_count--;
}

static void on_checked(void *arg, bool is_good, const char *why) {
    struct watched *w = arg;
    struct health *h = w->health;
    bool is_first = w->checked_ms == 0;
    enum verdict before = w->check.verdict;
    unsigned results = w->check.against + 1;
    w->running = NULL;
    h->running_count--;
    w->checked_ms = clock_ms();
    snprintf(w->why, sizeof w->why, "%s", why);
    if (check_record_count(&w->check, &w->pool->pool->check, is_good)) {
        if (is_good && before == VERDICT_DOWN) warm_up(w);
        if (!is_good || before == VERDICT_DOWN) say_verdict(w, results);
    }
    if (w->faults.until_ms && w->faults.until_ms <= clock_ms() && may_return(w))
        watched_readmit(w, "its time is over and its check is good");
    plan_check(w, is_first);
    plan_turn(w);
    note_change(w);
    start_waiting(h);
}

// A cause of its own for each member and direction, so that one that flaps is said once in ten seconds.
static void say_verdict(struct watched *w, unsigned results) {
    char key[WHY_MAX];
    bool is_up = w->check.verdict == VERDICT_UP;
    snprintf(key, sizeof key, "%s %.40s %s", is_up ? "up" : "down", w->member->text, w->pool->name);
    long long for_s = (long long)time(NULL) - w->entry.since;
    if (is_up)
        log_repeated(
            LOG_LEVEL_WARN, key,
            "pool \"%s\": %s is up again after %u good check%s: %s (it was down for %lld s)",
            quoted_pool(w), w->member->text, results, results == 1 ? "" : "s", w->why, for_s);
    else
        log_repeated(LOG_LEVEL_WARN, key, "pool \"%s\": %s is down after %u failed check%s: %s",
                     quoted_pool(w), w->member->text, results, results == 1 ? "" : "s", w->why);
}

// --- faults ---

void watched_count_faults(struct watched *w) {
    const struct passive_conf *conf = &w->pool->pool->passive;
    uint32_t faults = 0;
    for (int i = 0; i < FAULT_COUNT; i++) {
        enum table_fault fault = (enum table_fault)i;
        uint32_t now = table_faults(w->health->conf.table, w->entry.slot, fault);
        if (now != w->faults_seen[i]) w->last_fault = fault;
        faults += now - w->faults_seen[i];
        w->faults_seen[i] = now;
    }
    // what began before it was ejected
    if (!conf->is_on || w->faults.until_ms || faults == 0 || !watched_is_wanted(w)) return;
    if (fault_record_count(&w->faults, conf, faults, clock_ms())) eject(w);
}

const char *watched_fault_text(const struct watched *w) {
    static const char *const FAULTS[] = {
        [FAULT_CONNECT] = "it could not be connected to",
        [FAULT_CUT] = "it ended the connection, or sent no HTTP, before its answer was whole",
        [FAULT_LATE] = "it did not answer in time",
        [FAULT_STATUS] = "it answered a status that counts",
        [FAULT_COUNT] = "by the control before this one",
    };
    return FAULTS[w->last_fault];
}

static void eject(struct watched *w) {
    const struct passive_conf *conf = &w->pool->pool->passive;
    size_t wanted = 0, out = 0;
    unsigned recent = fault_record_recent(&w->faults, conf, clock_ms());
    char key[WHY_MAX];
    for (size_t i = 0; i < w->pool->count; i++) {
        const struct watched *other = w->pool->members[i];
        wanted += watched_is_wanted(other);
        out += watched_is_wanted(other) && watched_is_out(other);
    }
    snprintf(key, sizeof key, "eject %.40s %s", w->member->text, w->pool->name);
    if (watched_is_out(w) || !may_eject(wanted, out)) {
        log_repeated(LOG_LEVEL_WARN, key,
                     "pool \"%s\": %s failed %u times, but stays: half of the pool is out already",
                     quoted_pool(w), w->member->text, recent);
        return;
    }
    fault_record_eject(&w->faults, conf, clock_ms());
    w->warm_since_ms = 0;
    log_repeated(LOG_LEVEL_WARN, key,
                 "pool \"%s\": %s is ejected for %llu ms (time %u) after %u failures: %s",
                 quoted_pool(w), w->member->text,
                 (unsigned long long)(w->faults.until_ms - clock_ms()), w->faults.ejections, recent,
                 watched_fault_text(w));
    plan_turn(w);
    note_change(w);
}

void watched_readmit(struct watched *w, const char *why) {
    char key[WHY_MAX];
    snprintf(key, sizeof key, "readmit %.40s %s", w->member->text, w->pool->name);
    fault_record_readmit(&w->faults, clock_ms());
    log_repeated(LOG_LEVEL_WARN, key, "pool \"%s\": %s is no longer ejected: %s", quoted_pool(w),
                 w->member->text, why);
    warm_up(w);
    plan_turn(w);
    note_change(w);
}

// Where there are checks, only a good one brings it back; one that they say is down is that, and no longer ejected.
static bool may_return(const struct watched *w) {
    return !is_checked(w) || w->check.verdict != VERDICT_UP || w->check.against == 0;
}

// --- time ---

static void warm_up(struct watched *w) {
    if (w->pool->pool->slow_start_ms > 0) w->warm_since_ms = clock_ms();
}

static void on_turn(void *arg) {
    struct watched *w = arg;
    if (w->faults.until_ms && w->faults.until_ms <= clock_ms() && may_return(w))
        watched_readmit(w, "its time is over");
    plan_turn(w);
    note_change(w);
}

static void plan_turn(struct watched *w) {
    uint64_t now_ms = clock_ms();
    timer_clear(&w->next_turn);
    if (w->warm_since_ms) {
        uint64_t wait_ms = cold_wait_ms(now_ms - w->warm_since_ms, w->pool->pool->slow_start_ms);
        if (wait_ms)
            timer_set(&w->next_turn, wait_ms);
        else
            w->warm_since_ms = 0;
    }
    // one whose time is over waits for a good check
    if (w->faults.until_ms > now_ms) timer_set(&w->next_turn, w->faults.until_ms - now_ms);
}

static uint32_t roll(struct health *h) {
    h->dice = h->dice * 1664525 + 1013904223;
    return h->dice >> 8;
}

static const char *quoted_pool(const struct watched *w) {
    return w->pool->pool->name;
}
