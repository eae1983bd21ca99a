// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tools/certcheck_words.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "certcheck/models.h"
#include "certcheck/moment.h"
#include "certcheck/starttls.h"
#include "tls/tls.h"
#include "tools/certcheck.h"
#include "tools/number.h"

#define DAYS_MAX      100000
#define WARNING_DAYS  21
#define CRITICAL_DAYS 7
#define DAYS_UNSAID   (DAYS_MAX + 1)
#define TIMEOUT_MAX_S 3600
#define LEFT_WIDTH    20 // of an option in the help

enum choice {
#define HEADING(text)
#define OPTION(symbol, letter, name, argument, help)                                               \
    OPTION_##symbol = (letter) ? (letter) : 256 + __LINE__,
#include "tools/certcheck_options.def"
#undef OPTION
};
struct row {
    int value;
    const char *name, *argument, *help;
};
static const struct row rows[] = {
#undef HEADING
#define HEADING(text)                                {0, NULL, NULL, (text)},
#define OPTION(symbol, letter, name, argument, help) {OPTION_##symbol, (name), (argument), (help)},
#include "tools/certcheck_options.def"
#undef OPTION
#undef HEADING
};
#define ROWS (sizeof rows / sizeof *rows)
static const struct row verify_rows[] = {
#define OPTION(symbol, name, argument, help) {1, (name), (argument), (help)},
#include "tools/certcheck_verify_options.def"
#undef OPTION
};

static const char usage[] =
    "usage: rsp-certcheck [OPTION]... FILE|DIRECTORY|-|HOST[:PORT]...\n" CERTCHECK_VERIFY_USAGE;
static const char about[] = "\nShows the certificates of PEM, DER, PKCS#7 and PKCS#12 files, or "
                            "those that a server\n"
                            "sends, all paths from them to a trusted certificate, and what is "
                            "wrong with them and how to mend it.\n";
static const char about_verify[] =
    "\nWith --verify: looks for the strongest valid path from the certificate in LEAF to one of "
    "the\n"
    "trusted certificates in the --anchors file, over those of the --chain file in any order.\n"
    "\n";
static const char statuses[] =
    "\nExit status: 0 all good or a valid path, 1 there are warnings (with -W), 2 there are "
    "findings\n"
    "or no valid path, 3 something could not be read or checked, 64 wrong usage; with --nagios: 0 "
    "OK,\n"
    "1 WARNING, 2 CRITICAL, 3 UNKNOWN.\n";

static size_t make_options(struct option *options, char *letters);
static bool may_take(int option, const char *value, bool *were_said);
static bool take(struct certcheck_words *words, int option, const char *value, int *status);
static bool take_host(const char **host, const char *option, const char *value);
static bool take_starttls(struct certcheck_words *words, const char *value);
// An empty one is for nobody (--sni).
static bool take_host(const char **host, const char *option, const char *value) {
    char normal[HOSTNAME_MAX + 1];
    *host = value;
    if (value[0] == '\0' || target_normalise_host(slice_of(value), normal) > 0) return true;
    fprintf(stderr, "rsp-certcheck: %s: no host can have the name '%s'\n", option, value);
    return false;
}

static bool take_starttls(struct certcheck_words *words, const char *value) {
    struct text known;
    words->target.starttls = value;
    if (starttls_find(value) || strcmp(value, STARTTLS_NONE) == 0) return true;
    text_init(&known, 1000);
    starttls_add_names(&known);
    fprintf(stderr, "rsp-certcheck: --starttls: '%s' is not known; there are %s, %s\n", value,
            STARTTLS_NONE, text_string(&known));
    text_fini(&known);
    return false;
}

static bool take_timeout(struct certcheck_words *words, const char *value);
static bool take_form(struct certcheck_words *words, int option);
static bool take_models(struct certcheck_words *words, const char *value);
static void settle_days(struct certcheck_words *words);
static bool is_consistent(const struct certcheck_words *words);
static void print_option(const struct row *row);

bool certcheck_read_words(struct certcheck_words *words, int count, char **arguments, int *status) {
    struct option options[ROWS + 1];
    char letters[2 * ROWS + 1];
    bool were_said[ROWS] = {false};
    int option;
    *words = (struct certcheck_words){
        .at = time(NULL), .warning_days = DAYS_UNSAID, .critical_days = DAYS_UNSAID};
    make_options(options, letters);
    *status = EXIT_MISUSED;
    while ((option = getopt_long(count, arguments, letters, options, NULL)) != -1) {
        if (option != '?' && may_take(option, optarg, were_said) &&
            take(words, option, optarg, status))
            continue;
        if (*status == EXIT_MISUSED) fprintf(stderr, "%s", usage);
        return false;
    }
    words->targets = arguments + optind;
    words->target_count = count - optind;
    settle_days(words);
    if (is_consistent(words)) return true;
    fprintf(stderr, "%s", usage);
    return false;
}

static size_t make_options(struct option *options, char *letters) {
    size_t count = 0;
    char *next = letters;
    for (size_t i = 0; i < ROWS; i++) {
        int has_argument = rows[i].argument ? required_argument : no_argument;
        if (rows[i].name)
            options[count++] = (struct option){rows[i].name, has_argument, NULL, rows[i].value};
        if (rows[i].value == 0 || rows[i].value >= 256) continue;
        *next++ = (char)rows[i].value;
        if (rows[i].argument) *next++ = ':';
    }
    options[count] = (struct option){0};
    *next = '\0';
    return count;
}

static bool may_take(int option, const char *value, bool *were_said) {
    unsigned rules = option == OPTION_SNI        ? OPTION_MAY_BE_EMPTY
                     : option == OPTION_SIMULATE ? OPTION_ADDS_UP
                                                 : 0;
    char name[60];
    size_t i = 0;
    while (rows[i].value != option) i++;
    if (rows[i].name)
        snprintf(name, sizeof name, "--%s", rows[i].name);
    else
        snprintf(name, sizeof name, "-%c", rows[i].value);
    return certcheck_may_take(name, value, &were_said[i], rules);
}

static bool take(struct certcheck_words *words, int option, const char *value, int *status) {
    switch (option) {
    case OPTION_HOST: return take_host(&words->target.host, "--host", value);
    case OPTION_CONFIG: words->config = value; return true;
    case OPTION_PASSWORD_FILE: words->password_file = value; return true;
    case OPTION_SNI: return take_host(&words->target.sni, "--sni", value);
    case OPTION_STARTTLS: return take_starttls(words, value);
    case OPTION_TIMEOUT: return take_timeout(words, value);
    case OPTION_AIA: words->target.fetches_issuers = true; return true;
    case OPTION_AIA_ALLOW_PRIVATE:
        words->target.fetches_issuers = words->target.fetches_from_private = true;
        return true;
    case OPTION_ANCHORS: words->anchors = value; return true;
    case OPTION_POLICY: words->policy = value; return true;
    case OPTION_PROMETHEUS: words->prometheus = value; return true;
    case OPTION_FIX: words->fix = value; return true;
    case OPTION_WITH_KEY: words->has_key = true; return true;
    case OPTION_WARNINGS: words->warnings_count = true; return true;
    case OPTION_SIMULATE: return take_models(words, value);
    case OPTION_WARN_DAYS:
        return number_parse("rsp-certcheck: -w", value, 0, DAYS_MAX, &words->warning_days);
    case OPTION_CRITICAL_DAYS:
        return number_parse("rsp-certcheck: -c", value, 0, DAYS_MAX, &words->critical_days);
    case OPTION_AT:
        if (moment_parse(value, &words->at)) return true;
        fprintf(stderr, "rsp-certcheck: --at: '%s' is no time (2026-11-23T09:30:00Z)\n", value);
        return false;
    case OPTION_HELP: *status = certcheck_help(); return false;
    case OPTION_VERSION: *status = certcheck_version(); return false;
    default: return take_form(words, option);
    }
}

static bool take_timeout(struct certcheck_words *words, const char *value) {
    unsigned seconds;
    if (!number_parse("rsp-certcheck: --timeout", value, 1, TIMEOUT_MAX_S, &seconds)) return false;
    words->target.timeout_ms = seconds * 1000;
    return true;
}

static bool take_form(struct certcheck_words *words, int option) {
    enum certcheck_form form = option == OPTION_JSON     ? FORM_JSON
                               : option == OPTION_SARIF  ? FORM_SARIF
                               : option == OPTION_JUNIT  ? FORM_JUNIT
                               : option == OPTION_NAGIOS ? FORM_NAGIOS
                                                         : FORM_DOT;
    if (words->form == FORM_TEXT || words->form == form) {
        words->form = form;
        return true;
    }
    fprintf(stderr, "rsp-certcheck: only one of --json, --sarif, --junit, --nagios and --dot\n");
    return false;
}

static bool take_models(struct certcheck_words *words, const char *value) {
    struct text why;
    text_init(&why, 1000);
    bool is_good = models_parse(value, &words->models, &why);
    if (!is_good) fprintf(stderr, "rsp-certcheck: --simulate: %s\n", text_string(&why));
    text_fini(&why);
    return is_good;
}

// One of the two alone must not contradict what nobody said.
static void settle_days(struct certcheck_words *words) {
    unsigned *warning = &words->warning_days, *critical = &words->critical_days;
    bool has_warning = *warning != DAYS_UNSAID, has_critical = *critical != DAYS_UNSAID;
    if (!has_warning) *warning = WARNING_DAYS;
    if (!has_critical) *critical = CRITICAL_DAYS;
    if (*critical > *warning && !has_critical) *critical = *warning;
    if (*critical > *warning && !has_warning) *warning = *critical;
}

static bool is_consistent(const struct certcheck_words *words) {
    const char *why = NULL;
    if (words->target_count == 0 && !words->config) why = "nothing to look at";
    for (int i = 0; i < words->target_count; i++)
        if (words->targets[i][0] == '\0') why = "a target is empty";
    if (words->fix && words->target_count + (words->config != NULL) > 1)
        why = "--fix goes with one target";
    if (words->has_key && !words->fix) why = "--with-key goes with --fix";
    if (words->critical_days > words->warning_days) why = "-c must not be more than -w";
    if (why) fprintf(stderr, "rsp-certcheck: %s\n", why);
    return !why;
}

int certcheck_help(void) {
    printf("%s%s", usage, about);
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].value == 0)
            printf("\n%s:\n", rows[i].help);
        else
            print_option(&rows[i]);
    printf("%s", about_verify);
    for (size_t i = 0; i < sizeof verify_rows / sizeof *verify_rows; i++)
        print_option(&verify_rows[i]);
    printf("%s", statuses);
    return fflush(stdout) == 0 ? EXIT_GOOD : EXIT_UNREADABLE;
}

int certcheck_version(void) {
    printf("rsp-certcheck %s (%s)\n", RSP_VERSION, tls_library_version());
    return fflush(stdout) == 0 ? EXIT_GOOD : EXIT_UNREADABLE;
}

// A long left side has a line of its own.
static void print_option(const struct row *row) {
    char left[60];
    const char *space = row->argument ? " " : "", *argument = row->argument ? row->argument : "";
    if (row->name && row->value > 1 && row->value < 256)
        snprintf(left, sizeof left, "-%c, --%s", row->value, row->name);
    else if (row->name)
        snprintf(left, sizeof left, "--%s%s%s", row->name, space, argument);
    else
        snprintf(left, sizeof left, "-%c%s%s", row->value, space, argument);
    bool is_long = strlen(left) > LEFT_WIDTH;
    if (is_long) printf("  %s\n", left);
    printf("  %-*s %s\n", LEFT_WIDTH, is_long ? "" : left, row->help);
}
