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
// What lies free among pieces that are still used, as after a crowd of slow clients, glibc never gives back by itself.
#define FREE_MUCH_BYTES (16 << 20)
#define GIVE_BACK_MS    10000

struct worker {
    struct role *role;
    struct timer give_back;
};

static size_t listens_of(const struct generation *g, const struct listen_conf **at) {
    *at = g->config->listens;
    return g->config->listen_count;
}

static void on_order(void *arg, enum order_type type, struct order order, struct slice text,
                     int *fds, size_t fd_count) {
    struct worker *w = arg;
    (void)fds, (void)fd_count;
    questions_answer(role_service(w->role), role_channel(w->role), type, order, text);
}

static void give_back(void *arg) {
    struct worker *w = arg;
    if (mallinfo2().fordblks > FREE_MUCH_BYTES) malloc_trim(KEPT_FREE_BYTES);
    timer_set(&w->give_back, GIVE_BACK_MS);
}

int worker_run(void *start, int channel_fd) {
    const struct start *s = start;
    mallopt(M_TRIM_THRESHOLD, KEPT_FREE_BYTES);
    mallopt(M_MMAP_THRESHOLD, MAPPED_FROM_BYTES);
    struct worker w;
    struct role_conf conf = {.row = s->row,
                             .board = s->board,
                             .user = s->user,
                             .error_fd = s->error_fd,
                             .channel_fd = channel_fd,
                             .listens = listens_of,
                             .on_order = on_order,
                             .on_order_arg = &w};
    w.role = role_new(&conf);
    if (!w.role) return 1;
    timer_init(&w.give_back, role_loop(w.role), give_back, &w);
    timer_set(&w.give_back, GIVE_BACK_MS);
    role_run(w.role);
    timer_clear(&w.give_back);
    role_free(w.role);
    return 0;
}
