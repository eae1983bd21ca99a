// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

// The ways in which an exchange can fail: rows of fails.def.
enum fail {
    FAIL_NONE,
#define FAIL(id, status, blame, retry, text) FAIL_##id,
#include "http/fails.def"
#undef FAIL
};

enum blame { BLAME_CLIENT, BLAME_BACKEND, BLAME_US };
enum retry { RETRY_NEVER, RETRY_UNSENT, RETRY_STALE };

struct fail_row {
    const char *name;
    int status; // 0: no answer can be given
    enum blame blame;
    enum retry retry;
    const char *text;
};
const struct fail_row *fail_row(enum fail f);
