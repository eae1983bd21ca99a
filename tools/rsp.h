// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>

#include "server/reload.h" // exit statuses
#include "server/supervisor.h"

// The program rsp, one file for each thing that it can be asked to do. All return exit statuses.

#define RSP_DEFAULT_FILE "/etc/rsp/rsp.lua"

struct rsp_options {
    const char *file;
    bool is_foreground;
    unsigned workers; // 0: as the route file says
    const char *pid_file;
    const char *default_admin; // path of the admin socket when the file names none; NULL: none
};

// rsp -c FILE: serves. With `add_files` the route file may be one that is on no disk.
int rsp_serve(const struct rsp_options *options, void (*add_files)(void *arg, struct files *set),
              void *arg);
int rsp_check(const char *file);                  // -t
int rsp_print(const struct rsp_options *options); // -T
int rsp_say_versions(void);                       // -V
// The verbs; argv[0] is the verb.
int rsp_quick(int argc, char **argv);
int rsp_explain(int argc, char **argv);
int rsp_test(int argc, char **argv);
