// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// JUnit's XML, for CI: a suite for each target, a case for its path, its clients and each finding.

#include <string.h>

#include "certcheck/out.h"

struct sums {
    size_t cases, failures, errors;
};

static struct sums sums_of(const struct run *run, const struct report *r);
static bool is_failure(const struct run *run, const struct finding *f);
static void add_suite(const struct run *run, const struct report *r, struct text *out);
static void add_sums(struct text *out, struct sums sums);
static void add_finding(const struct run *run, const struct report *r, const struct finding *f,
                        struct text *out);
static void add_case(struct text *out, const struct report *r, const char *name);
static void add_quoted(struct text *out, struct slice text);

void out_junit(const struct run *run, struct text *out) {
    struct sums all = {0};
    for (size_t i = 0; i < run->count; i++) {
        struct sums one = sums_of(run, run->reports[i]);
        all.cases += one.cases;
        all.failures += one.failures;
        all.errors += one.errors;
    }
    text_add(
        out,
        SLICE("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"rsp-certcheck\""));
    add_sums(out, all);
    text_add(out, SLICE(">\n"));
    for (size_t i = 0; i < run->count; i++) add_suite(run, run->reports[i], out);
    text_add(out, SLICE("</testsuites>\n"));
}

static struct sums sums_of(const struct run *run, const struct report *r) {
    struct sums sums = {.cases = 1};
    bool is_unreadable = report_status(r) == REPORT_UNREADABLE;
    sums.errors = is_unreadable;
    for (size_t i = 0; i < r->findings.count; i++) {
        sums.cases++;
        sums.failures += is_failure(run, &r->findings.list[i]);
    }
    return sums;
}

static bool is_failure(const struct run *run, const struct finding *f) {
    return f->severity == SEVERITY_ERROR ||
           (run->warnings_count && f->severity == SEVERITY_WARNING);
}

static void add_suite(const struct run *run, const struct report *r, struct text *out) {
    text_add(out, SLICE(" <testsuite name="));
    add_quoted(out, slice_of(r->target->name));
    add_sums(out, sums_of(run, r));
    text_add(out, SLICE(" time=\"0\">\n"));
    add_case(out, r, "it can be read");
    if (report_status(r) == REPORT_UNREADABLE) {
        text_add(out, SLICE("><error message="));
        add_quoted(out, text_slice(&r->target->problems));
        text_add(out, SLICE("/></testcase>\n"));
    } else {
        text_add(out, SLICE("/>\n"));
    }
    for (size_t i = 0; i < r->findings.count; i++) add_finding(run, r, &r->findings.list[i], out);
    text_add(out, SLICE(" </testsuite>\n"));
}

static void add_sums(struct text *out, struct sums sums) {
    text_printf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\"", sums.cases, sums.failures,
                sums.errors);
}

static void add_finding(const struct run *run, const struct report *r, const struct finding *f,
                        struct text *out) {
    struct text said;
    text_init(&said, 2000);
    text_printf(&said, "%s", f->why);
    if (f->about[0]) text_printf(&said, " (%s)", f->about);
    text_printf(&said, "; %s", f->mend);
    add_case(out, r, f->id);
    if (is_failure(run, f)) {
        text_printf(out, "><failure type=\"%s\" message=", severity_word(f->severity));
        add_quoted(out, text_slice(&said));
        text_add(out, SLICE("/></testcase>\n"));
    } else {
        // A case that passes: what is in an attribute needs no escaping of its own kind.
        text_add(out, SLICE("><properties><property name=\"said\" value="));
        add_quoted(out, text_slice(&said));
        text_add(out, SLICE("/></properties></testcase>\n"));
    }
    text_fini(&said);
}

// Open: "/>" or ">...</testcase>" follows.
static void add_case(struct text *out, const struct report *r, const char *name) {
    text_add(out, SLICE("  <testcase classname="));
    add_quoted(out, slice_of(r->target->name));
    text_add(out, SLICE(" name="));
    add_quoted(out, slice_of(name));
}

static void add_quoted(struct text *out, struct slice text) {
    struct text clean;
    text_init(&clean, 1u << 20);
    out_add_clean(&clean, text);
    text_add_char(out, '"');
    for (size_t i = 0; i < clean.len; i++) {
        char c = clean.at[i];
        switch (c) {
        case '&': text_add(out, SLICE("&amp;")); break;
        case '<': text_add(out, SLICE("&lt;")); break;
        case '>': text_add(out, SLICE("&gt;")); break;
        case '"': text_add(out, SLICE("&quot;")); break;
        default: text_add_char(out, c);
        }
    }
    text_add_char(out, '"');
    text_fini(&clean);
}
