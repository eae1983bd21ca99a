// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "certcheck/fix.h"
#include "certcheck/out.h"
#include "certcheck/password.h"
#include "core/check.h"
#include "tls/chain/signatures.h"
#include "tools/certcheck.h"
#include "tools/certcheck_words.h"

// Everything of one run. Reports borrow the targets and the rules.
struct program {
    struct certcheck_words words;
    struct files *files;
    char *password; // NULL: none
    struct report_rules rules;
    struct targets *targets;
    struct run run;
};

static bool asks_to_verify(char **words, int count);
static bool begin(struct program *p);
static void say_unknown(struct slice problems);
static void end(struct program *p);
static void judge(struct program *p);
static int say(struct program *p);
static void say_text(struct program *p);
static bool write_files(struct program *p);
static bool write_fixed(struct program *p);

int main(int count, char **words) {
    struct program p = {0};
    int status;
    if (asks_to_verify(words, count)) return certcheck_verify(count, words);
    if (!certcheck_read_words(&p.words, count, words, &status)) return status;
    status = EXIT_UNREADABLE;
    if (begin(&p)) {
        judge(&p);
        status = say(&p);
        if (!write_files(&p)) status = EXIT_UNREADABLE;
    }
    end(&p);
    return fflush(stdout) == 0 ? status : EXIT_UNREADABLE;
}

// It has options of its own, so it must be known before they are read. What getopt takes for it as well: "--veri".
static bool asks_to_verify(char **words, int count) {
    static const char verify[] = "--verify", ambiguous[] = "--ver"; // or "--version"
    for (int i = 1; i < count && strcmp(words[i], "--") != 0; i++) {
        size_t len = strlen(words[i]);
        if (len >= sizeof ambiguous && strncmp(verify, words[i], len) == 0) return true;
    }
    return false;
}

// What the judging needs. False: said on standard error.
static bool begin(struct program *p) {
    const struct certcheck_words *words = &p->words;
    struct text problems;
    struct policy *policy = NULL;
    text_init(&problems, 100000);
    p->files = files_new();
    p->rules = (struct report_rules){.trial = {.at = words->at, .signatures = signatures_new()},
                                     .models = words->models,
                                     .warning_days = (int)words->warning_days};
    p->rules.trial.trust = trust_new(p->files, words->anchors, &problems);
    if (words->policy) policy = policy_new(p->files, words->policy, &problems);
    p->rules.trial.policy = policy;
    bool is_opened = password_read(words->password_file, &p->password, &problems);
    p->words.target.password = p->password;
    bool is_ready = is_opened && p->rules.trial.trust && (policy || !words->policy);
    out_say_clean(stderr, text_slice(&problems));
    if (!is_ready && words->form == FORM_NAGIOS) say_unknown(text_slice(&problems));
    text_fini(&problems);
    p->run = (struct run){.at = words->at,
                          .version = RSP_VERSION,
                          .policy = policy,
                          .warning_days = (int)words->warning_days,
                          .critical_days = (int)words->critical_days,
                          .warnings_count = words->warnings_count};
    return is_ready;
}

// Nagios shows what stands on standard output only.
static void say_unknown(struct slice problems) {
    struct text line;
    text_init(&line, 2000);
    text_add(&line, SLICE("CERTIFICATES UNKNOWN - "));
    text_add(&line, slice_cut(&problems, '\n'));
    out_say_clean(stdout, text_slice(&line));
    text_fini(&line);
}

static void end(struct program *p) {
    for (size_t i = 0; i < p->run.count; i++) report_free(p->run.reports[i]);
    free(p->run.reports);
    targets_free(p->targets);
    policy_free((struct policy *)p->rules.trial.policy);
    trust_free((struct trust *)p->rules.trial.trust);
    signatures_free(p->rules.trial.signatures);
    files_free(p->files);
    password_free(p->password);
}

static void judge(struct program *p) {
    p->targets = targets_new(&p->words.target);
    targets_add_all(p->targets, p->words.targets, (size_t)p->words.target_count);
    if (p->words.config) targets_add_routes(p->targets, p->words.config);
    p->run.count = targets_count(p->targets);
    p->run.reports = calloc(p->run.count + 1, sizeof *p->run.reports);
    CHECK(p->run.reports);
    for (size_t i = 0; i < p->run.count; i++) {
        struct target *target = targets_at(p->targets, i);
        out_say_clean(stderr, text_slice(&target->problems));
        p->run.reports[i] = report_new(target, &p->rules);
    }
}

// Returns the status to end with.
static int say(struct program *p) {
    static out_fn *const forms[] = {[FORM_JSON] = out_json,
                                    [FORM_SARIF] = out_sarif,
                                    [FORM_JUNIT] = out_junit,
                                    [FORM_DOT] = out_dot};
    static const int status_of[] = {EXIT_GOOD, EXIT_WARNINGS, EXIT_FINDINGS, EXIT_UNREADABLE};
    int status = status_of[run_status(&p->run)];
    struct text out;
    text_init(&out, OUT_BYTES_MAX);
    if (status == EXIT_WARNINGS && !p->words.warnings_count) status = EXIT_GOOD;
    if (p->words.form == FORM_TEXT)
        say_text(p);
    else if (p->words.form == FORM_NAGIOS)
        status = out_nagios(&p->run, &out);
    else
        forms[p->words.form](&p->run, &out);
    if (out.len > 0) fwrite(out.at, 1, out.len, stdout);
    if (out.is_cut) status = EXIT_UNREADABLE;
    if (out.is_cut) fprintf(stderr, "rsp-certcheck: there is more than can be written at once\n");
    text_fini(&out);
    return status;
}

// https://no-color.org: a NO_COLOR that is not empty.
static void say_text(struct program *p) {
    const char *no_colour = getenv("NO_COLOR");
    bool has_colour = isatty(STDOUT_FILENO) && !(no_colour && no_colour[0]);
    for (size_t i = 0; i < p->run.count; i++) {
        struct text out;
        text_init(&out, OUT_BYTES_MAX);
        out_text(p->run.reports[i], has_colour, &out);
        fwrite(out.at, 1, out.len, stdout);
        text_fini(&out);
    }
}

static bool write_files(struct program *p) {
    char why[5000];
    bool is_good = true;
    if (p->words.prometheus) {
        struct text out;
        text_init(&out, OUT_BYTES_MAX);
        out_prometheus(&p->run, &out);
        is_good = out_write_file(p->words.prometheus, text_slice(&out), 0644, why, sizeof why);
        if (!is_good) fprintf(stderr, "rsp-certcheck: %s\n", why);
        text_fini(&out);
    }
    return (!p->words.fix || write_fixed(p)) && is_good;
}

static bool write_fixed(struct program *p) {
    char why[5000];
    struct text pem, objection;
    if (p->run.count != 1) {
        fprintf(stderr, "rsp-certcheck: --fix needs exactly one target, not %zu\n", p->run.count);
        return false;
    }
    text_init(&pem, 1u << 20);
    text_init(&objection, sizeof why);
    bool is_good = fix_write(p->run.reports[0], p->words.has_key, &pem, &objection);
    snprintf(why, sizeof why, "%s", text_string(&objection));
    unsigned mode = p->words.has_key ? 0600 : 0644;
    if (is_good) is_good = out_write_file(p->words.fix, text_slice(&pem), mode, why, sizeof why);
    if (!is_good) fprintf(stderr, "rsp-certcheck: --fix: %s\n", why);
    if (pem.at) explicit_bzero(pem.at, pem.len);
    text_fini(&pem);
    text_fini(&objection);
    return is_good;
}
