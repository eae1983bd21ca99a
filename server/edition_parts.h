// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <fcntl.h>

#include "server/edition.h"

// What the files of an edition share: edition.c, and edition_admin.c for what control gets.

enum { EDITION_BACKLOG = 4096 };

static inline int edition_copy_fd(int fd) {
    return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

// The sockets of the admin API and the folder of the state file. False: `errors` says why.
bool edition_open_admin(struct edition *e, const struct edition_conf *conf, struct text *errors);
// Could they be opened?
bool edition_check_admin(const struct config *c, struct text *errors);
// They, and ORDER_BUILD.
bool edition_send_admin(const struct edition *e, struct channel *to);
