// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/slice.h"

// The files that one configuration was read from: each is read once and kept, so that loading again (in a worker
// without the right to read keys, or for a replaced worker) gives exactly the same. The supervisor makes a set from
// disk, packs it into one sealed memory file, and every other process unpacks that; then nothing is read from disk.
struct files;

struct files *files_new(void);                                 // reads from disk, remembers
struct files *files_unpack(int fd, char *why, size_t why_max); // a packed set; NULL and why
void files_free(struct files *f);                              // memory that held contents is wiped
// A sealed memfd; -1 and errno.
int files_pack(const struct files *f);

#define FILES_ONE_MAX (32u << 20)  // bytes of one file
#define FILES_ALL_MAX (256u << 20) // bytes of a set
// The content of a file, valid as long as the set. On failure false and `why` ("/x/y.pem: Permission denied", without newline).
bool files_read(struct files *f, const char *path, struct slice *content, char *why,
                size_t why_max);
// The paths that a shell pattern matches, sorted; remembered as well. Returns their number; *paths is the set's. No match: 0.
size_t files_glob(struct files *f, const char *pattern, const char *const **paths);
// The same, when the set knows this pattern already; else 0.
size_t files_peek_glob(const struct files *f, const char *pattern, const char *const **paths);
// Has a pattern that was asked for match this path as well (a file that has gone from the disk keeps its old bytes).
void files_add_match(struct files *f, const char *pattern, const char *path);
// A set that another process read and packed.
bool files_is_unpacked(const struct files *f);
// Puts content in place of what the disk has (a certificate that went bad keeps its old bytes).
void files_replace(struct files *f, const char *path, struct slice content);
// Whether the set knows this path, and its content if it could be read.
bool files_peek(const struct files *f, const char *path, struct slice *content);
