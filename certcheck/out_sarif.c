// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// SARIF 2.1.0 (OASIS), for code scanning: each finding is a result about the file or host.

#include <jansson.h>
#include <string.h>

#include "certcheck/json.h"
#include "certcheck/out.h"
#include "core/check.h"

#define RULES_MAX (FINDING_KINDS + POLICY_RULES_MAX)

static json_t *results_of(const struct run *run, json_t *rules);
static json_t *result_of(const struct report *r, const struct finding *f, json_t *rules);
static size_t rule_index(json_t *rules, const struct finding *f);
static json_t *problems_of(const struct run *run);
static json_t *location_of(const struct target *target);
static void add_uri(struct text *out, const char *name);
static const char *level_of(enum severity severity);

void out_sarif(const struct run *run, struct text *out) {
    json_t *rules = json_array();
    json_t *results = results_of(run, rules);
    json_t *problems = problems_of(run);
    json_t *root = json_pack(
        "{s:s, s:s, s:[{s:{s:{s:s, s:s, s:o}}, s:o, s:[{s:b, s:o}], s:s}]}", "$schema",
        "https://json.schemastore.org/sarif-2.1.0.json", "version", "2.1.0", "runs", "tool",
        "driver", "name", "rsp-certcheck", "version", run->version, "rules", rules, "results",
        results, "invocations", "executionSuccessful", json_array_size(problems) == 0,
        "toolExecutionNotifications", problems, "columnKind", "utf16CodeUnits");
    json_add_to(out, root);
}

static json_t *results_of(const struct run *run, json_t *rules) {
    json_t *all = json_array();
    for (size_t i = 0; i < run->count; i++)
        for (size_t k = 0; k < run->reports[i]->findings.count; k++)
            json_array_append_new(
                all, result_of(run->reports[i], &run->reports[i]->findings.list[k], rules));
    return all;
}

static json_t *result_of(const struct report *r, const struct finding *f, json_t *rules) {
    struct text message;
    text_init(&message, 2000);
    text_printf(&message, "%s", f->why);
    if (f->about[0]) text_printf(&message, " (%s)", f->about);
    text_printf(&message, "; %s.", f->mend);
    size_t index = rule_index(rules, f);
    json_t *one =
        json_pack("{s:s, s:i, s:s, s:{s:o}, s:[o]}", "ruleId", f->id, "ruleIndex", (int)index,
                  "level", level_of(f->severity), "message", "text",
                  json_clean_slice(text_slice(&message)), "locations", location_of(r->target));
    text_fini(&message);
    return one;
}

// Where the rule of this finding stands; it is added when it is the first of its kind.
static size_t rule_index(json_t *rules, const struct finding *f) {
    size_t i = 0;
    for (; i < json_array_size(rules); i++)
        if (strcmp(json_string_value(json_object_get(json_array_get(rules, i), "id")), f->id) == 0)
            return i;
    json_array_append_new(rules, json_pack("{s:s, s:{s:o}, s:{s:o}, s:{s:s}}", "id", f->id,
                                           "shortDescription", "text", json_clean(f->why), "help",
                                           "text", json_clean(f->mend), "defaultConfiguration",
                                           "level", level_of(f->severity)));
    return i;
}

static json_t *problems_of(const struct run *run) {
    json_t *all = json_array();
    for (size_t i = 0; i < run->count; i++) {
        struct slice rest = text_slice(&run->reports[i]->target->problems);
        while (rest.len > 0) {
            struct slice line = slice_cut(&rest, '\n');
            if (line.len > 0)
                json_array_append_new(all, json_pack("{s:s, s:{s:o}}", "level", "error", "message",
                                                     "text", json_clean_slice(line)));
        }
    }
    return all;
}

static json_t *location_of(const struct target *target) {
    struct text uri;
    text_init(&uri, 20000);
    if (target->kind == TARGET_LIVE) text_add(&uri, SLICE("tls://"));
    add_uri(&uri, target->name);
    json_t *location = json_pack("{s:{s:{s:s}}}", "physicalLocation", "artifactLocation", "uri",
                                 text_string(&uri));
    text_fini(&uri);
    return location;
}

// RFC 3986: what no path may have is written in hexadecimal.
static void add_uri(struct text *out, const char *name) {
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    for (; *name; name++) {
        if (strchr(plain, *name))
            text_add_char(out, *name);
        else
            text_printf(out, "%%%02X", (unsigned char)*name);
    }
}

static const char *level_of(enum severity severity) {
    return severity_word(severity);
}
