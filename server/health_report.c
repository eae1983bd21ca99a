// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "server/health_parts.h"

static const struct watched *find(const struct health *h, struct slice pool, struct slice address);
static void add_check(const struct watched *w, struct text *out);
static void add_labels(const struct watched *w, struct text *out);
static void add_label(const char *value, struct text *out);

bool health_describe(const struct health *h, struct slice pool, struct slice address,
                     struct text *out) {
    static const char *const names[] = {[HEALTH_UNKNOWN] = "not checked yet",
                                        [HEALTH_UP] = "up",
                                        [HEALTH_DOWN] = "down",
                                        [HEALTH_EJECTED] = "ejected"};
    const struct watched *w = find(h, pool, address);
    if (!w) return false;
    struct pools_finding f = watched_finding(w);
    long long for_s = (long long)time(NULL) - w->entry.since;
    bool is_checked = check_is_on(&w->pool->pool->check);
    bool is_known = f.health != HEALTH_UNKNOWN;
    text_add(out, slice_of(is_known || is_checked ? names[f.health] : "taken for up"));
    text_printf(out, " for %lld s", for_s > 0 && w->entry.since ? for_s : 0);
    if (f.health == HEALTH_EJECTED)
        text_printf(out, ", for at least %llu s more (time %u)",
                    (unsigned long long)(w->faults.until_ms > clock_ms()
                                             ? (w->faults.until_ms - clock_ms() + 999) / 1000
                                             : 0),
                    w->faults.ejections);
    if (f.cold) text_printf(out, ", with %d %% of its weight", 100 - f.cold);
    if (is_checked) add_check(w, out);
    return true;
}

static void add_check(const struct watched *w, struct text *out) {
    const struct check_conf *c = &w->pool->pool->check;
    uint64_t now_ms = clock_ms();
    if (w->entry.wish == WISH_MAINT) {
        text_add(out, SLICE("; in maintenance, so not checked"));
        return;
    }
    if (w->checked_ms)
        text_printf(out, "; %s, %llu s ago", w->why,
                    (unsigned long long)(now_ms - w->checked_ms) / 1000);
    if (w->check.against)
        text_printf(out, " (%u of %u)", w->check.against,
                    w->check.verdict == VERDICT_DOWN ? c->rise : c->fall);
    if (timer_is_set(&w->next_check))
        text_printf(out, "; next check in %llu s",
                    (unsigned long long)(w->next_check.deadline_ms > now_ms
                                             ? (w->next_check.deadline_ms - now_ms + 999) / 1000
                                             : 0));
    else
        text_add(out, SLICE("; a check is under way"));
}

static const struct watched *find(const struct health *h, struct slice pool, struct slice address) {
    for (size_t i = 0; i < h->pool_count; i++) {
        const struct watched_pool *p = h->pools[i];
        if (!slice_equals(slice_of(p->name), pool)) continue;
        for (size_t k = 0; k < p->count; k++)
            if (slice_equals(slice_of(p->members[k]->member->text), address)) return p->members[k];
    }
    return NULL;
}

// --- metrics ---

void health_write_metrics(const struct health *h, struct text *out) {
    size_t left = METRIC_MEMBERS_MAX;
    if (h->pool_count == 0) return;
    text_add(out, SLICE("# HELP rsp_member_up may this member take requests, by its health\n"
                        "# TYPE rsp_member_up gauge\n"));
    for (size_t i = 0; i < h->pool_count; i++) {
        const struct watched_pool *p = h->pools[i];
        for (size_t k = 0; k < p->count && left > 0; k++, left--) {
            text_add(out, SLICE("rsp_member_up"));
            add_labels(p->members[k], out);
            text_printf(out, " %d\n", !watched_is_out(p->members[k]));
        }
    }
}

static void add_labels(const struct watched *w, struct text *out) {
    text_add(out, SLICE("{pool=\""));
    add_label(w->pool->pool->name, out);
    text_add(out, SLICE("\",member=\""));
    add_label(w->member->text, out);
    text_add(out, SLICE("\"}"));
}

static void add_label(const char *value, struct text *out) {
    for (; *value; value++) {
        if (*value == '"' || *value == '\\') text_add_char(out, '\\');
        if (*value == '\n')
            text_add(out, SLICE("\\n"));
        else
            text_add_char(out, *value);
    }
}
