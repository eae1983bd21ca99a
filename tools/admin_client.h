// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/slice.h"
#include "core/text.h"

struct admin_question {
    const char *socket; // path
    const char *method, *path;
    struct slice content;
    const char *match; // If-Match; NULL: none
};
// One question to the admin socket of a running rsp; waits for the answer. Returns its status, or 0 and why in `body`.
int admin_ask(const struct admin_question *q, struct text *body);
