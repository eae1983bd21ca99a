// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// For Nagios, Icinga and their like (Monitoring Plugins guidelines): status, a summary, performance data.

#include "certcheck/out.h"

enum { NAGIOS_OK, NAGIOS_WARNING, NAGIOS_CRITICAL, NAGIOS_UNKNOWN, NAGIOS_STATES };
static const char *const state_words[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};

static int status_of(const struct run *run, const struct report *r);
static bool is_worse(int a, int b);
static void add_summary(const struct report *r, struct text *out);
static void add_performance(const struct run *run, const struct report *r, struct text *out);
static void add_counts(const size_t *counts, struct text *out);
static void add_problems(const struct report *r, struct text *out);
static void add_findings(const struct report *r, struct text *out);
static void add_said(struct text *said, struct text *out);

int out_nagios(const struct run *run, struct text *out) {
    size_t counts[NAGIOS_STATES] = {0};
    int worst = NAGIOS_OK;
    const struct report *first = run->count > 0 ? run->reports[0] : NULL;
    for (size_t i = 0; i < run->count; i++) {
        int status = status_of(run, run->reports[i]);
        counts[status]++;
        if (!is_worse(status, worst)) continue;
        worst = status;
        first = run->reports[i];
    }
    text_printf(out, "CERTIFICATES %s - ", state_words[worst]);
    if (first) add_summary(first, out);
    if (run->count > 1) add_counts(counts, out);
    text_add(out, SLICE(" |"));
    for (size_t i = 0; i < run->count; i++) add_performance(run, run->reports[i], out);
    text_add_char(out, '\n');
    for (size_t i = 0; i < run->count; i++) {
        add_problems(run->reports[i], out);
        add_findings(run->reports[i], out);
    }
    return worst;
}

static int status_of(const struct run *run, const struct report *r) {
    enum report_status status = report_status(r);
    bool has_error = findings_count(&r->findings, SEVERITY_ERROR) > 0;
    if (r->has_trial && (has_error || report_days_left(r) < run->critical_days))
        return NAGIOS_CRITICAL;
    if (status == REPORT_UNREADABLE) return NAGIOS_UNKNOWN;
    bool is_warned = run->warnings_count && status == REPORT_WARNINGS;
    return is_warned || report_days_left(r) < run->warning_days ? NAGIOS_WARNING : NAGIOS_OK;
}

// What is certainly wrong before what could not be seen.
static bool is_worse(int a, int b) {
    static const int ranks[] = {0, 1, 3, 2};
    return ranks[a] > ranks[b];
}

static void add_summary(const struct report *r, struct text *out) {
    const struct finding *worst = NULL;
    struct slice problem = text_slice(&r->target->problems);
    for (size_t i = 0; i < r->findings.count; i++)
        if (!worst || r->findings.list[i].severity > worst->severity) worst = &r->findings.list[i];
    struct text said;
    text_init(&said, 2000);
    text_printf(&said, "%s: ", r->target->name);
    if (problem.len > 0 && (!worst || worst->severity < SEVERITY_ERROR))
        text_add(&said, slice_cut(&problem, '\n'));
    else if (worst && worst->severity > SEVERITY_NOTE)
        text_printf(&said, "%s, %s", worst->id, worst->why);
    else if (!r->has_trial)
        text_add(&said, SLICE("there is no certificate"));
    else
        text_printf(&said, "valid for %ld days", report_days_left(r));
    add_said(&said, out);
    text_fini(&said);
}

// Beside the worst: what could not be seen must not hide behind what is wrong with another.
static void add_counts(const size_t *counts, struct text *out) {
    static const int order[] = {NAGIOS_CRITICAL, NAGIOS_UNKNOWN, NAGIOS_WARNING, NAGIOS_OK};
    const char *between = "; ";
    for (size_t i = 0; i < NAGIOS_STATES; i++) {
        if (counts[order[i]] == 0) continue;
        text_printf(out, "%s%zu %s", between, counts[order[i]], state_words[order[i]]);
        between = ", ";
    }
}

// In a line, without what would begin the performance data.
static void add_said(struct text *said, struct text *out) {
    for (size_t i = 0; i < said->len; i++)
        if (said->at[i] == '|') said->at[i] = '/';
    out_add_clean(out, text_slice(said));
}

// 'NAME'=DAYS;WARNING;CRITICAL: alarm below either, which is the range "21:".
static void add_performance(const struct run *run, const struct report *r, struct text *out) {
    if (!r->has_trial) return;
    struct text label;
    text_init(&label, 2000);
    out_add_clean(&label, slice_of(r->target->name));
    text_add(out, SLICE(" '"));
    for (size_t i = 0; i < label.len; i++) {
        char c = label.at[i];
        text_add_char(out, c == '=' || c == '|' ? '_' : c);
        if (c == '\'') text_add_char(out, c);
    }
    text_printf(out, "'=%ld;%d:;%d:", report_days_left(r), run->warning_days, run->critical_days);
    text_fini(&label);
}

// What could not be read, with the name that the problem begins with.
static void add_problems(const struct report *r, struct text *out) {
    struct slice rest = text_slice(&r->target->problems);
    while (rest.len > 0) {
        struct slice problem = slice_cut(&rest, '\n');
        struct text said;
        text_init(&said, 2000);
        text_printf(&said, "%s: unknown: %.*s", r->target->name, SLICE_ARGS(problem));
        add_said(&said, out);
        text_add_char(out, '\n');
        text_fini(&said);
    }
}

static void add_findings(const struct report *r, struct text *out) {
    for (size_t i = 0; i < r->findings.count; i++) {
        const struct finding *f = &r->findings.list[i];
        struct text said;
        if (f->severity == SEVERITY_NOTE) continue;
        text_init(&said, 2000);
        text_printf(&said, "%s: %s: %s: %s", r->target->name, severity_word(f->severity), f->id,
                    f->why);
        if (f->about[0]) text_printf(&said, " (%s)", f->about);
        text_printf(&said, "; %s", f->mend);
        add_said(&said, out);
        text_add_char(out, '\n');
        text_fini(&said);
    }
}
