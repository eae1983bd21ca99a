// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "certcheck/target.h"
#include "core/files.h"

// What certcheck/target.c and the sources (certcheck/source_*.c) know of a list together; nobody else includes this.

struct targets {
    const struct target_conf *conf;
    struct files *files;
    struct target **list;
    size_t count;
};

// A new one, empty, at the end of the list. Beyond TARGETS_MAX the last one is returned again, with a problem said in it.
struct target *targets_add_new(struct targets *t, enum target_kind kind, const char *name);
void target_add_host(struct target *t, const char *name); // one that no host can have is a problem

// source_file.c
void source_add_file(struct targets *t, const char *path);
void source_add_directory(struct targets *t, const char *path);
