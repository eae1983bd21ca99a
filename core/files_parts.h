// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/files.h"

// What core/files.c and core/files_pack.c know of a set together; nobody else includes this.

// The maxima of a set besides those of the header.
enum { FILES_MAX = 65536, PATTERNS_MAX = 1024, MATCHES_MAX = 65536 };

struct file {
    char *path;
    char *why;   // it could not be read; NULL: it could
    char *owned; // the content's memory (core/undumped.h); NULL: content stands in the mapping
    size_t owned_bytes;
    struct slice content;
    struct file *replaced; // earlier content, promised for the set's life
};

struct pattern {
    char *text;
    char **paths;
    size_t count;
};

struct files {
    char *mapping; // of a packed set; then nothing is read from disk
    size_t mapping_len;
    struct file **files; // sorted by path
    size_t count;
    struct pattern *patterns;
    size_t pattern_count;
    size_t bytes; // read from disk
};

struct file *files_find(const struct files *f, const char *path);
struct file *files_add(struct files *f, const char *path); // not there yet
void files_fail_one(struct file *file, const char *reason);
struct pattern *files_add_pattern(struct files *f, const char *text); // not there yet
void files_add_path(struct pattern *p, const char *path);
