// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/files.h"
#include "core/text.h"
#include "routing/config.h"
#include "tls/tls.h"

// The certificates that the sites of a route file name, and what is asked of clients'. Strings are the config's but for the labels.
struct certificates {
    const struct config *config;
    char *label;               // of the word tls
    struct tls_chains *chains; // of chain_dir; NULL: none
    struct tls_identity_conf *at;
    size_t count;
    struct tls_client_rules *client_rules; // by number, as the config has them
};
// What is wrong with chain_dir is said in `problems`. The files must outlive it.
void certificates_init(struct certificates *c, const struct config *config, struct files *files,
                       struct text *problems);
void certificates_fini(struct certificates *c);

// "FILE:LINE: WORD "NAME": ", in front of what is said of it; the caller frees. NULL: of nothing that was declared.
char *label_new(const struct place *place, const char *word, const char *name);

// What the settings of the route file make of them. Borrows from both.
struct tls_server_conf certificates_conf(const struct certificates *c, void *ticket_keys);

// Checks every certificate, those of the directory too, and the files of the client rules. One that cannot be used but could be
// in the set `old` gets its old bytes back, certificate and key as a pair, and `problems` a line that says so. Others are left as they are.
void certificates_keep_old(const struct certificates *c, struct files *files,
                           const struct files *old, struct text *problems);
// The same for files that were in the directory of `old` and are not there any more, as far as a site needs them: one that `server`,
// made from `files`, has no certificate for. True if any was put back: the server is to be made again.
bool certificates_keep_gone(const struct certificates *c, struct files *files,
                            const struct files *old, const struct tls_server *server,
                            struct text *problems);
