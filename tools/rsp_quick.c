// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "tls/tls.h"
#include "tools/rsp.h"

// The route file and the certificate are on no disk; these are their names in the set of files.
#define QUICK_FILE        "quick.lua"
#define QUICK_CERTIFICATE "self-signed.pem"

enum { TEXT_MAX = 64 << 10, OPTION_FROM = 256, OPTION_TO, OPTION_HTTPS };

struct quick {
    const char *from, *to;
    bool is_https;
    struct text route_file, certificate;
};

static int usage(void);
static bool is_quotable(const char *what, const char *text);
static bool write_files(struct quick *q);
static void add_listen_value(struct text *out, const char *from);
static void say_what_it_does(const struct quick *q);
static void add_files(void *arg, struct files *set);

// rsp quick --from ADDRESS --to ADDRESS [--https]
int rsp_quick(int argc, char **argv) {
    static const struct option LONG[] = {{"from", required_argument, NULL, OPTION_FROM},
                                         {"https", no_argument, NULL, OPTION_HTTPS},
                                         {"to", required_argument, NULL, OPTION_TO},
                                         {0}};
    struct quick q = {0};
    for (int c; (c = getopt_long(argc, argv, "", LONG, NULL)) != -1;) {
        if (c == OPTION_FROM)
            q.from = optarg;
        else if (c == OPTION_TO)
            q.to = optarg;
        else if (c == OPTION_HTTPS)
            q.is_https = true;
        else
            return usage();
    }
    if (!q.from || !q.to || optind < argc) return usage();
    if (!is_quotable("--from", q.from) || !is_quotable("--to", q.to)) return EXIT_USAGE;
    int status = EXIT_FAILED;
    if (write_files(&q)) {
        say_what_it_does(&q);
        struct rsp_options options = {.file = QUICK_FILE, .is_foreground = true};
        status = rsp_serve(&options, add_files, &q);
    }
    text_fini(&q.route_file);
    text_fini(&q.certificate);
    return status;
}

static int usage(void) {
    fputs("usage: rsp quick --from ADDRESS --to ADDRESS [--https]\n"
          "for example: rsp quick --from :8080 --to 127.0.0.1:3000\n",
          stderr);
    return EXIT_USAGE;
}

static bool is_quotable(const char *what, const char *text) {
    if (*text && !strpbrk(text, "\"\\\r\n")) return true;
    fprintf(stderr, "rsp quick: %s is no address\n", what);
    return false;
}

static bool write_files(struct quick *q) {
    text_init(&q->route_file, TEXT_MAX);
    text_init(&q->certificate, TEXT_MAX);
    text_printf(&q->route_file, "listen { %s = ", q->is_https ? "https" : "http");
    add_listen_value(&q->route_file, q->from);
    text_printf(&q->route_file, " }\nsite \"*\" { to = \"%s\"", q->to);
    if (q->is_https)
        text_add(&q->route_file, SLICE(", tls = { cert = \"" QUICK_CERTIFICATE "\" }"));
    text_add(&q->route_file, SLICE(" }\n"));
    if (q->is_https && !tls_self_signed(NULL, 0, &q->certificate)) {
        fputs("rsp quick: no certificate could be made\n", stderr);
        return false;
    }
    return true;
}

// A port alone, also written ":8080", is a number.
static void add_listen_value(struct text *out, const char *from) {
    const char *port = from[0] == ':' ? from + 1 : from;
    uint64_t n;
    if (slice_to_u64(slice_of(port), &n))
        text_add_u64(out, n);
    else
        text_printf(out, "\"%s\"", from);
}

static void say_what_it_does(const struct quick *q) {
    printf("rsp accepts %s on %s and sends every request to %s; Ctrl-C ends it.\n",
           q->is_https ? "https (with a certificate of its own making, for localhost)" : "http",
           q->from, q->to);
    printf("The same as a route file, for rsp -c FILE:\n\n%.*s\n",
           SLICE_ARGS(text_slice(&q->route_file)));
    fflush(stdout);
}

static void add_files(void *arg, struct files *set) {
    struct quick *q = arg;
    files_replace(set, QUICK_FILE, text_slice(&q->route_file));
    if (q->is_https) files_replace(set, QUICK_CERTIFICATE, text_slice(&q->certificate));
}
