// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// Certificates of any file: judged, with every client simulated, and written in every form.

#include "certcheck/fix.h"
#include "certcheck/out.h"
#include "core/check.h"
#include "tests/fuzz/fuzz.h"
#include "tls/chain/load.h"

#define CERTIFICATES_MAX 20

static struct report_rules rules;

static void make_rules(void) {
    struct files *files = files_new();
    struct text problems;
    text_init(&problems, 1000);
    rules.trial.trust = trust_new(files, NULL, &problems);
    rules.trial.policy = policy_new(files, "cabf-2026", &problems);
    rules.trial.at = 1795000000;
    rules.models = (1u << MODELS) - 1;
    text_fini(&problems);
    files_free(files);
}

static void write_all(struct report *r) {
    static out_fn *const forms[] = {out_json, out_sarif, out_junit, out_prometheus, out_dot};
    struct run run = {.reports = &r, .count = 1, .at = rules.trial.at, .version = "0"};
    struct text out, why;
    text_init(&out, 1u << 22);
    text_init(&why, 1000);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        text_clear(&out);
        forms[i](&run, &out);
        CHECK(out.len > 0);
    }
    out_nagios(&run, &out);
    out_text(r, true, &out);
    bool is_fixed = fix_write(r, false, &out, &why);
    CHECK(is_fixed || why.len > 0);
    text_fini(&out);
    text_fini(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    struct target target = {.kind = TARGET_FILE, .name = (char *)"x"};
    struct load_conf conf = {
        .path = "x", .wanted = LOAD_CERTIFICATES | LOAD_KEYS, .certificates_max = CERTIFICATES_MAX};
    struct bundle bundle;
    if (!rules.trial.trust) make_rules();
    text_init(&target.problems, 10000);
    bundle_load(&bundle, (struct slice){(const char *)bytes, len}, &conf, &target.problems);
    target.sent = bundle.certificates;
    target.extra = sk_X509_new_null();
    target.key = bundle.key;
    target.key_count = bundle.key_count;
    struct report *r = report_new(&target, &rules);
    write_all(r);
    report_free(r);
    sk_X509_free(target.extra);
    bundle_fini(&bundle);
    text_fini(&target.problems);
    return 0;
}
