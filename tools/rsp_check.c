// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <stdio.h>
#include <stdlib.h>

#include "core/versions.h"
#include "http/generation.h"
#include "http/message/parser.h"
#include "server/edition.h"
#include "server/in_force.h"
#include "server/state_folder.h"
#include "tools/rsp.h"

enum { TEXT_MAX = 4 << 20 };

static void print_in_force(const struct config *c, const struct rsp_options *options,
                           struct text *out);
static int load(const char *file, struct generation **out);

// The status is the one that a start would end with.
int rsp_check(const char *file) {
    struct generation *g;
    int status = load(file, &g);
    if (status == EXIT_GOOD) printf("%s: OK\n", file);
    if (status == EXIT_PROBLEMS) printf("%s: OK, with the problems that are said above\n", file);
    generation_unref(g);
    return status;
}

int rsp_print(const struct rsp_options *options) {
    struct generation *g;
    int status = load(options->file, &g);
    if (!g) return status;
    struct text out;
    text_init(&out, TEXT_MAX);
    print_in_force(g->config, options, &out);
    fputs(text_string(&out), stdout);
    text_fini(&out);
    generation_unref(g);
    return status;
}

// With what the route file leaves to the machine, the user and the command line filled in.
static void print_in_force(const struct config *c, const struct rsp_options *options,
                           struct text *out) {
    struct config now = *c; // shares all that c owns
    const char *user = in_force_user(c);
    char *state = state_folder_path(&c->admin);
    now.workers = (int)in_force_workers(c, options->workers);
    if (user) now.user = (char *)user;
    now.admin.socket = (char *)in_force_socket(c, options->default_admin);
    now.admin.state = state;
    config_print(&now, out);
    free(state);
}

// Errors and problems go to stderr. *out is NULL when nothing was loaded; else it is the caller's, whatever the status.
static int load(const char *file, struct generation **out) {
    struct text errors, problems;
    text_init(&errors, TEXT_MAX);
    text_init(&problems, TEXT_MAX);
    *out = generation_build(files_new(), file, 1, NULL, NULL, &errors, &problems);
    int status = problems.len > 0 ? EXIT_PROBLEMS : EXIT_GOOD;
    if (!*out)
        status = EXIT_CONFIG;
    else if (edition_check(*out, &errors) != EDITION_GOOD)
        status = EXIT_FAILED;
    fputs(text_string(&errors), stderr);
    fputs(text_string(&problems), stderr);
    text_fini(&errors);
    text_fini(&problems);
    return status;
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
