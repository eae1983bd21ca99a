// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/loop.h"
#include "server/edition.h"
#include "server/roster.h"

// The editions of the supervisor and how one follows another: prepared from disk, brought to every process, and only when all
// of them have built it in force everywhere. Whatever fails before that changes nothing.
struct reload;

enum { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_PROBLEMS = 3, EXIT_CONFIG = 78 };

struct reload_conf {
    struct loop *loop;
    struct scoreboard *board;
    const char *path; // of the route file
    void (*add_files)(void *arg,
                      struct files *set); // puts made-up files into a new set; may be NULL
    void *add_files_arg;
    // Path of the admin socket when the route file names none; NULL: none. Only a named one must work.
    const char *default_admin;
    unsigned workers;                   // 0: as the route file says
    ready_fn *on_served;                // once: all processes serve the first edition
    void (*on_start_failed)(void *arg); // once instead: they cannot
    void *arg;
};
struct reload *reload_new(const struct reload_conf *conf);
void reload_free(struct reload *r);

// The first edition. Returns EXIT_GOOD (on_served follows), or what the program is to end with; errors and problems are texts of
// the caller.
int reload_start(struct reload *r, struct text *errors, struct text *problems);
// Asked by a signal (request 0) or by control. One that comes during another waits for its turn. trial_ms: it goes back by itself
// when reload_confirm() does not come within that time; 0: it stays.
void reload_ask(struct reload *r, unsigned request, unsigned trial_ms);
void reload_confirm(struct reload *r, unsigned request);
void reload_reopen_logs(struct reload *r);
struct roster *reload_roster(struct reload *r);
// Ends what is going on, and listening; asking has no effect from now on.
void reload_stop(struct reload *r);
