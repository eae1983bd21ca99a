// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <jansson.h>

#include "server/state.h"

// Reading the state file: every value is looked at before any is believed.

// The pools of a file's text, or NULL. Problems are lines, "PATH:LINE: what is wrong" or "PATH: /pools/web/...: what is wrong", the
// first ten of them; what is wrong by itself, a member or a pool, is left out.
json_t *state_parse(struct slice text, const char *path, int format, struct text *problems);
// A member of state_parse()'s.
void state_read_member(const json_t *member, struct state_member *out);
