// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "http/fail.h"

#include "core/check.h"

static const struct fail_row rows[] = {
    {"-", 0, BLAME_US, RETRY_NEVER, ""},
#define FAIL(id, status, blame, retry, text) {#id, status, BLAME_##blame, RETRY_##retry, text},
#include "http/fails.def"
#undef FAIL
};

const struct fail_row *fail_row(enum fail f) {
    CHECK((unsigned)f < sizeof(rows) / sizeof(rows[0]));
    return &rows[f];
}
