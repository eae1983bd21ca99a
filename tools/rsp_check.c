// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <stdio.h>

#include "core/versions.h"
#include "http/generation.h"
#include "http/message/parser.h"
#include "tools/rsp.h"

enum { TEXT_MAX = 4 << 20 };

static struct generation *load(const char *file);

int rsp_check(const char *file) {
    struct generation *g = load(file);
    if (!g) return EXIT_CONFIG;
    printf("%s: OK\n", file);
    generation_unref(g);
    return EXIT_GOOD;
}

int rsp_print(const char *file) {
    struct generation *g = load(file);
    if (!g) return EXIT_CONFIG;
    struct text out;
    text_init(&out, TEXT_MAX);
    config_print(g->config, &out);
    fputs(text_string(&out), stdout);
    text_fini(&out);
    generation_unref(g);
    return EXIT_GOOD;
}

// Errors and problems go to stderr.
static struct generation *load(const char *file) {
    struct text errors, problems;
    text_init(&errors, TEXT_MAX);
    text_init(&problems, TEXT_MAX);
    struct generation *g = generation_build(files_new(), file, 1, NULL, NULL, &errors, &problems);
    fputs(text_string(&errors), stderr);
    fputs(text_string(&problems), stderr);
    text_fini(&errors);
    text_fini(&problems);
    return g;
}

int rsp_say_versions(void) {
    struct text out;
    text_init(&out, TEXT_MAX);
    text_printf(&out, "rsp %s\n", RSP_VERSION);
    text_printf(&out, "llhttp %s\n", parser_llhttp_version());
    text_printf(&out, "%s\n", tls_library_version());
    versions_write(&out);
    fputs(text_string(&out), stdout);
    text_fini(&out);
    return EXIT_GOOD;
}
