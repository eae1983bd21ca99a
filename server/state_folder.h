// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/text.h"
#include "routing/listen.h"

// Where the state file lies, seen by the supervisor: it makes the folder, and control, which has no right to, gets it as a descriptor.
struct state_place {
    char *path; // of the file; NULL: there is none
    int folder_fd;
};

// Path of the file: admin { state = ... }, or state.json in the folder that systemd names (STATE_DIRECTORY), or NULL. The caller frees it.
char *state_folder_path(const struct admin_conf *admin);
// A folder that is missing is made for `user` (NULL: who we are); one that is there must let him write, and only systemd's is given to
// him. Without a path there is nothing to open. False: a line in `errors`.
bool state_folder_open(const struct admin_conf *admin, const char *user, struct state_place *out,
                       struct text *errors);
void state_folder_close(struct state_place *p);
// Could it be opened? Nothing is made.
bool state_folder_check(const struct admin_conf *admin, const char *user, struct text *errors);
