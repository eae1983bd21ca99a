// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// What an attempt says of its member, for a pool that ejects members which fail requests.
#include "http/exchange_parts.h"

static void count(const struct exchange *x, enum table_fault fault);
static bool is_members(enum fail f);
static enum table_fault fault_of(enum fail f);

void note_failed_attempt(const struct exchange *x) {
    if (x->member && is_members(x->fail)) count(x, fault_of(x->fail));
}

void note_answered(const struct exchange *x) {
    if (!x->backend || !x->answer.pool->passive.is_on) return;
    if (statuses_has(&x->answer.pool->passive.statuses, x->response.status)) count(x, FAULT_STATUS);
}

static void count(const struct exchange *x, enum table_fault fault) {
    const struct pool *p = x->answer.pool;
    const struct service_conf *conf = &x->service->conf;
    if (!p->passive.is_on || !p->shared) return;
    if (table_note_fault(p->table, x->member->entry.slot, fault) && conf->on_fault)
        conf->on_fault(conf->on_fault_arg);
}

// A connection that was idle and turns out to be closed says nothing: that is any keep-alive's end.
static bool is_members(enum fail f) {
    return fail_row(f)->blame == BLAME_BACKEND && f != FAIL_NO_BACKEND && f != FAIL_BACKEND_STALE;
}

static enum table_fault fault_of(enum fail f) {
    if (fail_row(f)->retry == RETRY_UNSENT) return FAULT_CONNECT;
    return f == FAIL_BACKEND_TIMEOUT || f == FAIL_ANSWER_STALLED ? FAULT_LATE : FAULT_CUT;
}
