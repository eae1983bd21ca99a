// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/clock.h"
#include "server/health_parts.h"

static void begin_part(struct text *out);
static void add_check(const struct watched *w, struct text *out);
static unsigned long long seconds_until(uint64_t at_ms);
static void add_labels(const struct watched *w, struct text *out);
static void add_label(const char *value, struct text *out);

bool health_describe(const struct health *h, uint32_t slot, struct text *out) {
    const struct watched *w = h->by_slot[slot % TABLE_SLOTS_MAX];
    size_t before = out->len;
    if (!w) return false;
    struct pools_finding f = watched_finding(w);
    if (f.health == HEALTH_EJECTED)
        text_printf(out, "ejected for %llu s more (time %u): %s", seconds_until(w->faults.until_ms),
                    w->faults.ejections, watched_fault_text(w));
    if (f.cold > 0) {
        begin_part(out);
        text_printf(out, "with %d %% of its weight", 100 - f.cold);
    }
    if (check_is_on(&w->pool->pool->check) && w->entry.wish != WISH_MAINT) add_check(w, out);
    return out->len > before;
}

static void begin_part(struct text *out) {
    if (out->len > 0) text_add(out, SLICE("; "));
}

static void add_check(const struct watched *w, struct text *out) {
    const struct check_conf *c = &w->pool->pool->check;
    bool is_down = w->check.verdict == VERDICT_DOWN;
    begin_part(out);
    if (w->checked_ms) {
        text_printf(out, "%s, %llu s ago", w->why,
                    (unsigned long long)(clock_ms() - w->checked_ms) / 1000);
        if (w->check.against)
            text_printf(out, " (%u of %u)", w->check.against, is_down ? c->rise : c->fall);
        begin_part(out);
    }
    if (timer_is_set(&w->next_check))
        text_printf(out, "next check in %llu s", seconds_until(w->next_check.deadline_ms));
    else
        text_add(out, SLICE("a check is under way"));
}

static unsigned long long seconds_until(uint64_t at_ms) {
    uint64_t now_ms = clock_ms();
    return at_ms > now_ms ? (at_ms - now_ms + 999) / 1000 : 0;
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
