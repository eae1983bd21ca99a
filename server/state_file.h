// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/text.h"

// One file that is replaced as a whole, in a folder that we have open.

#define STATE_BYTES_MAX (64u << 20)

enum saved {
    SAVED,
    NOT_SAVED, // the file is as it was
    UNSURE     // the new one is there, but may be gone after a loss of power
};
// `path` is for the words only; the file is its last part in the folder.
enum saved state_file_write(int folder_fd, const char *path, struct slice content,
                            struct text *why);
// False without a word in `why`: there is no such file.
bool state_file_read(int folder_fd, const char *path, struct text *content, struct text *why);
// Renames it to PATH with this end; where there are some, to PATH.END.2 and so on, and from .9 on in place of the last. Its name
// is written into `aside`. False and `why`.
#define STATE_ASIDE_MAX 300
bool state_file_set_aside(int folder_fd, const char *path, const char *end,
                          char aside[STATE_ASIDE_MAX], struct text *why);
