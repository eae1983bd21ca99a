// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/slice.h"
#include "core/text.h"

// One question to the admin socket of a running rsp; waits for the answer. Returns its status, or 0 and why in `body`.
int admin_ask(const char *socket_path, const char *method, const char *path, struct slice content,
              struct text *body);
