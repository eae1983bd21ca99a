// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "certcheck/facts.h"
#include "certcheck/out.h"
#include "core/check.h"
#include "tls/certificate.h"

#define LINE_BYTES_MAX 2000
#define SENT_SHOWN_MAX 100

// A colour begins and ends with the same code, so that plain text is coloured text without them.
struct page {
    struct text *out;
    bool has_colour;
};
enum colour { RED = 31, GREEN = 32, YELLOW = 33, FAINT = 2 };

static void show_certificate(struct page *page, const struct report *r, int i);
static void show_validity(const struct report *r, const X509 *cert, struct text *line);
static void show_live(struct page *page, const struct target_live *live);
static void show_key(struct page *page, const struct report *r);
static void show_paths(struct page *page, const struct report *r);
static void show_path(struct page *page, const struct report *r, size_t i);
static void show_clients(struct page *page, const struct report *r);
static void show_findings(struct page *page, const struct report *r);
static void show_finding(struct page *page, const char *name, const struct finding *f);
static void show_status(struct page *page, const struct report *r);
static void add_line(struct page *page, const char *label, struct text *line);
static void paint(struct page *page, enum colour colour, const char *text);

void out_text(const struct report *r, bool has_colour, struct text *out) {
    struct page page = {out, has_colour};
    out_add_clean(out, slice_of(r->target->name));
    text_add(out, SLICE(": "));
    show_status(&page, r);
    if (r->has_trial) {
        show_findings(&page, r);
        if (r->target->kind == TARGET_LIVE) show_live(&page, &r->target->live);
        for (int i = 0; i < sk_X509_num(r->target->sent) && i < SENT_SHOWN_MAX; i++)
            show_certificate(&page, r, i);
        show_key(&page, r);
        if (r->target->kind != TARGET_TRUSTED) show_paths(&page, r);
        show_clients(&page, r);
    }
    text_add(out, SLICE("  status        "));
    show_status(&page, r);
}

static void show_live(struct page *page, const struct target_live *live) {
    struct text line;
    text_init(&line, LINE_BYTES_MAX);
    text_printf(&line, "%s", live->address ? live->address : "?");
    if (live->sni) text_printf(&line, ", asked for %s", live->sni);
    if (live->starttls) text_printf(&line, ", STARTTLS (%s)", live->starttls);
    if (live->tls_version) text_printf(&line, ", %s", live->tls_version);
    if (live->cipher) text_printf(&line, ", %s", live->cipher);
    if (live->signature) text_printf(&line, ", signed with %s", live->signature);
    add_line(page, "  connection    ", &line);
    if (live->probes) text_printf(&line, "%s", live->probes);
    if (live->probes) add_line(page, "  offered       ", &line);
    text_fini(&line);
}

static void show_certificate(struct page *page, const struct report *r, int i) {
    const X509 *cert = sk_X509_value(r->target->sent, i);
    char label[40];
    struct text line;
    text_init(&line, LINE_BYTES_MAX);
    snprintf(label, sizeof label, "  certificate %d: ", i + 1);
    certificate_add_title(&line, cert);
    add_line(page, label, &line);
    certificate_add_subject(&line, cert);
    add_line(page, "    subject     ", &line);
    certificate_add_names(&line, cert);
    add_line(page, "    names       ", &line);
    certificate_add_issuer(&line, cert);
    if (certificate_is_self_issued(cert)) text_add(&line, SLICE(" (itself)"));
    add_line(page, "    issuer      ", &line);
    show_validity(r, cert, &line);
    add_line(page, "    valid       ", &line);
    certificate_add_key(&line, cert);
    add_line(page, "    key         ", &line);
    certificate_add_signature(&line, cert);
    add_line(page, "    signature   ", &line);
    text_fini(&line);
}

static void show_validity(const struct report *r, const X509 *cert, struct text *line) {
    long left = (long)(facts_end(cert) - r->trial.rules->at);
    certificate_add_time(line, X509_get0_notBefore(cert));
    text_add(line, SLICE(" to "));
    certificate_add_time(line, X509_get0_notAfter(cert));
    if (left >= 0) text_printf(line, " (%ld days left)", left / 86400);
}

static void show_key(struct page *page, const struct report *r) {
    const struct target *target = r->target;
    struct text line;
    if (target->kind != TARGET_FILE && target->kind != TARGET_SITE) return;
    text_init(&line, LINE_BYTES_MAX);
    bool is_owner = target->key && X509_check_private_key(r->trial.leaf, target->key) == 1;
    ERR_clear_error();
    if (!target->key)
        text_add(&line, SLICE("none here"));
    else if (is_owner)
        text_printf(&line, "matches certificate %d", r->trial.leaf_at + 1);
    else
        text_add(&line, SLICE("matches no certificate"));
    add_line(page, "  private key   ", &line);
    text_fini(&line);
}

static void show_paths(struct page *page, const struct report *r) {
    text_add(page->out, SLICE("  paths\n"));
    for (size_t i = 0; i < r->candidates.count; i++) show_path(page, r, i);
    if (r->candidates.count == 0) text_add(page->out, SLICE("    none\n"));
    if (r->candidates.is_cut) text_add(page->out, SLICE("    ... and more\n"));
}

// What it has in common with the path before stands there already.
static void show_path(struct page *page, const struct report *r, size_t i) {
    const struct candidate *one = &r->candidates.list[i];
    const struct path *p = &one->path, *before = i > 0 ? &one[-1].path : NULL;
    struct text line;
    size_t k = 0;
    text_init(&line, LINE_BYTES_MAX);
    while (before && k < p->length && k < before->length && p->steps[k] == before->steps[k]) k++;
    for (; k < p->length; k++) {
        text_printf(&line, "%*s%s", (int)(4 + 3 * k), "", k > 0 ? "<- " : "");
        certificate_add_title(&line, p->steps[k]->cert);
        text_printf(&line, ", %s", facts_digest(p->steps[k]->cert));
        if (k + 1 == p->length && one->is_complete) text_add(&line, SLICE(", trusted"));
        add_line(page, "", &line);
    }
    text_printf(page->out, "%*s", (int)(7 + 3 * p->length), "");
    paint(page, one->is_valid ? GREEN : RED, one->is_valid ? "valid" : "not valid");
    if (p->length > 1) text_printf(&line, ", weakest signature %d bits", p->bits);
    time_t end = p->steps[0]->ends;
    for (k = 1; k < p->length; k++)
        if (p->steps[k]->ends < end) end = p->steps[k]->ends;
    text_printf(&line, ", %zu certificate%s, until ", p->length, p->length == 1 ? "" : "s");
    out_add_moment(&line, end);
    if ((int)i == r->candidates.taken) text_add(&line, SLICE("; rsp takes this one"));
    if (!one->is_valid) text_printf(&line, "; %s", one->why);
    add_line(page, "", &line);
    text_fini(&line);
}

static void show_clients(struct page *page, const struct report *r) {
    if (r->outcome_count > 0) text_add(page->out, SLICE("  clients\n"));
    for (size_t i = 0; i < r->outcome_count; i++) {
        const struct outcome *o = &r->outcomes[i];
        struct text line;
        text_init(&line, LINE_BYTES_MAX);
        text_printf(page->out, "    %-24s", model_name(o->model));
        paint(page, o->is_content ? GREEN : RED, o->is_content ? "good" : "broken");
        if (!o->is_content) text_printf(&line, ": %s", o->why);
        for (size_t k = 1; k < o->path.length; k++) {
            text_add(&line, k == 1 ? SLICE(", over ") : SLICE(" <- "));
            certificate_add_title(&line, o->path.steps[k]->cert);
        }
        add_line(page, "", &line);
        text_fini(&line);
    }
}

// What is worst comes first.
static void show_findings(struct page *page, const struct report *r) {
    for (int severity = SEVERITY_ERROR; severity >= SEVERITY_NOTE; severity--)
        for (size_t i = 0; i < r->findings.count; i++)
            if ((int)r->findings.list[i].severity == severity)
                show_finding(page, r->target->name, &r->findings.list[i]);
    if (r->findings.left_out > 0)
        text_printf(page->out, "  ... and %zu more\n", r->findings.left_out);
}

// A line that says all by itself, as those of compilers do: it is what a grep leaves of a long report.
static void show_finding(struct page *page, const char *name, const struct finding *f) {
    static const enum colour colours[] = {FAINT, YELLOW, RED};
    static const char *const words[] = {"note", "warning", "finding"};
    struct text line;
    text_init(&line, LINE_BYTES_MAX);
    out_add_clean(page->out, slice_of(name));
    text_add(page->out, SLICE(": "));
    paint(page, colours[f->severity], words[f->severity]);
    text_printf(&line, ": %s: %s", f->id, f->why);
    if (f->about[0] && f->sent_at >= 0)
        text_printf(&line, " (certificate %d: %s)", f->sent_at + 1, f->about);
    else if (f->about[0])
        text_printf(&line, " (%s)", f->about);
    add_line(page, "", &line);
    text_printf(&line, "%s", f->mend);
    add_line(page, "    to mend it: ", &line);
    text_fini(&line);
}

// In a word, and how many there are of what is to be mended.
static void show_status(struct page *page, const struct report *r) {
    static const enum colour colours[] = {GREEN, YELLOW, RED, RED};
    enum report_status status = report_status(r);
    size_t errors = findings_count(&r->findings, SEVERITY_ERROR);
    size_t warnings = findings_count(&r->findings, SEVERITY_WARNING);
    char words[100];
    int len = snprintf(words, sizeof words, "%s", report_status_word(status));
    if (errors > 0 && status == REPORT_FINDINGS)
        len = snprintf(words, sizeof words, "%zu finding%s", errors, errors == 1 ? "" : "s");
    if (warnings > 0 && status == REPORT_FINDINGS)
        snprintf(words + len, sizeof words - (size_t)len, ", %zu warning%s", warnings,
                 warnings == 1 ? "" : "s");
    if (status == REPORT_WARNINGS)
        snprintf(words, sizeof words, "%zu warning%s", warnings, warnings == 1 ? "" : "s");
    paint(page, colours[status], words);
    text_add_char(page->out, '\n');
}

static void add_line(struct page *page, const char *label, struct text *line) {
    text_add(page->out, slice_of(label));
    out_add_clean(page->out, text_slice(line));
    text_add_char(page->out, '\n');
    text_clear(line);
}

static void paint(struct page *page, enum colour colour, const char *text) {
    if (page->has_colour) text_printf(page->out, "\033[%dm", (int)colour);
    text_add(page->out, slice_of(text));
    if (page->has_colour) text_add(page->out, SLICE("\033[0m"));
}
