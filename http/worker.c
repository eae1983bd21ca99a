// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "http/worker.h"

#include "http/role.h"

static size_t listens_of(const struct generation *g, const struct listen_conf **at) {
    *at = g->config->listens;
    return g->config->listen_count;
}

int worker_run(void *start, int channel_fd) {
    const struct start *s = start;
    struct role_conf conf = {.row = s->row,
                             .board = s->board,
                             .user = s->user,
                             .error_fd = s->error_fd,
                             .channel_fd = channel_fd,
                             .listens = listens_of};
    struct role *role = role_new(&conf);
    if (!role) return 1;
    role_run(role);
    role_free(role);
    return 0;
}
