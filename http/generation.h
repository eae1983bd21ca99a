// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/text.h"
#include "routing/config.h"
#include "tls/tls.h"

// One loaded configuration with all that was built from it. Immutable, counted by reference: exchanges, client
// connections and tunnels keep the one they began with; it is freed with its last user.
struct generation {
    unsigned number;
    unsigned refs;
    struct config *config;
    struct tls_server *tls; // NULL without a TLS listener
    struct tls_client **
        clients; // by pool: clients[i] belongs to config->pools[i]; NULL where no member speaks TLS
    struct files *files;
};

// Loads `path` from `files` (taken: freed with the generation, also on failure) and builds everything. NULL and all
// errors in `errors`; what does not keep it from serving (a bad certificate) is a line in `problems`. A certificate that cannot be
// used but could in the set `old` (NULL: none) keeps its old bytes, and so does a file of authorities. ticket_keys may be NULL.
struct generation *generation_build(struct files *files, const char *path, unsigned number,
                                    const struct files *old, void *ticket_keys, struct text *errors,
                                    struct text *problems);
struct generation *generation_ref(struct generation *g);
void generation_unref(struct generation *g);
// For the pool's https members; NULL: its authorities could not be loaded, so nobody can be believed.
struct tls_client *generation_client(const struct generation *g, const struct pool *p);
