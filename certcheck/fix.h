// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "certcheck/report.h"
#include "core/text.h"

// What should be sent instead (--fix): the leaf, then the best path in order, without its root and without anything else; as PEM. The private key comes
// first when it is asked for and the target had one that matches. False and one line in `why`: there is no valid path.
bool fix_write(const struct report *r, bool has_key, struct text *pem, struct text *why);
