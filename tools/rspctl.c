// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "core/address.h"
#include "tools/admin_client.h"

static const char HELP[] =
    "rspctl: asks a running rsp, over its admin socket\n"
    "\n"
    "  rspctl [-s SOCKET] reload    loads the route file anew and waits for the end of it\n"
    "  rspctl [-s SOCKET] status    generation, processes, counters (JSON)\n"
    "  rspctl [-s SOCKET] metrics   counters (Prometheus)\n"
    "  rspctl [-s SOCKET] explain [--from IP] [METHOD] URL\n"
    "                               says what would happen to a request, and why\n"
    "\n"
    "The socket is the one of admin { socket = ... } in the route file (default: /run/rsp.sock).\n"
    "Exit status: 0 good, 1 failed, 2 usage, 3 done with problems, 69 rsp cannot be reached.\n";

enum {
    CTL_GOOD = 0,
    CTL_FAILED = 1,
    CTL_USAGE = 2,
    CTL_PROBLEMS = 3,
    CTL_UNREACHABLE = 69,
    BODY_MAX = 16 << 20,
    OPTION_FROM = 256,
    OPTION_HELP
};

struct call {
    const char *socket, *from; // from: of explain
    int argc;                  // after the verb
    char **argv;
};

struct verb {
    const char *name;
    int least, most; // arguments
    int (*run)(const struct call *c);
};

static const struct verb *find_verb(const char *name);
static int run_reload(const struct call *c);
static int run_status(const struct call *c);
static int run_metrics(const struct call *c);
static int run_explain(const struct call *c);
static int show_page(const struct call *c, const char *path);
static int cannot_reach(struct text *why);
static int usage(void);

int main(int argc, char **argv) {
    static const struct option LONG[] = {{"from", required_argument, NULL, OPTION_FROM},
                                         {"help", no_argument, NULL, OPTION_HELP},
                                         {"socket", required_argument, NULL, 's'},
                                         {0}};
    struct call call = {.socket = "/run/rsp.sock"};
    for (int c; (c = getopt_long(argc, argv, "hs:", LONG, NULL)) != -1;) {
        switch (c) {
        case 's': call.socket = optarg; break;
        case OPTION_FROM: call.from = optarg; break;
        case 'h':
        case OPTION_HELP: fputs(HELP, stdout); return CTL_GOOD;
        default: return usage();
        }
    }
    const struct verb *verb = optind < argc ? find_verb(argv[optind]) : NULL;
    if (!verb) return usage();
    call.argc = argc - optind - 1;
    call.argv = argv + optind + 1;
    if (call.argc < verb->least || call.argc > verb->most) return usage();
    if (call.from && verb->run != run_explain) return usage();
    return verb->run(&call);
}

static const struct verb *find_verb(const char *name) {
    static const struct verb VERBS[] = {{"explain", 1, 2, run_explain},
                                        {"metrics", 0, 0, run_metrics},
                                        {"reload", 0, 0, run_reload},
                                        {"status", 0, 0, run_status}};
    for (size_t i = 0; i < sizeof VERBS / sizeof VERBS[0]; i++)
        if (strcmp(name, VERBS[i].name) == 0) return &VERBS[i];
    return NULL;
}

static int usage(void) {
    fputs(
        "usage: rspctl [-s SOCKET] reload | status | metrics | explain [--from IP] [METHOD] URL\n",
        stderr);
    return CTL_USAGE;
}

// The answer: "exit N", then the lines.
static int run_reload(const struct call *c) {
    struct text body;
    text_init(&body, BODY_MAX);
    int http = admin_ask(c->socket, "POST", "/reload?text", (struct slice){0}, &body);
    struct slice rest = text_slice(&body);
    struct slice first = slice_cut(&rest, '\n');
    uint64_t status = CTL_FAILED;
    if (http == 0) return cannot_reach(&body);
    if (http == 200 && slice_starts_with(first, SLICE("exit ")) &&
        slice_to_u64(slice_skip(first, 5), &status)) {
        fprintf(status == CTL_GOOD ? stdout : stderr, "%.*s", SLICE_ARGS(rest));
    } else {
        fprintf(stderr, "%s", text_string(&body));
    }
    text_fini(&body);
    if (status == CTL_GOOD || status == CTL_PROBLEMS)
        puts(status == CTL_GOOD ? "reloaded" : "reloaded, with problems");
    else
        fputs("the reload failed; nothing has changed\n", stderr);
    return (int)status;
}

static int run_status(const struct call *c) {
    return show_page(c, "/status");
}

static int run_metrics(const struct call *c) {
    return show_page(c, "/metrics");
}

static int show_page(const struct call *c, const char *path) {
    struct text body;
    text_init(&body, BODY_MAX);
    int http = admin_ask(c->socket, "GET", path, (struct slice){0}, &body);
    if (http == 0) return cannot_reach(&body);
    fputs(text_string(&body), http == 200 ? stdout : stderr);
    text_fini(&body);
    return http == 200 ? CTL_GOOD : CTL_FAILED;
}

static int run_explain(const struct call *c) {
    struct text question, body;
    text_init(&question, BODY_MAX);
    text_init(&body, BODY_MAX);
    text_printf(&question, "%s\n%s\n%s\n", c->argc == 2 ? c->argv[0] : "GET", c->argv[c->argc - 1],
                c->from ? c->from : "");
    int http = admin_ask(c->socket, "POST", "/explain", text_slice(&question), &body);
    text_fini(&question);
    if (http == 0) return cannot_reach(&body);
    fputs(text_string(&body), http == 200 ? stdout : stderr);
    text_fini(&body);
    return http == 200 ? CTL_GOOD : http == 400 ? CTL_USAGE : CTL_FAILED;
}

static int cannot_reach(struct text *why) {
    fprintf(stderr, "rspctl: rsp cannot be reached: %s\n", text_string(why));
    text_fini(why);
    return CTL_UNREACHABLE;
}
