// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "http/generation.h"
#include "server/orders.h"
#include "server/state_folder.h"

// What the supervisor holds of one generation: the generation itself (it proved that all can be built), the packed set of
// files that the others build it from, the listening sockets and the logs.
struct edition {
    struct generation *generation;
    int packed_fd;
    int *listen_fds;  // in the order of config->listens
    char *admin_path; // of the unix socket of control; NULL: none
    int admin_fd;     // -1: none
    int remote_fd;    // of the admin API by network; -1: none
    struct state_place state;
    int access_fd;  // -1: off
    int error_fd;   // never -1
    bool is_return; // from a trial to what was before
};

enum edition_result { EDITION_GOOD, EDITION_BAD_CONFIG, EDITION_FAILED };

struct edition_conf {
    const char *path;
    struct files *files; // taken, also on failure
    unsigned number;
    void *ticket_keys;
    const char *default_admin; // see struct reload_conf
    const struct edition
        *old; // whose sockets are used again and whose certificates stand in; NULL at the start
};
// Loads, checks, opens. On failure nothing stays open, *out is NULL and `errors` has all reasons.
enum edition_result edition_new(const struct edition_conf *conf, struct edition **out,
                                struct text *errors, struct text *problems);
// Could a start open what this generation names? Nothing is opened for long, nothing is made (rsp -t).
enum edition_result edition_check(const struct generation *g, struct text *errors);
// Lets in on the unix sockets whom the route file lets in; until then only the starting user may connect. Says in the log
// where that fails.
void edition_permit(const struct edition *e);
// Nothing is accepted on its sockets any more: who connects is refused at once instead of waiting for nobody. For the end of the program,
// when all other processes have let go of them too; paths of unix sockets are removed.
void edition_stop_listening(struct edition *e);
// Closes what is its own; paths of unix sockets that `kept` (may be NULL) does not use are removed.
void edition_free(struct edition *e, const struct edition *kept);

// Opens the logs anew; whoever uses the old ones is to be told. False, with the old ones in place and a line in the log.
bool edition_reopen_logs(struct edition *e);
bool edition_send_logs(const struct edition *e, struct channel *to);
// All that a process needs to build it, up to ORDER_BUILD.
bool edition_send(const struct edition *e, struct channel *to, bool is_control);
