// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "routing/decide.h"
#include "tools/rsp.h"

enum { TEXT_MAX = 4 << 20, OPTION_FROM = 256 };

static int usage(void);
static int explain(const char *file, const char *method, const char *url,
                   const struct address *from);

// rsp explain [-c FILE] [--from IP] [METHOD] URL
int rsp_explain(int argc, char **argv) {
    static const struct option LONG[] = {{"config", required_argument, NULL, 'c'},
                                         {"from", required_argument, NULL, OPTION_FROM},
                                         {0}};
    const char *file = RSP_DEFAULT_FILE, *from = NULL;
    struct address address;
    for (int c; (c = getopt_long(argc, argv, "c:", LONG, NULL)) != -1;) {
        if (c == 'c')
            file = optarg;
        else if (c == OPTION_FROM)
            from = optarg;
        else
            return usage();
    }
    if (from && !address_parse_ip(slice_of(from), 0, &address)) {
        fprintf(stderr, "rsp explain: '%s' is no IP address\n", from);
        return EXIT_USAGE;
    }
    int left = argc - optind;
    if (left < 1 || left > 2) return usage();
    return explain(file, left == 2 ? argv[optind] : "GET", argv[argc - 1], from ? &address : NULL);
}

static int usage(void) {
    fputs("usage: rsp explain [-c FILE] [--from IP] [METHOD] URL\n", stderr);
    return EXIT_USAGE;
}

static int explain(const char *file, const char *method, const char *url,
                   const struct address *from) {
    struct files *files = files_new();
    struct text out;
    text_init(&out, TEXT_MAX);
    int status = EXIT_CONFIG;
    struct config *config = config_load(files, file, &out);
    if (config && route_explain(config, slice_of(method), slice_of(url), from, &out)) {
        status = EXIT_GOOD;
    } else if (config) {
        status = EXIT_USAGE;
        text_add(&out, SLICE("\n"));
    }
    fputs(text_string(&out), status == EXIT_GOOD ? stdout : stderr);
    text_fini(&out);
    config_free(config);
    files_free(files);
    return status;
}
