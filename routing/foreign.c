// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "routing/foreign.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *name, *text;
} ROWS[] = {
#define FOREIGN(name, text) {name, text},
#include "routing/foreign.def"
#undef FOREIGN
};

const char *foreign_hint(const char *name) {
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        if (strcmp(ROWS[i].name, name) == 0) return ROWS[i].text;
    return NULL;
}
