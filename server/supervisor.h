// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/files.h"
#include "server/reload.h"

// The process that rsp begins as: it owns listeners and files, starts the others, and acts on signals: SIGHUP loads anew, SIGUSR1
// opens the logs anew, SIGTERM and SIGINT let all work end (a second one cuts it).
struct supervisor_conf {
    const char *path;                                // of the route file
    void (*add_files)(void *arg, struct files *set); // see struct reload_conf; may be NULL
    void *add_files_arg;
    const char *default_admin; // see struct reload_conf
    unsigned workers;          // 0: as the route file says
    const char *pid_file;      // NULL: none
    void (*on_served)(
        void *
            arg); // requests are answered from now on; may be NULL. The logs are opened anew after it, so it may
    // put others in the places of descriptors 0, 1 and 2.
    void *arg;
};
// Until the end of rsp. What keeps it from starting stands on stderr. Returns the exit status of the program.
int supervisor_run(const struct supervisor_conf *conf);
