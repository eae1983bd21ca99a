// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/text.h"
#include "server/scoreboard.h"

// What the pages of the admin socket say.
// state_path: NULL: edits are not saved. more: members of the JSON, each with its comma.
void admin_write_status(struct scoreboard *board, unsigned generation, const char *state_path,
                        struct slice more, struct text *out);
void admin_write_metrics(struct scoreboard *board, unsigned generation, struct text *out);
// lines: errors if exit_status is EXIT_FAILED, else problems.
void admin_write_reload(int exit_status, struct slice lines, struct text *out);
