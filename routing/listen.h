// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/address.h"
#include "core/conf.h"
#include "routing/client_rules.h"

// What a route file says about rsp itself: the words listen, tls, log and admin. Part of struct config (routing/config.h).

enum { LISTENS_MAX = 256 }; // every process holds a descriptor of each

// One address to accept clients on. `listen` may be called several times; each address becomes one of these.
struct listen_conf {
    struct place place;
    struct address address;
    char *text; // as the log says it
    bool is_tls;
    bool redirects; // a plain port sends to HTTPS where the name has a certificate
    bool
        has_proxy_header; // clients begin with a PROXY protocol header (only believed from `trust`, else refused)
    struct networks trust; // whose X-Forwarded-* and PROXY headers are believed
    // limits that hold before a site is known
    unsigned head_ms, keepalive_ms, handshake_ms;
    unsigned keepalive_requests;
    size_t line_bytes, head_bytes;
    unsigned field_count;
    unsigned max_connections; // per worker; 0: from the descriptor limit
    bool makes_room;          // when there are so many, who has been idle longest is closed
    unsigned mode;            // of a unix socket
    char *group;              // of a unix socket; NULL: as it comes
};

struct tls_conf {
    struct place place;
    char *chain_dir;    // directory with intermediate certificates, or NULL
    char *certificates; // directory with *.pem, or NULL
    // The certificate for names without one (and clients without SNI); NULL: the first site's.
    char *default_name;
    bool strict_sni; // refuse names without a certificate
    char *profile;   // "intermediate" or "modern"
    bool has_tickets;
    struct client_rules clients; // of sites that say nothing, and of names without a site
};

struct log_conf {
    struct place place;
    char *access;          // path, "stdout", "stderr" or "off"
    char *errors;          // path, "stdout" or "stderr"
    char *level;           // "debug" "info" "warn" "error"
    uint64_t buffer_bytes; // of access log lines that wait to be written
};

// What to do with members that somebody has to renew while the server cannot be asked; as in settings.def.
enum stale_choice { STALE_KEEP, STALE_EXPIRE };
struct cluster_conf {
    struct place place;
    char *redis; // its address, or NULL: no cluster
    char *prefix;
    char *password; // NULL: none
    int stale;      // enum stale_choice
};

struct admin_conf {
    struct place place;
    char *socket; // path of the unix socket, or NULL
    char *state;  // path of the state file, or NULL
    char *listen, *token_file;
    char *token; // what token_file has
    // What control accepts on. The API by network (NULL: it is not wanted) comes before the unix socket, whose address only the
    // supervisor knows.
    struct listen_conf listens[2];
    size_t listen_count;
    const struct listen_conf *remote;
};
