// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/address.h"
#include "core/conf.h"
#include "tools/rspctl.h"

static const char HELP[] =
    "rspctl: asks a running rsp, and changes its pools, over its admin socket\n"
    "\n"
    "  rspctl pools                 all pools\n"
    "  rspctl pool NAME             the members of one\n"
    "  rspctl pool NAME add ADDRESS... [weight=N] [backup] [max_connections=N]\n"
    "  rspctl pool NAME set ADDRESS... [weight=N|file] ...\n"
    "  rspctl pool NAME drain|ready|maint|remove ADDRESS... [--wait [--timeout 60s]]\n"
    "                               --wait: until nothing is in flight on them\n"
    "  rspctl pool NAME replace FILE\n"
    "                               the members are to be those of FILE, a line each\n"
    "  rspctl pool NAME plan replace FILE --keys FILE\n"
    "                               how many of these keys would move\n"
    "  rspctl pool NAME pause KEY [--for 30s]\n"
    "                               requests of this key wait, at most so long\n"
    "  rspctl pool NAME resume KEY  they go on\n"
    "  rspctl pool NAME pauses      keys that are paused\n"
    "  rspctl diff                  what differs from the route file\n"
    "  rspctl save                  the pools as they are now, as Lua\n"
    "  rspctl requests [--slower 5s]\n"
    "                               what is running, the oldest first\n"
    "  rspctl kill ID               ends a request\n"
    "  rspctl top [ROUNDS]          rates, pools and the oldest requests, every second\n"
    "  rspctl tail [events] [NAME=VALUE...]\n"
    "                               the access log as it goes on, of this host=, site=, pool=,\n"
    "                               backend=, reason=, id= or status= (404, 5xx) only; events:\n"
    "                               also edits, health of members, reloads\n"
    "  rspctl explain [--from IP] [METHOD] URL\n"
    "                               says what would happen to a request, and why\n"
    "  rspctl reload [--confirm 60s]\n"
    "                               loads the route file anew and waits for the end of it; with\n"
    "                               --confirm it goes back by itself unless rspctl confirm comes\n"
    "  rspctl confirm               the last reload stays\n"
    "  rspctl status                generation, processes, counters (JSON)\n"
    "  rspctl metrics               counters (Prometheus)\n"
    "\n"
    "-s SOCKET: the one of admin { socket = ... } in the route file (default: /run/rsp.sock).\n"
    "--json: the answer as JSON. --match TAG: only if the pool still has this ETag.\n"
    "Exit status: 0 good, 1 failed or refused (diff: something differs), 2 usage, 3 done with\n"
    "problems, 69 rsp cannot be reached.\n";

enum {
    OPTION_CONFIRM = 256,
    OPTION_FOR,
    OPTION_FROM,
    OPTION_HELP,
    OPTION_JSON,
    OPTION_KEYS,
    OPTION_MATCH,
    OPTION_SLOWER,
    OPTION_TIMEOUT,
    OPTION_WAIT,
    PAUSE_USUAL_MS = 30 * 1000,
    WAIT_USUAL_MS = 3600 * 1000
};

struct verb {
    const char *name;
    int least, most; // arguments
    verb_fn *run;
};

static const struct verb *find_verb(const char *name);
static int run_reload(const struct call *c);
static int run_confirm(const struct call *c);
static int ask_supervisor(const struct call *c, const char *path);
static int run_status(const struct call *c);
static int run_metrics(const struct call *c);
static int run_explain(const struct call *c);
static void say_lines(const json_t *lines, FILE *out);
static json_t *json_of_metrics(const char *text);
static bool take_option(struct call *c, int option);
static bool take_time(unsigned *ms, unsigned least);

int main(int argc, char **argv) {
    static const struct option LONG[] = {{"confirm", required_argument, NULL, OPTION_CONFIRM},
                                         {"for", required_argument, NULL, OPTION_FOR},
                                         {"from", required_argument, NULL, OPTION_FROM},
                                         {"help", no_argument, NULL, OPTION_HELP},
                                         {"json", no_argument, NULL, OPTION_JSON},
                                         {"keys", required_argument, NULL, OPTION_KEYS},
                                         {"match", required_argument, NULL, OPTION_MATCH},
                                         {"slower", required_argument, NULL, OPTION_SLOWER},
                                         {"socket", required_argument, NULL, 's'},
                                         {"timeout", required_argument, NULL, OPTION_TIMEOUT},
                                         {"wait", no_argument, NULL, OPTION_WAIT},
                                         {0}};
    struct call call = {
        .socket = "/run/rsp.sock", .wait_ms = WAIT_USUAL_MS, .for_ms = PAUSE_USUAL_MS};
    for (int c; (c = getopt_long(argc, argv, "hs:", LONG, NULL)) != -1;) {
        if (c == 'h' || c == OPTION_HELP) {
            fputs(HELP, stdout);
            return CTL_GOOD;
        }
        if (!take_option(&call, c)) return ctl_usage();
    }
    const struct verb *verb = optind < argc ? find_verb(argv[optind]) : NULL;
    if (!verb) return ctl_usage();
    call.argc = argc - optind - 1;
    call.argv = argv + optind + 1;
    if (call.argc < verb->least || call.argc > verb->most) return ctl_usage();
    if (call.from && verb->run != run_explain) return ctl_usage();
    return verb->run(&call);
}

static bool take_option(struct call *c, int option) {
    switch (option) {
    case 's': c->socket = optarg; return true;
    case OPTION_FROM: c->from = optarg; return true;
    case OPTION_JSON: c->as_json = true; return true;
    case OPTION_KEYS: c->keys = optarg; return true;
    case OPTION_MATCH: c->match = optarg; return true;
    case OPTION_WAIT: c->waits = true; return true;
    case OPTION_FOR: return take_time(&c->for_ms, 1);
    case OPTION_CONFIRM: return take_time(&c->confirm_ms, 1);
    case OPTION_SLOWER: return take_time(&c->slower_ms, 0);
    case OPTION_TIMEOUT: return take_time(&c->wait_ms, 0);
    default: return false;
    }
}

static bool take_time(unsigned *ms, unsigned least) {
    uint64_t value = 0;
    bool is_time = conf_parse_ms(slice_of(optarg), &value) && value <= INT32_MAX && value >= least;
    if (!is_time)
        fprintf(stderr, "rspctl: \"%s\": needs a time such as 500ms, 30s or 5m%s\n", optarg,
                least > 0 ? ", more than none" : "");
    *ms = (unsigned)value;
    return is_time;
}

static const struct verb *find_verb(const char *name) {
    static const struct verb VERBS[] = {{"confirm", 0, 0, run_confirm},
                                        {"diff", 0, 0, run_diff},
                                        {"explain", 1, 2, run_explain},
                                        {"kill", 1, 1, run_kill},
                                        {"metrics", 0, 0, run_metrics},
                                        {"pool", 1, INT_MAX, run_pool},
                                        {"pools", 0, 0, run_pools},
                                        {"reload", 0, 0, run_reload},
                                        {"requests", 0, 0, run_requests},
                                        {"save", 0, 0, run_save},
                                        {"status", 0, 0, run_status},
                                        {"tail", 0, 16, run_tail},
                                        {"top", 0, 1, run_top}};
    for (size_t i = 0; i < sizeof VERBS / sizeof VERBS[0]; i++)
        if (strcmp(name, VERBS[i].name) == 0) return &VERBS[i];
    return NULL;
}

int ctl_usage(void) {
    fputs(
        "usage: rspctl [-s SOCKET] [--json] pools | pool NAME [VERB ...] | diff | save | reload |\n"
        "       confirm | status | metrics | requests | kill ID | top | tail | explain URL\n"
        "       (rspctl --help says more)\n",
        stderr);
    return CTL_USAGE;
}

int ctl_wrong_word(const char *verb, const char *why) {
    fprintf(stderr, "rspctl: %s: %s\n", verb, why);
    return ctl_usage();
}

static int run_reload(const struct call *c) {
    char path[64];
    unsigned seconds = (c->confirm_ms + 999) / 1000;
    snprintf(path, sizeof path, seconds ? "/v1/reload?trial=%u" : "/v1/reload", seconds);
    int status = ask_supervisor(c, path);
    if (c->as_json) return status;
    bool is_done = status == CTL_GOOD || status == CTL_PROBLEMS;
    if (is_done)
        puts(status == CTL_GOOD ? "reloaded" : "reloaded, with problems");
    else if (status != CTL_UNREACHABLE)
        fputs("the reload failed; nothing has changed\n", stderr);
    if (is_done && seconds)
        printf("it goes back in %u s, or when far more requests fail; rspctl confirm keeps it\n",
               seconds);
    return status;
}

static int run_confirm(const struct call *c) {
    return ask_supervisor(c, "/v1/confirm");
}

// The answer has the exit status, and what there is to say.
static int ask_supervisor(const struct call *c, const char *path) {
    int status;
    json_t *answer = ctl_ask(c, "POST", path, NULL, &status);
    if (!answer) return status;
    const json_t *exit_status = json_object_get(answer, "exit");
    status = json_is_integer(exit_status) ? (int)json_integer_value(exit_status) : CTL_FAILED;
    if (c->as_json) {
        ctl_print_json(answer);
    } else {
        say_lines(json_object_get(answer, "errors"), stderr);
        say_lines(json_object_get(answer, "problems"), status == CTL_GOOD ? stdout : stderr);
    }
    json_decref(answer);
    return status;
}

static void say_lines(const json_t *lines, FILE *out) {
    for (size_t i = 0; i < json_array_size(lines); i++)
        fprintf(out, "%s\n", ctl_text(json_array_get(lines, i)));
}

static int run_status(const struct call *c) {
    return ctl_show_page(c, "/status", NULL);
}

// --json: an object with a number for each line.
static int run_metrics(const struct call *c) {
    return ctl_show_page(c, "/metrics", c->as_json ? json_of_metrics : NULL);
}

static json_t *json_of_metrics(const char *text) {
    json_t *all = json_object();
    struct slice rest = slice_of(text);
    while (rest.len > 0) {
        struct slice line = slice_cut(&rest, '\n');
        size_t len = line.len;
        while (len > 0 && line.at[len - 1] != ' ') len--;
        if (len == 0 || line.at[0] == '#') continue;
        json_t *key = json_stringn(line.at, len - 1);
        json_object_set_new(all, json_string_value(key), json_real(strtod(line.at + len, NULL)));
        json_decref(key);
    }
    return all;
}

static int run_explain(const struct call *c) {
    int status;
    json_t *question = json_pack("{s:s, s:s}", "method", c->argc == 2 ? c->argv[0] : "GET", "url",
                                 c->argv[c->argc - 1]);
    if (c->from) json_object_set_new(question, "from", json_string(c->from));
    if (!question) {
        fputs("rspctl: explain: the URL is no UTF-8\n", stderr);
        return CTL_USAGE;
    }
    json_t *answer = ctl_ask(c, "POST", "/v1/explain", question, &status);
    if (answer && c->as_json)
        ctl_print_json(answer);
    else if (answer)
        fputs(ctl_text_of(answer, "text"), stdout);
    json_decref(answer);
    return status == CTL_FAILED ? CTL_USAGE : status;
}
