// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// Prometheus' text format, for the node exporter's textfile collector.

#include <stdlib.h>
#include <string.h>

#include "certcheck/out.h"
#include "core/check.h"

typedef void sample_fn(const struct report *r, const char *name, struct text *out);

static sample_fn sample_status, sample_end, sample_bits, sample_findings, sample_clients;
static void add_sample(struct text *out, const char *name, const struct report *r,
                       const char *label, const char *value, long long number);
static void add_label(struct text *out, struct slice value);
static int compare_names(const void *a, const void *b);

static const struct {
    const char *name, *help;
    sample_fn *sample;
} metrics[] = {
    {"rsp_certcheck_status", "0 good, 1 warnings, 2 findings, 3 could not be checked.",
     sample_status},
    {"rsp_certcheck_not_after_timestamp_seconds", "When the server's certificate ends.",
     sample_end},
    {"rsp_certcheck_path_strength",
     "Bits that the weakest signature of the best path is worth; 0: there is none.", sample_bits},
    {"rsp_certcheck_findings", "Number of findings by severity.", sample_findings},
    {"rsp_certcheck_client_content", "Whether a kind of client is content (1) or not (0).",
     sample_clients},
};

void out_prometheus(const struct run *run, struct text *out) {
    // A target that was named twice has its samples once.
    const struct report **sorted = calloc(run->count + 1, sizeof *sorted);
    CHECK(sorted);
    for (size_t i = 0; i < run->count; i++) sorted[i] = run->reports[i];
    qsort(sorted, run->count, sizeof *sorted, compare_names);
    for (size_t m = 0; m < sizeof metrics / sizeof *metrics; m++) {
        text_printf(out, "# HELP %s %s\n# TYPE %s gauge\n", metrics[m].name, metrics[m].help,
                    metrics[m].name);
        for (size_t i = 0; i < run->count; i++)
            if (i == 0 || compare_names(&sorted[i - 1], &sorted[i]) != 0)
                metrics[m].sample(sorted[i], metrics[m].name, out);
    }
    free(sorted);
    text_printf(out,
                "# HELP rsp_certcheck_run_timestamp_seconds The moment as of which was judged.\n"
                "# TYPE rsp_certcheck_run_timestamp_seconds gauge\n"
                "rsp_certcheck_run_timestamp_seconds %lld\n",
                (long long)run->at);
}

static void sample_status(const struct report *r, const char *name, struct text *out) {
    add_sample(out, name, r, NULL, NULL, report_status(r));
}

static void sample_end(const struct report *r, const char *name, struct text *out) {
    if (!r->has_trial) return;
    const struct version *leaf = graph_version(r->trial.graph, r->trial.leaf_number);
    add_sample(out, name, r, NULL, NULL, leaf->step.ends);
}

static void sample_bits(const struct report *r, const char *name, struct text *out) {
    const struct path *best = &r->candidates.best;
    if (r->has_trial) add_sample(out, name, r, NULL, NULL, best->length > 0 ? best->bits : 0);
}

static void sample_findings(const struct report *r, const char *name, struct text *out) {
    for (int s = SEVERITY_NOTE; s <= SEVERITY_ERROR; s++)
        add_sample(out, name, r, "severity", severity_word((enum severity)s),
                   (long long)findings_count(&r->findings, (enum severity)s));
}

static void sample_clients(const struct report *r, const char *name, struct text *out) {
    for (size_t i = 0; i < r->outcome_count; i++)
        add_sample(out, name, r, "client", model_name(r->outcomes[i].model),
                   r->outcomes[i].is_content);
}

static void add_sample(struct text *out, const char *name, const struct report *r,
                       const char *label, const char *value, long long number) {
    text_printf(out, "%s{target=\"", name);
    add_label(out, slice_of(r->target->name));
    if (label) text_printf(out, "\",%s=\"%s", label, value);
    text_printf(out, "\"} %lld\n", number);
}

static void add_label(struct text *out, struct slice value) {
    struct text clean;
    text_init(&clean, 10000);
    out_add_clean(&clean, value);
    for (size_t i = 0; i < clean.len; i++) {
        if (clean.at[i] == '\\' || clean.at[i] == '"') text_add_char(out, '\\');
        text_add_char(out, clean.at[i]);
    }
    text_fini(&clean);
}

static int compare_names(const void *a, const void *b) {
    const struct report *const *x = a, *const *y = b;
    return strcmp((*x)->target->name, (*y)->target->name);
}
