// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/text.h"

// One line for each outside library that core uses: "libevent 2.1.12-stable".
void versions_write(struct text *out);
