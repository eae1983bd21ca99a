// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "certcheck/check.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include "core/check.h"
#include "tls/certificate.h"
#include "tls/chain/load.h"
#include "tls/chain/search.h"

// What was read.
struct check_set {
    STACK_OF(X509) * leaf, *anchors, *chain;
    STACK_OF(X509_CRL) * crls;
    bool is_damaged;    // what stands first in the leaf's file cannot be decoded
    bool lacks_anchors; // there is something in the file of trusted certificates, but none of these
    bool lacks_lists;   // the same of revocation lists
};

static enum check_result judge(struct check_set *set, const struct check_conf *conf,
                               struct text *out, struct text *problems);
static bool read_set(struct check_set *set, struct files *files, const struct check_conf *conf,
                     struct text *problems);
static void load_leaf(struct check_set *set, struct slice content, const char *path,
                      struct text *problems);
static const char *find_obstacle(const struct check_set *set, const struct check_conf *conf,
                                 const char **path);
static bool read_file(struct files *files, const char *path, struct slice *content,
                      struct text *problems);
static void set_fini(struct check_set *set);
static enum check_result find(struct check_set *set, const struct check_conf *conf,
                              struct text *out);
static const char *object(void *arg, X509 *const *certs, size_t count, size_t *at);
static void add_all(struct graph *g, const STACK_OF(X509) * certs, bool is_anchor);
static void say_path(const struct chain_answer *answer, struct text *out);

enum check_result check_files(struct files *files, const struct check_conf *conf, struct text *out,
                              struct text *problems) {
    struct check_set set = {0};
    enum check_result result = CHECK_UNREADABLE;
    if (read_set(&set, files, conf, problems)) result = judge(&set, conf, out, problems);
    set_fini(&set);
    ERR_clear_error();
    return result;
}

static enum check_result judge(struct check_set *set, const struct check_conf *conf,
                               struct text *out, struct text *problems) {
    const char *path, *obstacle = find_obstacle(set, conf, &path);
    if (obstacle) {
        text_printf(out, "%s: %s\n", path, obstacle);
        return CHECK_REFUSED;
    }
    if (sk_X509_num(set->leaf) > 0) return find(set, conf, out);
    text_printf(problems, "%s: holds no certificate\n", conf->leaf);
    return CHECK_UNREADABLE;
}

static bool read_set(struct check_set *set, struct files *files, const struct check_conf *conf,
                     struct text *problems) {
    struct slice content;
    if (!read_file(files, conf->leaf, &content, problems)) return false;
    load_leaf(set, content, conf->leaf, problems);
    if (!read_file(files, conf->anchors, &content, problems)) return false;
    load_certificates(content, conf->anchors, &set->anchors, problems);
    set->lacks_anchors = slice_trim(content).len > 0 && sk_X509_num(set->anchors) == 0;
    if (!read_file(files, conf->chain, &content, problems)) return false;
    load_certificates(content, conf->chain, &set->chain, problems);
    if (!read_file(files, conf->crl, &content, problems)) return false;
    load_crls(content, conf->crl, &set->crls, problems);
    set->lacks_lists = slice_trim(content).len > 0 && sk_X509_CRL_num(set->crls) == 0;
    return true;
}

static void load_leaf(struct check_set *set, struct slice content, const char *path,
                      struct text *problems) {
    struct load_conf conf = {.path = path, .wanted = LOAD_CERTIFICATES};
    struct bundle b;
    bundle_load(&b, content, &conf, problems);
    set->is_damaged = b.failed_before > 0;
    set->leaf = b.certificates;
    b.certificates = NULL;
    bundle_fini(&b);
}

// Why no path can be valid, before one is looked for: what cannot be read is not taken for what was not given, and another
// certificate not for the one that was meant. NULL: nothing.
static const char *find_obstacle(const struct check_set *set, const struct check_conf *conf,
                                 const char **path) {
    *path = set->is_damaged ? conf->leaf : set->lacks_lists ? conf->crl : conf->anchors;
    if (set->is_damaged && sk_X509_num(set->leaf) == 0) return "the certificate cannot be decoded";
    if (set->is_damaged)
        return "the first certificate cannot be decoded; those after it are not what was asked for";
    if (set->lacks_lists) return "holds no revocation list that can be read";
    return set->lacks_anchors ? "holds no certificate that can be read: nobody is trusted" : NULL;
}

// No file is an empty one.
static bool read_file(struct files *files, const char *path, struct slice *content,
                      struct text *problems) {
    char why[300];
    *content = (struct slice){NULL, 0};
    if (!path || files_read(files, path, content, why, sizeof why)) return true;
    text_printf(problems, "%s\n", why);
    return false;
}

static void set_fini(struct check_set *set) {
    sk_X509_pop_free(set->leaf, X509_free);
    sk_X509_pop_free(set->anchors, X509_free);
    sk_X509_pop_free(set->chain, X509_free);
    sk_X509_CRL_pop_free(set->crls, X509_CRL_free);
    *set = (struct check_set){0};
}

static enum check_result find(struct check_set *set, const struct check_conf *conf,
                              struct text *out) {
    struct graph *g =
        graph_new((size_t)sk_X509_num(set->anchors) + (size_t)sk_X509_num(set->chain) + 1);
    struct chain_answer answer;
    bool has_host = conf->host && conf->host[0] != '\0';
    struct chain_question q = {.leaf = sk_X509_value(set->leaf, 0),
                               .host = conf->host,
                               .at = conf->at,
                               .purpose = conf->is_client ? CHAIN_CLIENT : CHAIN_SERVER,
                               .is_web = has_host && !conf->is_client,
                               .bits_min = conf->policy ? 1 : CHAIN_BITS_MIN,
                               .intermediates_max = conf->intermediates_max,
                               .crls = set->crls,
                               .policies = conf->policies,
                               .objects = conf->policy ? object : NULL,
                               .objects_arg = (void *)conf,
                               .limits = CHAIN_LIMITS_TOOL};
    add_all(g, set->anchors, true);
    add_all(g, set->chain, false);
    bool is_found = chain_find(g, &q, &answer) == CHAIN_FOUND;
    if (is_found)
        say_path(&answer, out);
    else
        text_printf(out, "%s\n", text_string(&answer.why));
    chain_answer_fini(&answer);
    graph_free(g);
    return is_found ? CHECK_VALID : CHECK_REFUSED;
}

static const char *object(void *arg, X509 *const *certs, size_t count, size_t *at) {
    const struct check_conf *conf = arg;
    struct policy_breach breach;
    if (!policy_find_breach(conf->policy, certs, count, conf->at, &breach)) return NULL;
    *at = breach.at;
    return breach.rule->why;
}

static void add_all(struct graph *g, const STACK_OF(X509) * certs, bool is_anchor) {
    for (int i = 0; i < sk_X509_num(certs); i++) graph_add(g, sk_X509_value(certs, i), is_anchor);
}

static void say_path(const struct chain_answer *answer, struct text *out) {
    const struct path *p = &answer->path;
    if (p->length == 1)
        text_add(out, SLICE("valid: trusted itself\n"));
    else
        text_printf(out, "valid: %zu certificates, the weakest signature has %d bits\n", p->length,
                    p->bits);
    for (size_t i = 0; i < p->length; i++) {
        text_printf(out, "%zu  ", i + 1);
        certificate_add_title(out, p->steps[i]->cert);
        text_add(out, i + 1 == p->length ? SLICE(", trusted\n") : SLICE("\n"));
    }
    if (answer->cut)
        text_printf(out, "of equally strong and short paths not all were looked at: %s\n",
                    answer->cut);
}
