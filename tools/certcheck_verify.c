// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "certcheck/check.h"
#include "certcheck/moment.h"
#include "certcheck/oids.h"
#include "core/hostname.h"
#include "tools/certcheck.h"
#include "tools/number.h"

#define OUTPUT_BYTES_MAX (1u << 20)

enum choice {
    OPTION_VERIFY = 256,
#define OPTION(symbol, name, argument, help) OPTION_##symbol,
#include "tools/certcheck_verify_options.def"
#undef OPTION
};
static const struct option options[] = {
    {"verify", no_argument, NULL, OPTION_VERIFY},
#define OPTION(symbol, name, argument, help)                                                       \
    {name, (argument) != NULL ? required_argument : no_argument, NULL, OPTION_##symbol},
#include "tools/certcheck_verify_options.def"
#undef OPTION
    {NULL, 0, NULL, 0},
};

// What the words say.
struct verify_words {
    struct check_conf conf;
    const char *policy;                  // NULL: none
    STACK_OF(ASN1_OBJECT) * policy_oids; // NULL: any
};

static bool take_option(struct verify_words *words, int option, const char *value);
static bool take_file(const char **file, const char *option, const char *value);
static bool take_purpose(struct check_conf *conf, const char *value);
static bool take_oids(struct verify_words *words, const char *value);
static int judge(struct verify_words *words, int count, char **files);
static int check(struct verify_words *words);
static int misused(const char *why);

int certcheck_verify(int count, char **words) {
    struct verify_words said = {.conf = {.at = time(NULL), .intermediates_max = -1}};
    int option;
    bool is_good = true;
    while (is_good && (option = getopt_long(count, words, "", options, NULL)) != -1)
        is_good = option != '?' && take_option(&said, option, optarg);
    said.conf.policies.acceptable = said.policy_oids;
    int status = is_good ? judge(&said, count - optind, words + optind) : misused(NULL);
    oids_free(said.policy_oids);
    return status;
}

static int judge(struct verify_words *words, int count, char **files) {
    if (count != 1) return misused("--verify takes exactly one certificate");
    if (!words->conf.anchors) return misused("--verify needs --anchors");
    words->conf.leaf = files[0];
    return check(words);
}

static bool take_option(struct verify_words *words, int option, const char *value) {
    struct check_conf *conf = &words->conf;
    unsigned n;
    switch (option) {
    case OPTION_ANCHORS: return take_file(&conf->anchors, "--anchors", value);
    case OPTION_CHAIN: return take_file(&conf->chain, "--chain", value);
    case OPTION_CRL: return take_file(&conf->crl, "--crl", value);
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

// A second one would leave out what the first has.
static bool take_file(const char **file, const char *option, const char *value) {
    if (*file)
        fprintf(stderr, "rsp-certcheck: %s: only one file, with all that belongs in it\n", option);
    if (*file) return false;
    *file = value;
    return true;
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
    fputs(text_string(&problems), stderr);
    fputs(text_string(&out), stdout);
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
