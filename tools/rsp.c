// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tools/rsp.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/process.h"
#include "http/message/parser.h"
#include "tools/number.h"

static const char HELP[] =
    "rsp: an HTTP reverse proxy, load balancer and HTTPS front end\n"
    "\n"
    "  rsp [-c FILE] [--foreground] [--workers N] [--pid-file PATH]\n"
    "                     serves as the route file says (default: " RSP_DEFAULT_FILE ")\n"
    "  rsp [-c FILE] -t   checks the route file and all that it names\n"
    "  rsp [-c FILE] -T   prints the settings in effect\n"
    "  rsp -V             prints the versions of rsp and its libraries\n"
    "  rsp quick --from ADDRESS --to ADDRESS [--https]\n"
    "                     proxies at once, without a file\n"
    "  rsp explain [-c FILE] [--from IP] [METHOD] URL\n"
    "                     says what would happen to a request, and why\n"
    "  rsp test FILE      runs route tests\n"
    "\n"
    "Signals: HUP loads the route file anew, USR1 opens the logs anew, TERM and INT let\n"
    "all that goes on end within 30 s (a second one cuts it). See also rspctl(8).\n"
    "Exit status: 0 good, 1 failed while running, 2 usage, 3 good with problems (-t, -T),\n"
    "78 bad configuration.\n";

enum { OPTION_PID_FILE = 256, OPTION_WORKERS, OPTION_FOREGROUND, OPTION_HELP };
enum wish { WISH_SERVE, WISH_CHECK, WISH_PRINT, WISH_VERSIONS };

struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
};

static const struct verb *find_verb(const char *name);
static int run_options(int argc, char **argv);
static bool is_strict(void);

int main(int argc, char **argv) {
    process_keep_title(argc, argv);
    if (!is_strict()) return EXIT_FAILED;
    const struct verb *verb = argc > 1 ? find_verb(argv[1]) : NULL;
    return verb ? verb->run(argc - 1, argv + 1) : run_options(argc, argv);
}

static bool is_strict(void) {
    const char *accepts = parser_check_llhttp();
    if (accepts)
        fprintf(stderr, "rsp: this llhttp (%s) is too lenient to be used: it accepts %s\n",
                parser_llhttp_version(), accepts);
    return !accepts;
}

static const struct verb *find_verb(const char *name) {
    static const struct verb VERBS[] = {
        {"explain", rsp_explain}, {"quick", rsp_quick}, {"test", rsp_test}};
    for (size_t i = 0; i < sizeof VERBS / sizeof VERBS[0]; i++)
        if (strcmp(name, VERBS[i].name) == 0) return &VERBS[i];
    return NULL;
}

static int run_options(int argc, char **argv) {
    static const struct option LONG[] = {
        {"config", required_argument, NULL, 'c'},
        {"foreground", no_argument, NULL, OPTION_FOREGROUND},
        {"help", no_argument, NULL, OPTION_HELP},
        {"pid-file", required_argument, NULL, OPTION_PID_FILE},
        {"version", no_argument, NULL, 'V'},
        {"workers", required_argument, NULL, OPTION_WORKERS},
        {0},
    };
    struct rsp_options options = {.file = RSP_DEFAULT_FILE,
                                  .default_admin = geteuid() == 0 ? "/run/rsp.sock" : NULL};
    enum wish wish = WISH_SERVE;
    for (int c; (c = getopt_long(argc, argv, "c:htTV", LONG, NULL)) != -1;) {
        switch (c) {
        case 'c': options.file = optarg; break;
        case 't': wish = WISH_CHECK; break;
        case 'T': wish = WISH_PRINT; break;
        case 'V': wish = WISH_VERSIONS; break;
        case OPTION_FOREGROUND: options.is_foreground = true; break;
        case OPTION_PID_FILE: options.pid_file = optarg; break;
        case OPTION_WORKERS:
            if (!number_parse("rsp: --workers", optarg, 1, WORKERS_MAX, &options.workers))
                return EXIT_USAGE;
            break;
        case 'h':
        case OPTION_HELP: fputs(HELP, stdout); return EXIT_GOOD;
        default: fputs("rsp --help says what can be asked\n", stderr); return EXIT_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "rsp: '%s' is no verb; rsp --help says what can be asked\n", argv[optind]);
        return EXIT_USAGE;
    }
    switch (wish) {
    case WISH_CHECK: return rsp_check(options.file);
    case WISH_PRINT: return rsp_print(&options);
    case WISH_VERSIONS: return rsp_say_versions();
    case WISH_SERVE: break;
    }
    return rsp_serve(&options, NULL, NULL);
}
