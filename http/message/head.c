// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "http/message/head.h"

static const struct {
    int status;
    const char *text;
} REFUSALS[] = {
#define REFUSAL(id, status, text) [REFUSE_##id] = {status, text},
#include "http/message/refusals.def"
#undef REFUSAL
};

static const struct {
    struct slice text;
    unsigned flags;
} METHODS[] = {
    [METHOD_OTHER] = {{"", 0}, 0},
#define METHOD(id, text, flags) [METHOD_##id] = {{text, sizeof(text) - 1}, flags},
#include "http/message/methods.def"
#undef METHOD
};

int refusal_status(enum refusal r) {
    return REFUSALS[r].status;
}

const char *refusal_text(enum refusal r) {
    return REFUSALS[r].text;
}

enum method method_of(struct slice text) {
    for (unsigned m = METHOD_OTHER + 1; m < sizeof METHODS / sizeof *METHODS; m++)
        if (slice_equals(METHODS[m].text, text)) return m;
    return METHOD_OTHER;
}

bool method_is_idempotent(enum method m) {
    return METHODS[m].flags & METHOD_IDEMPOTENT;
}
