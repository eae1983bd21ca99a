// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stddef.h>

#include "core/slice.h"

// Where something stands in a JSON text that has been parsed already (jansson keeps no positions).

// One step down: into the member of this name, or (name NULL) the element of this number.
struct json_step {
    const char *name;
    size_t number;
};
// The line, counted from 1, of the key or element that the steps lead to; as far as they lead.
size_t json_line_of(struct slice json, const struct json_step *steps, size_t count);
