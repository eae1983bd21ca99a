// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "http/message/head_rules.h"

static enum refusal check_connection(const struct fields *f);

enum refusal fields_check(const struct fields *f) {
    for (unsigned i = 0; i < f->count; i++)
        if (f->at[i].id == FIELD_OTHER && !is_token(f->at[i].name)) return REFUSE_BAD_FIELD;
    return check_connection(f);
}

static enum refusal check_connection(const struct fields *f) {
    unsigned options = 0;
    const struct field *field = fields_find(f, FIELD_CONNECTION);
    for (; field; field = fields_find_next(f, field)) {
        struct slice rest = field->value, option;
        while (list_next(&rest, &option)) {
            if (field_flags_of(field_id_of(option)) & FIELD_GUARDED)
                return REFUSE_GUARDED_CONNECTION;
            if (++options > CONNECTION_OPTIONS_MAX) return REFUSE_LONG_CONNECTION;
        }
    }
    return REFUSE_NONE;
}

enum refusal expectation_read(struct request_head *h) {
    const struct field *field = fields_find(&h->fields, FIELD_EXPECT);
    for (; field; field = fields_find_next(&h->fields, field)) {
        if (!slice_equals_nocase(field->value, SLICE("100-continue"))) return REFUSE_EXPECTATION;
        h->expects_continue = h->minor_version == 1 && h->framing.kind != BODY_NONE;
    }
    return REFUSE_NONE;
}

enum refusal hops_read(struct request_head *h) {
    if (h->method != METHOD_OPTIONS && h->method != METHOD_TRACE) return REFUSE_NONE;
    if (h->method == METHOD_TRACE && h->framing.kind != BODY_NONE) return REFUSE_TRACE_BODY;
    const struct field *field = fields_find(&h->fields, FIELD_MAX_FORWARDS);
    if (!field) return REFUSE_NONE;
    bool is_number = slice_to_u64(field->value, &h->hops_left);
    if (!is_number || fields_find_next(&h->fields, field)) return REFUSE_BAD_MAX_FORWARDS;
    h->counts_hops = true;
    return REFUSE_NONE;
}

bool request_ends_here(const struct request_head *h) {
    return h->counts_hops && h->hops_left == 0;
}

bool fields_want_to_persist(const struct fields *f, int minor_version) {
    if (fields_list_has(f, FIELD_CONNECTION, SLICE("close"))) return false;
    return minor_version == 1 || fields_list_has(f, FIELD_CONNECTION, SLICE("keep-alive"));
}

struct slice fields_upgrade(const struct fields *f) {
    const struct field *field = fields_find(f, FIELD_UPGRADE);
    bool is_upgrade = field && !fields_find_next(f, field) &&
                      fields_list_has(f, FIELD_CONNECTION, SLICE("upgrade")) &&
                      !fields_list_has(f, FIELD_UPGRADE, SLICE("h2c"));
    return is_upgrade ? field->value : (struct slice){NULL, 0};
}

bool upgrade_is_offered(struct slice offered, struct slice taken) {
    struct slice one;
    bool is_offered = false;
    while (list_next(&taken, &one)) {
        struct slice rest = offered, offer;
        is_offered = false;
        while (!is_offered && list_next(&rest, &offer))
            is_offered = slice_equals_nocase(one, offer);
        if (!is_offered) return false;
    }
    return is_offered;
}
