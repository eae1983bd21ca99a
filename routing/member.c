// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "routing/member.h"

#include "core/check.h"
#include "routing/address_text.h"
#include "routing/balance.h"

enum { ARENA_FIRST_BYTES = 512, ARENA_MAX_BYTES = 8192 };

struct member *member_new(struct slice text, uint32_t *in_flight, uint32_t *mine) {
    struct arena *a = arena_new(ARENA_FIRST_BYTES, ARENA_MAX_BYTES);
    struct member *m = arena_zalloc(a, sizeof *m);
    struct text why;
    text_init(&why, 1024);
    *m = (struct member){.refs = 1, .arena = a, .seed = balance_member_seed(text)};
    m->text = arena_string(a, text);
    m->is_good = member_parse(a, text, &m->endpoint, &m->is_tls, &why);
    m->in_flight = in_flight ? in_flight : &m->alone[0];
    m->mine = mine ? mine : &m->alone[1];
    text_fini(&why);
    return m;
}

struct member *member_ref(struct member *m) {
    m->refs++;
    return m;
}

void member_unref(struct member *m) {
    if (!m) return;
    CHECK(m->refs > 0);
    if (--m->refs == 0) arena_free(m->arena);
}

bool member_try_begin(struct member *m) {
    uint32_t most = m->entry.live.max_connections;
    if (most == 0) {
        member_begin(m);
        return true;
    }
    uint32_t now = member_in_flight(m);
    do {
        if (now >= most) return false;
    } while (!__atomic_compare_exchange_n(m->in_flight, &now, now + 1, false, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    (*m->mine)++;
    return true;
}
