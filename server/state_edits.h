// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <jansson.h>

// What has become of the pools of a state file (server/state.h) from one to the other, done to a third: members that were changed
// or came between `from` and `to` are put into `target` as they are in `to`, those that went are taken out.
void state_repeat_edits(json_t *target, json_t *from, json_t *to);
