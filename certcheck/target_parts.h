// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/provider.h>

#include "certcheck/target.h"
#include "core/files.h"
#include "tls/chain/decoded.h"

// What certcheck/target.c and the sources (certcheck/source_*.c) know of a list together; nobody else includes this.

struct targets {
    const struct target_conf *conf;
    struct files *files;
    struct decoded *decoded; // what files have in common
    OSSL_PROVIDER *today,
        *legacy;             // algorithms: RC2 is what many a PKCS#12 file is still encrypted with
    struct issuers *issuers; // what --aia has fetched; NULL: nothing yet
    struct target **list;
    size_t count;
};

// A new one, empty, at the end of the list. Beyond TARGETS_MAX the last one is returned again, with a problem said in it.
struct target *targets_add_new(struct targets *t, enum target_kind kind, const char *name);
bool target_is_live(const char *word);                    // no file is there, and none is meant
void target_add_host(struct target *t, const char *name); // one that no host can have is a problem

void target_live_fini(struct target_live *live);
char *target_copy_string(const char *s);
unsigned targets_timeout_ms(const struct targets *t); // of whatever a target is read from

// source_file.c
void source_add_file(struct targets *t, const char *path);
// Adds what a file has of what is wanted (LOAD_... of tls/chain/load.h).
void source_read(struct targets *t, struct target *one, const char *path, unsigned wanted);
void source_add_directory(struct targets *t, const char *path);
// A pipe or a device: for the time that a server has; "-": standard input, as long as it takes.
void source_add_input(struct targets *t, const char *path);

// source_issuers.c: completes the targets from `first` on
void source_add_issuers(struct targets *t, size_t first);
void issuers_free(struct issuers *s);

// source_live.c
void source_add_live(struct targets *t, const char *word); // a word of another form is a problem
