// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/in_force.h"

#include <sched.h>
#include <unistd.h>

#include "server/scoreboard.h"

unsigned in_force_workers(const struct config *c, unsigned asked) {
    int wanted = asked > 0 ? (int)asked : c->workers;
    cpu_set_t cores;
    if (wanted <= 0 && sched_getaffinity(0, sizeof cores, &cores) == 0) wanted = CPU_COUNT(&cores);
    if (wanted <= 0) wanted = 1;
    return wanted > WORKERS_MAX ? WORKERS_MAX : (unsigned)wanted;
}

const char *in_force_user(const struct config *c) {
    if (geteuid() != 0) return NULL;
    return c->user ? c->user : "nobody";
}

const char *in_force_socket(const struct config *c, const char *fallback) {
    return c->admin.socket ? c->admin.socket : fallback;
}
