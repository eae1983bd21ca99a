// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "certcheck/facts.h"
#include "certcheck/json_lines.h"
#include "certcheck/moment.h"
#include "certcheck/policy_rule.h"
#include "core/check.h"
#include "tls/chain/rules.h"

#define STEPS_MAX  6
#define NUMBER_MAX 100000

// The place in the file that is being read, for messages.
struct reading {
    const char *path;
    struct slice json;
    struct text *problems;
    struct json_step steps[STEPS_MAX];
    size_t depth;
    struct policy_row *row;
};
typedef void take_fn(struct reading *r, struct policy_row *row, const json_t *value);
struct key {
    const char *name;
    take_fn *take;
};

static bool read_root(struct reading *r, struct policy *p);
static void take_members(struct reading *r, const json_t *object, const struct key *keys,
                         size_t count);
static void enter(struct reading *r, const char *name, size_t number);
static void leave(struct reading *r);
static void complain(struct reading *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static const char *string_of(struct reading *r, const json_t *value);
static void take_rule(struct reading *r, struct policy_row *row, const json_t *rule);
static take_fn take_id, take_severity, take_why, take_mend, take_places, take_when, take_digests,
    take_other_digests, take_keys, take_rsa_bits, take_curve_digests, take_days, take_months,
    take_extensions;
static take_fn take_at_from, take_at_before, take_issued_from, take_issued_before,
    take_leaf_ends_from, take_leaf_ends_before;

static const struct key rule_keys[] = {
    {"id", take_id},
    {"severity", take_severity},
    {"why", take_why},
    {"mend", take_mend},
    {"places", take_places},
    {"when", take_when},
    {"digests", take_digests},
    {"digests_not", take_other_digests},
    {"keys", take_keys},
    {"rsa_bits_min", take_rsa_bits},
    {"curve_digests", take_curve_digests},
    {"days_max", take_days},
    {"months_max", take_months},
    {"extensions", take_extensions},
};
static const struct key when_keys[] = {
    {"at_from", take_at_from},
    {"at_before", take_at_before},
    {"issued_from", take_issued_from},
    {"issued_before", take_issued_before},
    {"leaf_ends_from", take_leaf_ends_from},
    {"leaf_ends_before", take_leaf_ends_before},
};

struct policy *policy_parse(struct slice json, const char *path, struct text *problems) {
    struct reading r = {.path = path, .json = json, .problems = problems};
    struct policy *p = calloc(1, sizeof *p);
    json_error_t error;
    CHECK(p);
    p->root = json_loadb(json.at ? json.at : "", json.len, JSON_REJECT_DUPLICATES, &error);
    if (!p->root) text_printf(problems, "%s:%d: %s\n", path, error.line, error.text);
    if (p->root && read_root(&r, p)) return p;
    policy_free(p);
    return NULL;
}

static bool read_root(struct reading *r, struct policy *p) {
    size_t before = r->problems->len;
    const char *key;
    json_t *value;
    const json_t *rules = json_object_get(p->root, "rules");
    if (!json_is_object(p->root)) complain(r, "a policy is an object with name, title and rules");
    json_object_foreach(p->root, key, value) {
        enter(r, key, 0);
        if (strcmp(key, "name") == 0)
            p->name = string_of(r, value);
        else if (strcmp(key, "title") == 0)
            p->title = string_of(r, value);
        else if (strcmp(key, "rules") != 0)
            complain(r, "unknown key \"%s\" (known: name, title, rules)", key);
        else if (!json_is_array(rules) || json_array_size(rules) > POLICY_RULES_MAX)
            complain(r, "rules must be an array of at most %d", POLICY_RULES_MAX);
        leave(r);
    }
    if (r->problems->len == before && (!p->name || !rules))
        complain(r, "a policy needs a name and rules");
    enter(r, "rules", 0);
    for (size_t i = 0; i < json_array_size(rules) && i < POLICY_RULES_MAX; i++) {
        enter(r, NULL, i);
        take_rule(r, &p->rows[p->count++], json_array_get(rules, i));
        leave(r);
    }
    return r->problems->len == before && !r->problems->is_cut;
}

static void take_rule(struct reading *r, struct policy_row *row, const json_t *rule) {
    row->places = PLACE_LEAF | PLACE_INTERMEDIATE;
    r->row = row;
    if (!json_is_object(rule)) {
        complain(r, "a rule is an object");
        return;
    }
    take_members(r, rule, rule_keys, sizeof rule_keys / sizeof *rule_keys);
    if (!row->rule.id || !row->rule.why || !row->rule.mend)
        complain(r, "a rule needs id, why and mend");
    if (row->need == NEED_NOTHING)
        complain(r, "a rule needs one of digests, digests_not, keys, rsa_bits_min, curve_digests, "
                    "days_max, months_max, extensions");
}

static void take_members(struct reading *r, const json_t *object, const struct key *keys,
                         size_t count) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value) {
        size_t i = 0;
        enter(r, name, 0);
        while (i < count && strcmp(keys[i].name, name) != 0) i++;
        if (i == count)
            complain(r, "unknown key \"%s\"", name);
        else
            keys[i].take(r, r->row, value);
        leave(r);
    }
}

static void enter(struct reading *r, const char *name, size_t number) {
    CHECK(r->depth < STEPS_MAX);
    r->steps[r->depth++] = (struct json_step){name, number};
}

static void leave(struct reading *r) {
    r->depth--;
}

// "x.json:12: rules[2].when: ..."
static void complain(struct reading *r, const char *format, ...) {
    char what[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    text_printf(r->problems, "%s:%zu: ", r->path, json_line_of(r->json, r->steps, r->depth));
    for (size_t i = 0; i < r->depth; i++) {
        if (r->steps[i].name)
            text_printf(r->problems, "%s%.60s", i > 0 ? "." : "", r->steps[i].name);
        else
            text_printf(r->problems, "[%zu]", r->steps[i].number);
    }
    text_printf(r->problems, "%s%s\n", r->depth > 0 ? ": " : "", what);
}

static const char *string_of(struct reading *r, const json_t *value) {
    const char *text = json_string_value(value);
    if (!text || text[0] == '\0') complain(r, "this must be a text that is not empty");
    return text;
}

static long number_of(struct reading *r, const json_t *value) {
    json_int_t n = json_is_integer(value) ? json_integer_value(value) : 0;
    if (n < 1 || n > NUMBER_MAX) complain(r, "this must be a number from 1 to %d", NUMBER_MAX);
    return (long)n;
}

static time_t moment_of(struct reading *r, const json_t *value) {
    time_t moment = 0;
    if (!json_is_string(value) || !moment_parse(json_string_value(value), &moment))
        complain(r, "this must be a date (2026-03-15 or 2026-03-15T12:00:00Z)");
    return moment;
}

static void take_id(struct reading *r, struct policy_row *row, const json_t *value) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
    row->rule.id = string_of(r, value);
    if (row->rule.id && row->rule.id[strspn(row->rule.id, letters)] != '\0')
        complain(r, "an id consists of A-Z, 0-9 and hyphens");
}

static void take_severity(struct reading *r, struct policy_row *row, const json_t *value) {
    const char *word = json_is_string(value) ? json_string_value(value) : "";
    row->rule.is_warning = strcmp(word, "warning") == 0;
    if (!row->rule.is_warning && strcmp(word, "error") != 0)
        complain(r, "severity is \"error\" or \"warning\"");
}

static void take_why(struct reading *r, struct policy_row *row, const json_t *value) {
    row->rule.why = string_of(r, value);
}

static void take_mend(struct reading *r, struct policy_row *row, const json_t *value) {
    row->rule.mend = string_of(r, value);
}

static bool is_place(const char *word) {
    return strcmp(word, "leaf") == 0 || strcmp(word, "intermediate") == 0 ||
           strcmp(word, "anchor") == 0;
}

static bool is_extension(const char *word) {
    return strcmp(word, "subjectAltName") == 0 || strcmp(word, "serverAuth") == 0;
}

// An array of known words that is not empty.
static void check_words(struct reading *r, const json_t *value, bool (*is_known)(const char *)) {
    if (!json_is_array(value) || json_array_size(value) == 0)
        complain(r, "this must be an array that is not empty");
    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *word = json_string_value(json_array_get(value, i));
        if (word && is_known(word)) continue;
        enter(r, NULL, i);
        complain(r, "\"%s\" is not known here", word ? word : "(no text)");
        leave(r);
    }
}

static void take_places(struct reading *r, struct policy_row *row, const json_t *value) {
    check_words(r, value, is_place);
    row->places = 0;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *word = json_string_value(json_array_get(value, i));
        if (!word) continue;
        row->places |= word[0] == 'l'   ? PLACE_LEAF
                       : word[0] == 'i' ? PLACE_INTERMEDIATE
                                        : PLACE_ANCHOR;
    }
}

static void take_when(struct reading *r, struct policy_row *row, const json_t *value) {
    (void)row;
    if (!json_is_object(value))
        complain(r, "when is an object");
    else
        take_members(r, value, when_keys, sizeof when_keys / sizeof *when_keys);
}

static void set_need(struct reading *r, struct policy_row *row, enum policy_need need,
                     const json_t *value) {
    if (row->need != NEED_NOTHING)
        complain(r, "a rule asks for one thing; make this a second rule");
    row->need = need;
    row->value = value;
}

static void take_digests(struct reading *r, struct policy_row *row, const json_t *value) {
    check_words(r, value, facts_is_digest);
    set_need(r, row, NEED_DIGESTS, value);
}

static void take_other_digests(struct reading *r, struct policy_row *row, const json_t *value) {
    check_words(r, value, facts_is_digest);
    set_need(r, row, NEED_OTHER_DIGESTS, value);
}

static void take_keys(struct reading *r, struct policy_row *row, const json_t *value) {
    check_words(r, value, facts_is_key);
    set_need(r, row, NEED_KEYS, value);
}

static void take_extensions(struct reading *r, struct policy_row *row, const json_t *value) {
    check_words(r, value, is_extension);
    set_need(r, row, NEED_EXTENSIONS, value);
}

static void take_curve_digests(struct reading *r, struct policy_row *row, const json_t *value) {
    const char *curve;
    json_t *digest;
    if (!json_is_object(value)) complain(r, "this must be an object: curve to digest");
    json_object_foreach((json_t *)value, curve, digest) {
        enter(r, curve, 0);
        if (!facts_is_key(curve)) complain(r, "\"%s\" is no curve that is known", curve);
        if (!json_is_string(digest) || !facts_is_digest(json_string_value(digest)))
            complain(r, "this must be a digest (\"sha256\")");
        leave(r);
    }
    set_need(r, row, NEED_CURVE_DIGESTS, value);
}

static void take_rsa_bits(struct reading *r, struct policy_row *row, const json_t *value) {
    set_need(r, row, NEED_RSA_BITS, value);
    row->number = number_of(r, value);
}

static void take_days(struct reading *r, struct policy_row *row, const json_t *value) {
    set_need(r, row, NEED_DAYS, value);
    row->number = number_of(r, value);
}

static void take_months(struct reading *r, struct policy_row *row, const json_t *value) {
    set_need(r, row, NEED_MONTHS, value);
    row->number = number_of(r, value);
}

static void take_at_from(struct reading *r, struct policy_row *row, const json_t *value) {
    row->at_from = moment_of(r, value);
}

static void take_at_before(struct reading *r, struct policy_row *row, const json_t *value) {
    row->at_before = moment_of(r, value);
}

static void take_issued_from(struct reading *r, struct policy_row *row, const json_t *value) {
    row->issued_from = moment_of(r, value);
}

static void take_issued_before(struct reading *r, struct policy_row *row, const json_t *value) {
    row->issued_before = moment_of(r, value);
}

static void take_leaf_ends_from(struct reading *r, struct policy_row *row, const json_t *value) {
    row->leaf_ends_from = moment_of(r, value);
}

static void take_leaf_ends_before(struct reading *r, struct policy_row *row, const json_t *value) {
    row->leaf_ends_before = moment_of(r, value);
}
