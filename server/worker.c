// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/worker.h"

#include <malloc.h>

#include "server/questions.h"
#include "server/role.h"

// A body in motion takes and frees pieces of 16 to 256 KiB again and again. By default glibc gives each back to the
// kernel, and gets it as zeroed pages a moment later: that alone made TLS downloads 3 times as expensive.
#define KEPT_FREE_BYTES   (4 << 20)
#define MAPPED_FROM_BYTES (1 << 20)

static size_t listens_of(const struct generation *g, const struct listen_conf **at) {
    *at = g->config->listens;
    return g->config->listen_count;
}

static void on_order(void *arg, enum order_type type, struct order order, struct slice text,
                     int *fds, size_t fd_count) {
    struct role **role = arg;
    (void)fds, (void)fd_count;
    questions_answer(role_service(*role), role_channel(*role), type, order, text);
}

int worker_run(void *start, int channel_fd) {
    const struct start *s = start;
    mallopt(M_TRIM_THRESHOLD, KEPT_FREE_BYTES);
    mallopt(M_MMAP_THRESHOLD, MAPPED_FROM_BYTES);
    struct role *role;
    struct role_conf conf = {.row = s->row,
                             .board = s->board,
                             .user = s->user,
                             .error_fd = s->error_fd,
                             .channel_fd = channel_fd,
                             .listens = listens_of,
                             .on_order = on_order,
                             .on_order_arg = &role};
    role = role_new(&conf);
    if (!role) return 1;
    role_run(role);
    role_free(role);
    return 0;
}
