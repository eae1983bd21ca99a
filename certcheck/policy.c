// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "certcheck/facts.h"
#include "certcheck/policy_builtin.h"
#include "certcheck/policy_rule.h"
#include "core/check.h"
#include "tls/chain/path.h"
#include "tls/chain/rules.h"

// A path while a policy is applied to it.
struct trail {
    X509 *const *certs;
    size_t count;
    bool has_anchor;
    time_t at;
};

static bool is_due(const struct policy_row *row, const struct trail *t, size_t i);
static bool is_within(time_t moment, time_t from, time_t before);
static bool holds(const struct policy_row *row, const struct trail *t, size_t i);
static bool has_word(const json_t *words, const char *word);
static bool has_curve_digest(const json_t *digests, const struct trail *t, size_t i);
static bool has_extensions(const json_t *words, X509 *cert);

struct policy *policy_new(struct files *files, const char *name, struct text *problems) {
    struct slice json;
    char why[300];
    for (size_t i = 0; i < policy_builtin_count; i++)
        if (strcmp(policy_builtin[i].name, name) == 0)
            return policy_parse(
                (struct slice){(const char *)policy_builtin[i].json, policy_builtin[i].len}, name,
                problems);
    if (files_read(files, name, &json, why, sizeof why)) return policy_parse(json, name, problems);
    text_printf(problems, "%s; built in are ", why);
    policy_add_names(problems);
    text_add_char(problems, '\n');
    return NULL;
}

void policy_free(struct policy *p) {
    if (!p) return;
    json_decref(p->root);
    free(p);
}

const char *policy_name(const struct policy *p) {
    return p->name;
}

const char *policy_title(const struct policy *p) {
    return p->title ? p->title : p->name;
}

void policy_add_names(struct text *out) {
    for (size_t i = 0; i < policy_builtin_count; i++)
        text_printf(out, "%s%s", i > 0 ? ", " : "", policy_builtin[i].name);
}

size_t policy_judge(const struct policy *p, X509 *const *certs, size_t count, bool has_anchor,
                    time_t at, struct policy_breach *out, size_t max) {
    const struct trail t = {certs, count, has_anchor, at};
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < p->count; k++) {
            const struct policy_row *row = &p->rows[k];
            if (!is_due(row, &t, i) || holds(row, &t, i)) continue;
            if (found < max) out[found] = (struct policy_breach){&row->rule, i};
            found++;
        }
    return found;
}

bool policy_find_breach(const struct policy *p, X509 *const *certs, size_t count, time_t at,
                        struct policy_breach *out) {
    struct policy_breach all[PATH_LENGTH_MAX * POLICY_RULES_MAX];
    size_t found = policy_judge(p, certs, count, true, at, all, sizeof all / sizeof *all);
    for (size_t i = 0; i < found; i++) {
        if (all[i].rule->is_warning) continue;
        *out = all[i];
        return true;
    }
    return false;
}

// A leaf that is trusted itself is a leaf.
static bool is_due(const struct policy_row *row, const struct trail *t, size_t i) {
    bool is_anchor = t->has_anchor && i + 1 == t->count;
    int place = i == 0 ? PLACE_LEAF : is_anchor ? PLACE_ANCHOR : PLACE_INTERMEDIATE;
    return (row->places & place) != 0 && is_within(t->at, row->at_from, row->at_before) &&
           is_within(facts_begin(t->certs[i]), row->issued_from, row->issued_before) &&
           is_within(facts_end(t->certs[0]), row->leaf_ends_from, row->leaf_ends_before);
}

static bool is_within(time_t moment, time_t from, time_t before) {
    return (from == 0 || moment >= from) && (before == 0 || moment < before);
}

static bool holds(const struct policy_row *row, const struct trail *t, size_t i) {
    X509 *cert = t->certs[i];
    bool is_rsa = strncmp(facts_key(cert), "RSA", 3) == 0;
    switch (row->need) {
    case NEED_DIGESTS: return has_word(row->value, facts_digest(cert));
    case NEED_OTHER_DIGESTS: return !has_word(row->value, facts_digest(cert));
    case NEED_KEYS: return has_word(row->value, facts_key(cert));
    case NEED_RSA_BITS: return !is_rsa || facts_key_bits(cert) >= row->number;
    case NEED_CURVE_DIGESTS: return has_curve_digest(row->value, t, i);
    case NEED_DAYS: return facts_days(cert) <= row->number;
    case NEED_MONTHS: return facts_months(cert) <= row->number;
    case NEED_EXTENSIONS: return has_extensions(row->value, cert);
    case NEED_NOTHING: break;
    }
    CHECK(false);
}

static bool has_word(const json_t *words, const char *word) {
    for (size_t i = 0; i < json_array_size(words); i++)
        if (strcmp(json_string_value(json_array_get(words, i)), word) == 0) return true;
    return false;
}

// The issuer's curve decides; of one that is not known nothing is asked.
static bool has_curve_digest(const json_t *digests, const struct trail *t, size_t i) {
    bool is_own = X509_self_signed(t->certs[i], 0) == 1;
    if (i + 1 == t->count && !is_own) return true;
    const X509 *issuer = i + 1 < t->count ? t->certs[i + 1] : t->certs[i];
    const json_t *wanted = json_object_get(digests, facts_key(issuer));
    return !wanted || strcmp(json_string_value(wanted), facts_digest(t->certs[i])) == 0;
}

static bool has_extensions(const json_t *words, X509 *cert) {
    if (has_word(words, "subjectAltName") &&
        X509_get_ext_by_NID(cert, NID_subject_alt_name, -1) < 0)
        return false;
    return !has_word(words, "serverAuth") || facts_has_usage(cert, XKU_SSL_SERVER);
}
