// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "routing/balance.h"

static balance_fn *const balances[] = {
#define BALANCE(id, name, choose) [BALANCE_##id] = choose,
#include "routing/balances.def"
#undef BALANCE
};

static struct member *choose_among(struct pool *p, const struct route_answer *answer,
                                   const struct left_out *out, struct arena *a);
static struct candidates filter(struct candidates all, const struct left_out *out, struct arena *a);
static bool is_left_out(const struct member *m, const struct left_out *out);
static struct member *choose_fixed(const struct view *v, struct slice text,
                                   const struct left_out *out);

struct member *pool_choose(struct pool *p, const struct route_answer *answer,
                           const struct left_out *out, struct arena *a) {
    if (answer->fixed.at) return choose_fixed(pool_view(p), answer->fixed, out);
    struct left_out tried = {out->tried, out->tried_count, 0};
    struct member *m = NULL;
    if (out->avoided_at_ms) m = choose_among(p, answer, out, a);
    return m ? m : choose_among(p, answer, &tried, a);
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
        struct candidates left = filter(all, out, a);
        if (left.count > 0) return balance(p, left, answer->key_hash);
        begin = v->tier_ends[tier];
    }
    return NULL;
}

static struct candidates filter(struct candidates all, const struct left_out *out,
                                struct arena *a) {
    if (out->tried_count == 0 && out->avoided_at_ms == 0) return all;
    struct member **at = arena_alloc(a, all.count * sizeof(struct member *));
    struct candidates left = {at, 0};
    for (size_t i = 0; i < all.count; i++)
        if (!is_left_out(all.at[i], out)) at[left.count++] = all.at[i];
    return left;
}

static bool is_left_out(const struct member *m, const struct left_out *out) {
    for (unsigned i = 0; i < out->tried_count; i++)
        if (out->tried[i] == m) return true;
    return m->avoid_until_ms > out->avoided_at_ms && out->avoided_at_ms > 0;
}

static struct member *choose_fixed(const struct view *v, struct slice text,
                                   const struct left_out *out) {
    struct member *m = view_find(v, text);
    bool is_able = false;
    for (size_t i = 0; m && i < v->able_count; i++) is_able |= v->able[i] == m;
    struct left_out tried = {out->tried, out->tried_count, 0};
    return is_able && !is_left_out(m, &tried) ? m : NULL;
}

bool is_less_busy(const struct member *a, const struct member *b) {
    return (uint64_t)member_in_flight(a) * b->weight < (uint64_t)member_in_flight(b) * a->weight;
}
