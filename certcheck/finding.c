// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "certcheck/finding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"

static void add(struct findings *f, const struct finding *row, int sent_at, struct text *about);

static const struct finding rows[] = {
#define FINDING(symbol, name, level, reason, remedy)                                               \
    {.id = (name), .why = (reason), .mend = (remedy), .severity = SEVERITY_##level},
#include "certcheck/findings.def"
#undef FINDING
};

const char *severity_word(enum severity s) {
    static const char *const words[] = {"note", "warning", "error"};
    return words[s];
}

const struct finding *finding_row(enum finding_kind kind) {
    return &rows[kind];
}

void findings_fini(struct findings *f) {
    free(f->list);
    *f = (struct findings){0};
}

void findings_add(struct findings *f, enum finding_kind kind, int sent_at, struct text *about) {
    add(f, &rows[kind], sent_at, about);
}

void findings_add_rule(struct findings *f, const struct policy_rule *rule, enum severity severity,
                       int sent_at, struct text *about) {
    const struct finding row = {
        .id = rule->id, .why = rule->why, .mend = rule->mend, .severity = severity};
    add(f, &row, sent_at, about);
}

enum severity findings_worst(const struct findings *f) {
    enum severity worst = SEVERITY_NOTE;
    for (size_t i = 0; i < f->count; i++)
        if (f->list[i].severity > worst) worst = f->list[i].severity;
    return worst;
}

size_t findings_count(const struct findings *f, enum severity severity) {
    size_t count = 0;
    for (size_t i = 0; i < f->count; i++) count += f->list[i].severity == severity;
    return count;
}

static void add(struct findings *f, const struct finding *row, int sent_at, struct text *about) {
    struct finding one = *row;
    one.sent_at = sent_at;
    if (about) snprintf(one.about, sizeof one.about, "%s", text_string(about));
    for (size_t i = 0; i < f->count; i++)
        if (f->list[i].sent_at == sent_at && strcmp(f->list[i].id, one.id) == 0 &&
            strcmp(f->list[i].about, one.about) == 0)
            return;
    if (f->count == FINDINGS_MAX) {
        f->left_out++;
        return;
    }
    if (f->count % 16 == 0) f->list = realloc(f->list, (f->count + 16) * sizeof *f->list);
    CHECK(f->list);
    f->list[f->count++] = one;
}
