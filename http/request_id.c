// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "http/exchange_parts.h"

// An id that a trusted client gives its request is taken over up to this length.
enum { GIVEN_MAX = 128, ID_LEN = 24 };

static bool find_given_id(const struct exchange *x, struct slice *id);
static struct slice make_id(struct exchange *x);

void name_request(struct exchange *x) {
    if (!find_given_id(x, &x->request_id)) x->request_id = make_id(x);
}

static bool find_given_id(const struct exchange *x, struct slice *id) {
    if (!x->at.head_read || !x->who->is_trusted) return false;
    const struct field *given = fields_find(&x->request.fields, FIELD_X_REQUEST_ID);
    if (!given || given->value.len > GIVEN_MAX || !is_token(given->value)) return false;
    *id = given->value;
    return true;
}

static struct slice make_id(struct exchange *x) {
    static const char hex[] = "0123456789abcdef";
    struct service *s = x->service;
    uint64_t low =
        s->id_prefix + s->id_next++ * 0x9e3779b97f4a7c15u; // steps through all numbers once
    uint64_t high = s->id_prefix >> 32 ^ s->conf.worker;
    char *id = arena_alloc(x->arena, ID_LEN);
    for (int i = 0; i < 8; i++) id[i] = hex[high >> (28 - 4 * i) & 15];
    for (int i = 0; i < 16; i++) id[8 + i] = hex[low >> (60 - 4 * i) & 15];
    return (struct slice){id, ID_LEN};
}
