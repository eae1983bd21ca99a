// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// conf/rsp-certcheck.schema.json says what this writes.

#include <jansson.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "certcheck/facts.h"
#include "certcheck/json.h"
#include "certcheck/out.h"
#include "core/check.h"
#include "tls/certificate.h"

static json_t *target_of(const struct report *r);
static json_t *live_of(const struct target_live *live);
static json_t *certificates_of(const struct report *r);
static void add_certificate(json_t *all, const struct report *r, uint32_t number);
static json_t *names_of(const X509 *cert);
static json_t *paths_of(const struct report *r);
static json_t *steps_of(const struct path *p);
static json_t *clients_of(const struct report *r);
static json_t *findings_of(const struct report *r);
static json_t *print_of(const struct path_step *step);

void out_json(const struct run *run, struct text *out) {
    json_t *targets = json_array();
    for (size_t i = 0; i < run->count; i++)
        json_array_append_new(targets, target_of(run->reports[i]));
    json_t *root =
        json_pack("{s:i, s:{s:s, s:s}, s:o, s:o, s:s, s:o}", "format", 1, "tool", "name",
                  "rsp-certcheck", "version", run->version, "at", json_moment(run->at), "policy",
                  run->policy ? json_clean(policy_name(run->policy)) : json_null(), "status",
                  report_status_word(run_status(run)), "targets", targets);
    json_add_to(out, root);
}

static json_t *target_of(const struct report *r) {
    static const char *const kinds[] = {[TARGET_FILE] = "file",
                                        [TARGET_LIVE] = "live",
                                        [TARGET_SITE] = "site",
                                        [TARGET_TRUSTED] = "trusted"};
    json_t *one = json_pack("{s:o, s:s, s:s, s:o}", "name", json_clean(r->target->name), "kind",
                            kinds[r->target->kind], "status", report_status_word(report_status(r)),
                            "problems", json_lines(&r->target->problems));
    CHECK(one);
    if (r->target->kind == TARGET_LIVE) json_object_set_new(one, "live", live_of(&r->target->live));
    if (!r->has_trial) return one;
    json_object_set_new(one, "days_left", json_integer(report_days_left(r)));
    json_object_set_new(one, "certificates", certificates_of(r));
    json_object_set_new(one, "paths", paths_of(r));
    json_object_set_new(one, "has_more_paths", json_boolean(r->candidates.is_cut));
    json_object_set_new(one, "clients", clients_of(r));
    json_object_set_new(one, "findings", findings_of(r));
    return one;
}

static json_t *live_of(const struct target_live *live) {
    return json_pack("{s:o*, s:o*, s:o*, s:o*, s:o*, s:o*, s:o*}", "address",
                     json_clean(live->address), "sni", json_clean(live->sni), "starttls",
                     json_clean(live->starttls), "tls_version", json_clean(live->tls_version),
                     "cipher", json_clean(live->cipher), "signature", json_clean(live->signature),
                     "probes", json_clean(live->probes));
}

// What was sent, in order; then what else stands on a path.
static json_t *certificates_of(const struct report *r) {
    json_t *all = json_array();
    size_t count = graph_count(r->trial.graph);
    bool *is_there = calloc(count + 1, sizeof *is_there);
    CHECK(is_there);
    for (int i = 0; i < sk_X509_num(r->target->sent); i++) {
        uint32_t n = trial_number((struct trial *)&r->trial, sk_X509_value(r->target->sent, i));
        if (n != GRAPH_NOBODY && !is_there[n]) add_certificate(all, r, n);
        if (n != GRAPH_NOBODY) is_there[n] = true;
    }
    for (size_t i = 0; i < r->candidates.count; i++)
        for (size_t k = 0; k < r->candidates.list[i].path.length; k++) {
            X509 *cert = r->candidates.list[i].path.steps[k]->cert;
            uint32_t n = trial_number((struct trial *)&r->trial, cert);
            if (!is_there[n]) add_certificate(all, r, n);
            is_there[n] = true;
        }
    free(is_there);
    return all;
}

static void add_certificate(json_t *all, const struct report *r, uint32_t number) {
    const struct version *v = graph_version(r->trial.graph, number);
    X509 *cert = v->step.cert;
    int sent_at = report_sent_at(r, cert);
    json_t *one = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:s, s:i, s:o, s:s, s:b, s:b, s:o}", "sha256",
        print_of(&v->step), "subject", json_said(certificate_add_subject, cert), "issuer",
        json_said(certificate_add_issuer, cert), "serial", json_said(certificate_add_serial, cert),
        "names", names_of(cert), "begins", json_moment(v->step.begins), "ends",
        json_moment(v->step.ends), "days", (int)facts_days(cert), "key", facts_key(cert),
        "key_bits", facts_key_bits(cert), "signature", json_said(certificate_add_signature, cert),
        "digest", facts_digest(cert), "is_ca", X509_check_ca(cert) == 1, "is_trusted", v->is_anchor,
        "sent", sent_at >= 0 ? json_integer(sent_at + 1) : json_null());
    json_array_append_new(all, one);
}

static void add_name(void *arg, struct slice name) {
    json_array_append_new(arg, json_clean_slice(name));
}

static json_t *names_of(const X509 *cert) {
    json_t *all = json_array();
    certificate_each_name(cert, add_name, all);
    return all;
}

static json_t *paths_of(const struct report *r) {
    json_t *all = json_array();
    for (size_t i = 0; i < r->candidates.count; i++) {
        const struct candidate *one = &r->candidates.list[i];
        time_t end = one->path.steps[0]->ends;
        for (size_t k = 1; k < one->path.length; k++)
            if (one->path.steps[k]->ends < end) end = one->path.steps[k]->ends;
        json_array_append_new(all, json_pack("{s:o, s:b, s:b, s:b, s:i, s:o, s:o}", "certificates",
                                             steps_of(&one->path), "is_complete", one->is_complete,
                                             "is_valid", one->is_valid, "is_taken",
                                             (int)i == r->candidates.taken, "bits", one->path.bits,
                                             "ends", json_moment(end), "why",
                                             one->is_valid ? json_null() : json_clean(one->why)));
    }
    return all;
}

static json_t *steps_of(const struct path *p) {
    json_t *all = json_array();
    for (size_t i = 0; i < p->length; i++) json_array_append_new(all, print_of(p->steps[i]));
    return all;
}

static json_t *clients_of(const struct report *r) {
    json_t *all = json_array();
    for (size_t i = 0; i < r->outcome_count; i++) {
        const struct outcome *o = &r->outcomes[i];
        json_array_append_new(all, json_pack("{s:s, s:b, s:o, s:o}", "name", model_name(o->model),
                                             "is_content", o->is_content, "why",
                                             o->is_content ? json_null() : json_clean(o->why),
                                             "path", steps_of(&o->path)));
    }
    return all;
}

static json_t *findings_of(const struct report *r) {
    json_t *all = json_array();
    for (size_t i = 0; i < r->findings.count; i++) {
        const struct finding *f = &r->findings.list[i];
        json_array_append_new(
            all, json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "id", f->id, "severity",
                           severity_word(f->severity), "why", json_clean(f->why), "mend",
                           json_clean(f->mend), "about", json_clean(f->about), "certificate",
                           f->sent_at >= 0 ? json_integer(f->sent_at + 1) : json_null()));
    }
    return all;
}

static json_t *print_of(const struct path_step *step) {
    char hex[2 * PRINT_BYTES + 1];
    for (size_t i = 0; i < PRINT_BYTES; i++) snprintf(hex + 2 * i, 3, "%02x", step->print[i]);
    return json_string(hex);
}
