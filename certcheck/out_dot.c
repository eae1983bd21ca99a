// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// For Graphviz: a cluster for each target, a box for each certificate of a path, an arrow from each to its issuer.

#include "certcheck/facts.h"
#include "certcheck/out.h"
#include "tls/certificate.h"

static void add_target(const struct report *r, size_t number, struct text *out);
static void add_node(const struct report *r, size_t number, uint32_t n, struct text *out);
static void add_quoted(struct text *out, struct slice text);
static bool is_shown(const struct report *r, const X509 *cert);
static bool has_edge(const struct report *r, size_t before, const X509 *below, const X509 *above);
static bool is_valid_edge(const struct report *r, const X509 *below, const X509 *above);

void out_dot(const struct run *run, struct text *out) {
    text_add(out, SLICE("digraph certificates {\n rankdir=BT;\n node [shape=box];\n"));
    for (size_t i = 0; i < run->count; i++)
        if (run->reports[i]->has_trial) add_target(run->reports[i], i, out);
    text_add(out, SLICE("}\n"));
}

static void add_target(const struct report *r, size_t number, struct text *out) {
    text_printf(out, " subgraph cluster_%zu {\n  label=", number);
    add_quoted(out, slice_of(r->target->name));
    text_add(out, SLICE(";\n"));
    for (uint32_t n = 0; n < graph_count(r->trial.graph); n++)
        if (is_shown(r, graph_version(r->trial.graph, n)->step.cert)) add_node(r, number, n, out);
    for (size_t i = 0; i < r->candidates.count; i++) {
        const struct path *p = &r->candidates.list[i].path;
        for (size_t k = 1; k < p->length; k++) {
            const X509 *below = p->steps[k - 1]->cert, *above = p->steps[k]->cert;
            if (has_edge(r, i, below, above)) continue;
            bool is_best = report_path_at(r, below) >= 0 &&
                           report_path_at(r, above) == report_path_at(r, below) + 1;
            text_printf(out, "  t%zu_%u -> t%zu_%u [label=\"%s\"%s];\n", number,
                        trial_number((struct trial *)&r->trial, (X509 *)below), number,
                        trial_number((struct trial *)&r->trial, (X509 *)above), facts_digest(below),
                        is_best                          ? ", penwidth=3, color=darkgreen"
                        : is_valid_edge(r, below, above) ? ""
                                                         : ", style=dashed, color=red");
        }
    }
    text_add(out, SLICE(" }\n"));
}

static void add_node(const struct report *r, size_t number, uint32_t n, struct text *out) {
    const struct version *v = graph_version(r->trial.graph, n);
    struct text label;
    text_init(&label, 2000);
    certificate_add_title(&label, v->step.cert);
    text_printf(&label, "\n%s, until ", facts_key(v->step.cert));
    out_add_moment(&label, v->step.ends);
    text_printf(out, "  t%zu_%u [label=", number, n);
    add_quoted(out, text_slice(&label));
    text_printf(out, "%s];\n", v->is_anchor ? ", peripheries=2" : "");
    text_fini(&label);
}

static void add_quoted(struct text *out, struct slice text) {
    text_add_char(out, '"');
    while (text.at != NULL) {
        struct slice line = slice_cut(&text, '\n');
        struct text clean;
        text_init(&clean, 10000);
        out_add_clean(&clean, line);
        for (size_t i = 0; i < clean.len; i++) {
            if (clean.at[i] == '"' || clean.at[i] == '\\') text_add_char(out, '\\');
            text_add_char(out, clean.at[i]);
        }
        text_fini(&clean);
        if (text.at != NULL) text_add(out, SLICE("\\n"));
    }
    text_add_char(out, '"');
}

static bool is_shown(const struct report *r, const X509 *cert) {
    if (report_sent_at(r, cert) >= 0) return true;
    for (size_t i = 0; i < r->candidates.count; i++)
        for (size_t k = 0; k < r->candidates.list[i].path.length; k++)
            if (r->candidates.list[i].path.steps[k]->cert == cert) return true;
    return false;
}

static bool has_edge(const struct report *r, size_t before, const X509 *below, const X509 *above) {
    for (size_t i = 0; i < before; i++) {
        const struct path *p = &r->candidates.list[i].path;
        for (size_t k = 1; k < p->length; k++)
            if (p->steps[k - 1]->cert == below && p->steps[k]->cert == above) return true;
    }
    return false;
}

// It is part of a path that is valid.
static bool is_valid_edge(const struct report *r, const X509 *below, const X509 *above) {
    for (size_t i = 0; i < r->candidates.count; i++) {
        const struct path *p = &r->candidates.list[i].path;
        for (size_t k = 1; k < p->length && r->candidates.list[i].is_valid; k++)
            if (p->steps[k - 1]->cert == below && p->steps[k]->cert == above) return true;
    }
    return false;
}
