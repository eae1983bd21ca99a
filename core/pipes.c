// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/pipes.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/check.h"

// CPU time of 1 GB, beside 1 for pipes of 256 KiB: 0.82 with 512 KiB, 0.67 with 1 MiB, 1.4 with the kernel's 64 KiB, 2.1 copied
// (tests/bench/run --rows body-plain). Not 1 MiB: the kernel gives an unprivileged user 64 MiB of pipes, and a reader that
// stops holds one.
#define PIPE_BYTES     (512 * 1024)
#define PIPE_BYTES_MIN (64 * 1024)
// So many wait, empty, for the next to borrow one.
#define SPARES_MAX 16

struct pipes {
    struct pipe *spares;
    unsigned spare_count, lent, most;
};

static struct pipe *open_pipe(void);
static void close_pipe(struct pipe *p);

struct pipes *pipes_new(void) {
    struct pipes *set = calloc(1, sizeof(*set));
    CHECK(set);
    set->most = pipes_descriptors_max() / 2;
    return set;
}

void pipes_free(struct pipes *set) {
    if (!set) return;
    CHECK(set->lent == 0);
    while (set->spares) {
        struct pipe *p = set->spares;
        set->spares = p->next;
        close_pipe(p);
    }
    free(set);
}

struct pipe *pipes_borrow(struct pipes *set) {
    if (!pipes_are_left(set)) return NULL;
    struct pipe *p = set->spares;
    if (p) {
        set->spares = p->next;
        set->spare_count--;
    } else {
        p = open_pipe();
    }
    if (p) set->lent++;
    return p;
}

void pipes_return(struct pipes *set, struct pipe *p) {
    set->lent--;
    if (p->bytes > 0 || set->spare_count >= SPARES_MAX) {
        close_pipe(p);
        return;
    }
    p->next = set->spares;
    set->spares = p;
    set->spare_count++;
}

bool pipes_are_left(const struct pipes *set) {
    return set->lent < set->most;
}

void pipes_give_up(struct pipes *set) {
    set->most = 0;
}

// A sixteenth of them, so that a small limit is left to connections.
unsigned pipes_descriptors_max(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
    rlim_t share = limit.rlim_cur / 16;
    return share < 2 * PIPES_MAX ? (unsigned)share : 2 * PIPES_MAX;
}

// The kernel gives a user whose pipes are many already small ones, which cost more than copying.
static struct pipe *open_pipe(void) {
    int fds[2];
    if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) != 0) return NULL;
    struct pipe *p = calloc(1, sizeof(*p));
    CHECK(p);
    p->out = fds[0];
    p->in = fds[1];
    if (fcntl(p->in, F_SETPIPE_SZ, PIPE_BYTES) >= PIPE_BYTES ||
        fcntl(p->in, F_GETPIPE_SZ) >= PIPE_BYTES_MIN)
        return p;
    close_pipe(p);
    return NULL;
}

static void close_pipe(struct pipe *p) {
    close(p->in);
    close(p->out);
    free(p);
}
