// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "certcheck/check.h"
#include "certcheck/moment.h"
#include "certcheck/oids.h"
#include "certcheck/out.h"
#include "core/hostname.h"
#include "tools/certcheck.h"
#include "tools/number.h"

#define OUTPUT_BYTES_MAX (1u << 20)

enum choice {
    OPTION_HELP = 'h',
    OPTION_VERSION = 'V',
    OPTION_VERIFY = 256,
#define OPTION(symbol, name, argument, help) OPTION_##symbol,
#include "tools/certcheck_verify_options.def"
#undef OPTION
};
static const struct option options[] = {
    {"verify", no_argument, NULL, OPTION_VERIFY},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
#define OPTION(symbol, name, argument, help)                                                       \
    {name, (argument) != NULL ? required_argument : no_argument, NULL, OPTION_##symbol},
#include "tools/certcheck_verify_options.def"
#undef OPTION
    {NULL, 0, NULL, 0},
};
#define OPTIONS (sizeof options / sizeof *options)

// What the words say.
struct verify_words {
    struct check_conf conf;
    const char *policy;                  // NULL: none
    STACK_OF(ASN1_OBJECT) * policy_oids; // NULL: any
};

static bool may_take(int option, const char *value, bool *were_said);
static bool take_option(struct verify_words *words, int option, const char *value);
static bool take_purpose(struct check_conf *conf, const char *value);
static bool take_oids(struct verify_words *words, const char *value);
static int judge(struct verify_words *words, int count, char **files);
static int check(struct verify_words *words);
static int misused(const char *why);

int certcheck_verify(int count, char **words) {
    struct verify_words said = {.conf = {.at = time(NULL), .intermediates_max = -1}};
    bool were_said[OPTIONS] = {false}, is_good = true;
    int option;
    while (is_good && (option = getopt_long(count, words, "hV", options, NULL)) != -1) {
        if (option == OPTION_HELP || option == OPTION_VERSION) {
            oids_free(said.policy_oids);
            return option == OPTION_HELP ? certcheck_help() : certcheck_version();
        }
        is_good = option != '?' && may_take(option, optarg, were_said) &&
                  take_option(&said, option, optarg);
    }
    said.conf.policies.acceptable = said.policy_oids;
    int status = is_good ? judge(&said, count - optind, words + optind) : misused(NULL);
    oids_free(said.policy_oids);
    return status;
}

static int judge(struct verify_words *words, int count, char **files) {
    if (count != 1) return misused("--verify takes exactly one certificate");
    if (files[0][0] == '\0') return misused("the certificate's file has no name");
    if (!words->conf.anchors) return misused("--verify needs --anchors");
    words->conf.leaf = files[0];
    return check(words);
}

static bool may_take(int option, const char *value, bool *were_said) {
    unsigned rules = option == OPTION_HOST                 ? OPTION_MAY_BE_EMPTY
                     : option == OPTION_INITIAL_POLICY_SET ? OPTION_ADDS_UP
                                                           : 0;
    char name[60];
    size_t i = 0;
    while (options[i].val != option) i++;
    snprintf(name, sizeof name, "--%s", options[i].name);
    return certcheck_may_take(name, value, &were_said[i], rules);
}

static bool take_option(struct verify_words *words, int option, const char *value) {
    struct check_conf *conf = &words->conf;
    unsigned n;
    switch (option) {
    case OPTION_ANCHORS: conf->anchors = value; return true;
    case OPTION_CHAIN: conf->chain = value; return true;
    case OPTION_CRL: conf->crl = value; return true;
    case OPTION_HOST: conf->host = value; return true;
    case OPTION_POLICY: words->policy = value; return true;
    case OPTION_PURPOSE: return take_purpose(conf, value);
    case OPTION_AT:
        if (moment_parse(value, &conf->at)) return true;
        fprintf(stderr, "rsp-certcheck: --at: '%s' is no time (2026-11-23T09:30:00Z)\n", value);
        return false;
    case OPTION_DEPTH:
        if (!number_parse("rsp-certcheck: --max-depth", value, 0, 1000, &n)) return false;
        conf->intermediates_max = (int)n;
        return true;
    case OPTION_INITIAL_POLICY_SET: return take_oids(words, value);
    case OPTION_INITIAL_EXPLICIT_POLICY: conf->policies.is_required = true; return true;
    case OPTION_INITIAL_MAPPING_INHIBIT: conf->policies.inhibits_mapping = true; return true;
    case OPTION_INITIAL_ANY_INHIBIT: conf->policies.inhibits_any = true; return true;
    default: return true;
    }
}

static bool take_purpose(struct check_conf *conf, const char *value) {
    conf->is_client = strcmp(value, "client") == 0;
    if (conf->is_client || strcmp(value, "server") == 0) return true;
    fprintf(stderr, "rsp-certcheck: --purpose: '%s' is neither server nor client\n", value);
    return false;
}

static bool take_oids(struct verify_words *words, const char *value) {
    struct text why;
    text_init(&why, 1000);
    bool is_good = oids_add(&words->policy_oids, value, &why);
    if (!is_good) fprintf(stderr, "rsp-certcheck: --initial-policy-set: %s\n", text_string(&why));
    text_fini(&why);
    return is_good;
}

static int check(struct verify_words *words) {
    static const int status_of[] = {EXIT_GOOD, EXIT_FINDINGS, EXIT_UNREADABLE};
    struct check_conf *conf = &words->conf;
    struct files *files = files_new();
    struct policy *policy = NULL;
    char host[HOSTNAME_MAX + 1];
    struct text out, problems;
    text_init(&out, OUTPUT_BYTES_MAX);
    text_init(&problems, OUTPUT_BYTES_MAX);
    if (conf->host && hostname_normalise(slice_of(conf->host), host) > 0) conf->host = host;
    if (words->policy) conf->policy = policy = policy_new(files, words->policy, &problems);
    enum check_result result = CHECK_UNREADABLE;
    if (policy || !words->policy) result = check_files(files, conf, &out, &problems);
    out_say_clean(stderr, text_slice(&problems));
    out_say_clean(stdout, text_slice(&out));
    text_fini(&problems);
    text_fini(&out);
    policy_free(policy);
    files_free(files);
    return fflush(stdout) == 0 ? status_of[result] : EXIT_UNREADABLE;
}

static int misused(const char *why) {
    if (why) fprintf(stderr, "rsp-certcheck: %s\n", why);
    fprintf(stderr, "usage:\n%s", CERTCHECK_VERIFY_USAGE);
    return EXIT_MISUSED;
}
