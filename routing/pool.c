// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/clock.h"
#include "routing/balance.h"
#include "routing/pauses.h"

static balance_fn *const balances[] = {
#define BALANCE(id, name, choose) [BALANCE_##id] = choose,
#include "routing/balances.def"
#undef BALANCE
};

static struct member *choose_among(struct pool *p, const struct route_answer *answer,
                                   const struct left_out *out, struct arena *a);
static struct member *find_named(const struct view *v, struct slice text);
static struct member *find_kept(const struct view *v, const struct route_answer *answer,
                                const struct left_out *out);
static struct candidates filter(const struct view *v, struct candidates all,
                                const struct left_out *out, struct arena *a);
static bool was_tried(const struct member *m, const struct left_out *out);
static bool is_avoided(const struct member *m, const struct left_out *out);

struct member *pool_choose(struct pool *p, const struct route_answer *answer,
                           const struct left_out *out, struct arena *a) {
    struct member *certain = pool_certain_member(p, answer, out);
    if (certain) return member_is_full(certain) ? NULL : certain;
    if (answer->fixed.at) return NULL;
    struct left_out tried = {out->tried, out->tried_count, 0};
    struct member *m = NULL;
    if (out->avoided_at_ms) m = choose_among(p, answer, out, a);
    return m ? m : choose_among(p, answer, &tried, a);
}

bool pool_has_no_place(struct pool *p, const struct route_answer *answer,
                       const struct left_out *out) {
    const struct view *v = pool_view(p);
    if (!v->has_limits) return false;
    if (pool_certain_member(p, answer, out)) return true;
    for (size_t i = 0; i < v->able_count && !answer->fixed.at; i++)
        if (!was_tried(v->able[i], out)) return true;
    return false;
}

struct member *pool_certain_member(struct pool *p, const struct route_answer *answer,
                                   const struct left_out *out) {
    if (!answer->fixed.at && !answer->clings_to) return NULL;
    const struct view *v = pool_view(p);
    struct member *m = answer->fixed.at ? find_named(v, answer->fixed) : find_kept(v, answer, out);
    return m && !was_tried(m, out) ? m : NULL;
}

bool pool_has_paused(const struct pool *p, const struct route_answer *answer) {
    return answer->key.at && p->shared &&
           pauses_has(p->table, p->shared, answer->key_hash, clock_ms());
}

bool member_is_full(const struct member *m) {
    unsigned most = m->entry.live.max_connections;
    return most > 0 && member_in_flight(m) >= most;
}

static struct member *find_named(const struct view *v, struct slice text) {
    struct member *m = view_find(v, text);
    bool is_able = m && member_is_wanted(m) && (member_is_up(m) || v->ignores_health);
    return is_able ? m : NULL;
}

static struct member *find_kept(const struct view *v, const struct route_answer *answer,
                                const struct left_out *out) {
    for (size_t i = 0; i < v->all_count; i++) {
        struct member *m = v->all[i];
        if (m->sticky == answer->clings_to)
            return view_keeps(v, m) && !is_avoided(m, out) ? m : NULL;
    }
    return NULL;
}

// Of the first tier that has anybody left. A hash pool without a key (a request without Host, a cookie that is missing) takes turns.
static struct member *choose_among(struct pool *p, const struct route_answer *answer,
                                   const struct left_out *out, struct arena *a) {
    const struct view *v = pool_view(p);
    bool has_no_key = p->balance == BALANCE_HASH && !answer->key.at;
    balance_fn *balance = balances[has_no_key ? BALANCE_ROUND_ROBIN : p->balance];
    size_t begin = 0;
    for (size_t tier = 0; tier < v->tier_count; tier++) {
        struct candidates all = {v->able + begin, v->tier_ends[tier] - begin};
        struct candidates left = filter(v, all, out, a);
        if (left.count > 0) return balance(p, left, answer->key_hash);
        begin = v->tier_ends[tier];
    }
    return NULL;
}

static struct candidates filter(const struct view *v, struct candidates all,
                                const struct left_out *out, struct arena *a) {
    if (out->tried_count == 0 && out->avoided_at_ms == 0 && !v->has_limits) return all;
    struct member **at = arena_alloc(a, all.count * sizeof(struct member *));
    struct candidates left = {at, 0};
    for (size_t i = 0; i < all.count; i++) {
        struct member *m = all.at[i];
        if (!was_tried(m, out) && !is_avoided(m, out) && !member_is_full(m)) at[left.count++] = m;
    }
    return left;
}

static bool was_tried(const struct member *m, const struct left_out *out) {
    for (unsigned i = 0; i < out->tried_count; i++)
        if (out->tried[i] == m) return true;
    return false;
}

static bool is_avoided(const struct member *m, const struct left_out *out) {
    return m->avoid_until_ms > out->avoided_at_ms && out->avoided_at_ms > 0;
}

bool is_less_busy(const struct member *a, const struct member *b) {
    return (uint64_t)member_in_flight(a) * b->weight < (uint64_t)member_in_flight(b) * a->weight;
}
