// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <stdlib.h>

#include "core/clock.h"
#include "routing/balance.h"
#include "routing/probe.h"
#include "routing/site.h"
#include "routing/template.h"

// `rsp explain`: who of a pool takes a request, who would be next, and why the others would not.

enum { ALSO_MAX = 5, NOT_MAX = 10 };

// A member as a candidate: in the order in which a key would go to them.
struct rank {
    const struct member *member;
    struct distance distance;
};
// What all candidates are measured by.
struct measure {
    const struct route_answer *answer;
    const struct view *view;
    unsigned tier;           // that is asked
    struct load_bound bound; // bound 0: none
    bool has_key;
};

static void explain_key(const struct rule *rule, const struct route_answer *answer,
                        struct text *out);
static void explain_state(const struct view *v, struct text *out);
static struct measure measure_of(const struct route_answer *answer,
                                 const struct probe_choice *choice, struct arena *a);
static void explain_choice(const struct measure *by, const struct probe_choice *choice,
                           struct text *out);
static void explain_also(const struct measure *by, const struct probe_choice *choice,
                         struct arena *a, struct text *out);
static void explain_not(const struct measure *by, const struct probe_choice *choice,
                        struct text *out);
static bool add_reason(const struct measure *by, const struct member *m, struct text *out);
static void add_health(const struct member *m, struct text *out);
static void add_score(const struct measure *by, const struct member *m, struct text *out);
static int by_distance(const void *a, const void *b);

void explain_pool(const struct probe *p, const struct rule *rule, const struct route_answer *answer,
                  struct text *out) {
    const struct pool *pool = answer->pool;
    const struct view *v = pool_view(answer->pool);
    struct slice balance = conf_choice(BALANCE_NAMES, (int)pool->balance);
    text_printf(out, "  pool     \"%s\" (%s:%d): %.*s of %zu", pool->name, pool->place.file,
                pool->place.line, SLICE_ARGS(balance), v->all_count);
    if (pool->bound) text_printf(out, ", bound %g", pool->bound / 1000.0);
    text_add_char(out, '\n');
    explain_key(rule, answer, out);
    explain_state(v, out);
    struct probe_choice choice = probe_choose(answer, p->arena);
    struct measure by = measure_of(answer, &choice, p->arena);
    explain_choice(&by, &choice, out);
    explain_also(&by, &choice, p->arena, out);
    explain_not(&by, &choice, out);
}

static void explain_key(const struct rule *rule, const struct route_answer *answer,
                        struct text *out) {
    const struct pool *pool = answer->pool;
    const struct key_template *key = rule->key ? rule->key : pool->key;
    if (answer->key.at)
        text_printf(out, "  key      %.*s (%s, hash %016llx)\n", SLICE_ARGS(answer->key),
                    rule->action == ACTION_ROUTE ? "from the function or the pool"
                                                 : template_text(key),
                    (unsigned long long)answer->key_hash);
    else if (pool->balance == BALANCE_HASH && !answer->fixed.at)
        text_add(out, SLICE("  key      none: members take turns\n"));
    if (pool_has_paused(pool, answer))
        text_add(out, SLICE("  paused   requests of this key wait\n"));
}

static void explain_state(const struct view *v, struct text *out) {
    size_t wanted = 0;
    for (size_t i = 0; i < v->all_count; i++) wanted += member_is_wanted(v->all[i]);
    if (v->ignores_health)
        text_printf(out, "  panic    %zu of %zu are up: health is ignored\n", v->up_count, wanted);
}

// The tier that the chosen one stands in; that of the first able member when there is none.
static struct measure measure_of(const struct route_answer *answer,
                                 const struct probe_choice *choice, struct arena *a) {
    const struct view *v = pool_view(answer->pool);
    struct measure by = {.answer = answer, .view = v};
    by.has_key = answer->pool->balance == BALANCE_HASH && answer->key.at;
    const struct member *first = choice->chosen;
    if (!first && v->able_count > 0) first = v->able[0];
    if (first) by.tier = first->entry.live.tier;
    if (!by.has_key || answer->pool->bound == 0) return by;
    struct member **at = arena_alloc(a, (v->able_count + 1) * sizeof *at);
    struct candidates asked = {at, 0};
    for (size_t i = 0; i < v->able_count; i++) {
        struct member *m = v->able[i];
        if (m->entry.live.tier == by.tier && !member_is_full(m)) at[asked.count++] = m;
    }
    if (asked.count > 0) by.bound = load_bound_of(answer->pool->bound, asked);
    return by;
}

static void explain_choice(const struct measure *by, const struct probe_choice *choice,
                           struct text *out) {
    const struct route_answer *answer = by->answer;
    const struct left_out none = {0};
    const struct member *certain = pool_certain_member(answer->pool, answer, &none);
    if (!choice->chosen) {
        bool is_full = pool_has_no_place(answer->pool, answer, &none);
        text_printf(out, "  backend  none: %s\n",
                    is_full ? "all are full, and the request waits" : "no member takes requests");
        return;
    }
    text_printf(out, "  backend  %s", choice->chosen->text);
    if (certain && answer->fixed.at)
        text_add(out, SLICE(" (named by the function)"));
    else if (certain)
        text_printf(out, " (by the cookie %s)", answer->pool->sticky.cookie);
    else
        add_score(by, choice->chosen, out);
    text_add_char(out, '\n');
    if (!choice->next) return;
    text_printf(out, "  then     %s", choice->next->text);
    add_score(by, choice->next, out);
    text_add_char(out, '\n');
}

// The rest of those who could take it.
static void explain_also(const struct measure *by, const struct probe_choice *choice,
                         struct arena *a, struct text *out) {
    const struct view *v = by->view;
    struct rank *ranks = arena_alloc(a, (v->all_count + 1) * sizeof *ranks);
    struct text unused;
    size_t count = 0;
    text_init(&unused, 256);
    for (size_t i = 0; i < v->all_count; i++) {
        const struct member *m = v->all[i];
        bool is_said = m == choice->chosen || m == choice->next;
        if (is_said || by->answer->fixed.at || add_reason(by, m, &unused)) continue;
        ranks[count++] = (struct rank){m, balance_distance(m, by->answer->key_hash)};
    }
    text_fini(&unused);
    if (by->has_key) qsort(ranks, count, sizeof *ranks, by_distance);
    for (size_t i = 0; i < count && i < ALSO_MAX; i++) {
        text_printf(out, "  also     %s", ranks[i].member->text);
        add_score(by, ranks[i].member, out);
        text_add_char(out, '\n');
    }
    if (count > ALSO_MAX) text_printf(out, "  also     %zu more\n", count - ALSO_MAX);
}

static void explain_not(const struct measure *by, const struct probe_choice *choice,
                        struct text *out) {
    size_t count = 0;
    struct text why;
    text_init(&why, 256);
    for (size_t i = 0; i < by->view->all_count; i++) {
        const struct member *m = by->view->all[i];
        text_clear(&why);
        if (m == choice->chosen || m == choice->next || !add_reason(by, m, &why)) continue;
        if (count++ < NOT_MAX) text_printf(out, "  not      %s: %s\n", m->text, text_string(&why));
    }
    if (count > NOT_MAX) text_printf(out, "  not      %zu more\n", count - NOT_MAX);
    text_fini(&why);
}

// Why a member does not take the request. False: it could.
static bool add_reason(const struct measure *by, const struct member *m, struct text *out) {
    const struct table_settings *s = &m->entry.live;
    bool is_low = by->bound.bound && s->tier == by->tier &&
                  member_in_flight(m) >= load_bound_most(&by->bound, m);
    if (!m->is_good)
        text_add(out, SLICE("its address cannot be read"));
    else if (m->entry.wish == WISH_DRAIN)
        text_add(out, SLICE("drained"));
    else if (m->entry.wish == WISH_MAINT)
        text_add(out, SLICE("in maintenance"));
    else if (m->weight == 0)
        text_add(out, SLICE("weight 0"));
    else if (!by->view->ignores_health && !member_is_up(m))
        add_health(m, out);
    else if (member_is_full(m))
        text_printf(out, "full (%u of %u in flight)", member_in_flight(m), s->max_connections);
    else if (is_low)
        text_printf(out, "above the bound (%u in flight, at most %llu)", member_in_flight(m),
                    (unsigned long long)load_bound_most(&by->bound, m));
    else if (s->tier > by->tier)
        text_printf(out, "priority %u", s->tier);
    else
        return false;
    return true;
}

static void add_health(const struct member *m, struct text *out) {
    int64_t now = (int64_t)clock_wall(), since = m->entry.since, until = m->entry.until;
    bool is_down = m->entry.health == HEALTH_DOWN;
    text_add(out, is_down ? SLICE("down") : SLICE("ejected"));
    if (is_down && since > 0 && since <= now)
        text_printf(out, " for %lld s", (long long)(now - since));
    if (!is_down && until > now) text_printf(out, " for %lld s more", (long long)(until - now));
}

static void add_score(const struct measure *by, const struct member *m, struct text *out) {
    text_add(out, SLICE(" ("));
    if (by->has_key) {
        struct distance d = balance_distance(m, by->answer->key_hash);
        text_printf(out, "distance %.4f", (double)d.at / 288230376151711744.0 / d.weight);
    }
    if (!by->has_key || by->bound.bound)
        text_printf(out, "%s%u in flight", by->has_key ? ", " : "", member_in_flight(m));
    text_printf(out, ", weight %u", m->entry.live.weight);
    if (m->entry.cold) text_printf(out, ", starting: %u %% of it", 100u - m->entry.cold);
    if (m->entry.live.tier) text_printf(out, ", priority %u", m->entry.live.tier);
    text_add(out, SLICE(")"));
}

static int by_distance(const void *a, const void *b) {
    const struct rank *x = a, *y = b;
    if (is_nearer(x->distance, y->distance)) return -1;
    return is_nearer(y->distance, x->distance) ? 1 : 0;
}
