// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

// Where something was declared.
struct place {
    const char *file;
    int line;
};
