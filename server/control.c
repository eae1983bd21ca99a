// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/control.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/bell.h"
#include "core/check.h"
#include "core/log.h"
#include "server/admin.h"
#include "server/cluster.h"
#include "server/health.h"
#include "server/names.h"
#include "server/pools.h"
#include "server/role.h"
#include "server/state.h"
#include "server/worker.h"

enum { ROTATE_TICKETS_MS = 3600 * 1000, PROBLEMS_MAX = 4096 };

struct control {
    struct scoreboard *board;
    struct role *role;
    struct admin *admin;
    struct pools *pools;
    struct health *health;
    struct names *names;
    struct watch *bell;
    struct questions *questions;
    struct tail *tail;
    struct state *state;
    struct cluster *cluster;
    char *next_state_path; // of the generation that comes; NULL: it has none
    int next_state_fd;
    bool has_switched; // the state file of the start was loaded
    struct timer rotate;
};

static void admit(struct control *c);
static bool take_role(struct control *c, const struct start *s, int channel_fd);
static void begin(struct control *c);
static void end(struct control *c);
static const struct generation *generation_of(void *arg);
static void add_status(void *arg, struct text *out);
static void add_metrics(void *arg, struct text *out);
static bool describe_member(void *arg, uint32_t slot, struct text *out);
static bool ask(void *arg, enum order_type what, struct order order, struct slice text);
static size_t listens_of(const struct generation *g, const struct listen_conf **at);
static void on_order(void *arg, enum order_type type, struct order order, struct slice text,
                     int *fds, size_t fd_count);
static void take_state(struct control *c, struct slice path, int *fds, size_t fd_count);
static void forget_next_state(struct control *c);
static void on_switch(void *arg, struct generation *g, bool goes_back);
static void on_bell(void *arg);
static void rotate_tickets(void *arg);

int control_run(void *start, int channel_fd) {
    const struct start *s = start;
    struct control c = {.board = s->board, .next_state_fd = -1, .state = state_new()};
    admit(&c);
    if (!take_role(&c, s, channel_fd)) return 1;
    begin(&c);
    role_run(c.role);
    end(&c);
    return 0;
}

// What the admin socket asks, and whom.
static void admit(struct control *c) {
    c->pools = pools_new(scoreboard_table(c->board));
    pools_set_state(c->pools, c->state);
    c->questions = questions_new(ask, c);
    c->tail = tail_new(c->board);
    c->admin = admin_new(&(struct admin_calls){.board = c->board,
                                               .state = c->state,
                                               .pools = c->pools,
                                               .questions = c->questions,
                                               .tail = c->tail,
                                               .generation = generation_of,
                                               .add_status = add_status,
                                               .add_metrics = add_metrics,
                                               .describe_member = describe_member,
                                               .ask = ask,
                                               .arg = c});
}

static bool take_role(struct control *c, const struct start *s, int channel_fd) {
    c->role = role_new(&(struct role_conf){.row = s->row,
                                           .board = s->board,
                                           .user = s->user,
                                           .error_fd = s->error_fd,
                                           .channel_fd = channel_fd,
                                           .local = admin_answer,
                                           .local_arg = c->admin,
                                           .listens = listens_of,
                                           .on_order = on_order,
                                           .on_order_arg = c,
                                           .on_switch = on_switch,
                                           .on_switch_arg = c});
    return c->role != NULL;
}

static void begin(struct control *c) {
    struct loop *loop = role_loop(c->role);
    struct table *table = scoreboard_table(c->board);
    c->health = health_new(&(struct health_conf){
        .loop = loop, .resolver = role_resolver(c->role), .table = table, .pools = c->pools});
    c->names = names_new(loop, role_resolver(c->role), table, c->pools);
    c->bell = loop_watch_fd(loop, scoreboard_bell(c->board), on_bell, c);
    questions_start(c->questions, loop);
    tail_start(c->tail, loop);
    c->cluster = cluster_new(loop, c->pools);
    timer_init(&c->rotate, loop, rotate_tickets, c);
    timer_set(&c->rotate, ROTATE_TICKETS_MS);
}

static void end(struct control *c) {
    timer_fini(&c->rotate);
    loop_unwatch(c->bell);
    names_free(c->names);
    health_free(c->health);
    cluster_free(c->cluster);
    questions_stop(c->questions);
    tail_stop(c->tail);
    role_free(c->role);
    questions_free(c->questions);
    tail_free(c->tail);
    pools_free(c->pools);
    forget_next_state(c);
    state_free(c->state);
    admin_free(c->admin);
}

// --- what others ask of control ---

static const struct generation *generation_of(void *arg) {
    const struct control *c = arg;
    return role_generation(c->role);
}

static void add_status(void *arg, struct text *out) {
    const struct control *c = arg;
    cluster_write_status(c->cluster, out);
}

static void add_metrics(void *arg, struct text *out) {
    const struct control *c = arg;
    health_write_metrics(c->health, out);
    cluster_write_metrics(c->cluster, out);
}

static bool describe_member(void *arg, uint32_t slot, struct text *out) {
    const struct control *c = arg;
    return health_describe(c->health, slot, out);
}

static bool ask(void *arg, enum order_type what, struct order order, struct slice text) {
    struct control *c = arg;
    struct channel *up = role_channel(c->role);
    return up && order_send(up, what, order, text, NULL, 0);
}

static size_t listens_of(const struct generation *g, const struct listen_conf **at) {
    *at = g->config->admin.listens;
    return g->config->admin.listen_count;
}

static void on_order(void *arg, enum order_type type, struct order order, struct slice text,
                     int *fds, size_t fd_count) {
    struct control *c = arg;
    if (type == ORDER_RELOAD_ENDED)
        admin_reload_ended(c->admin, order.number, (int)order.value, text);
    else if (type == ORDER_STATE)
        take_state(c, text, fds, fd_count);
    else
        questions_on_order(c->questions, type, order, fds, fd_count);
}

// Of the generation that comes: used at the switch.
static void take_state(struct control *c, struct slice path, int *fds, size_t fd_count) {
    forget_next_state(c);
    if (fd_count == 0 || path.len == 0) return;
    c->next_state_path = strndup(path.at, path.len);
    CHECK(c->next_state_path);
    c->next_state_fd = fds[0];
    fds[0] = -1;
}

static void forget_next_state(struct control *c) {
    if (c->next_state_fd >= 0) close(c->next_state_fd);
    free(c->next_state_path);
    c->next_state_fd = -1;
    c->next_state_path = NULL;
}

static void on_switch(void *arg, struct generation *g, bool goes_back) {
    struct control *c = arg;
    struct text problems;
    text_init(&problems, PROBLEMS_MAX);
    state_open(c->state, c->next_state_fd, c->next_state_path, &problems);
    c->next_state_fd = -1;
    forget_next_state(c);
    if (!c->has_switched) state_load(c->state, &problems);
    if (c->has_switched) log_info("generation %u is in use", g->number);
    c->has_switched = true;
    if (goes_back && state_go_back(c->state)) pools_set_state(c->pools, c->state);
    pools_merge(c->pools, g->config, &problems);
    for (struct slice rest = text_slice(&problems); rest.len > 0;) {
        struct slice line = slice_cut(&rest, '\n');
        log_error("%.*s", SLICE_ARGS(line));
    }
    text_fini(&problems);
    health_follow(c->health, g);
    names_follow(c->names, g->config);
    cluster_follow(c->cluster, g->config);
}

static void on_bell(void *arg) {
    struct control *c = arg;
    bell_silence(scoreboard_bell(c->board));
    health_look(c->health);
}

static void rotate_tickets(void *arg) {
    struct control *c = arg;
    tls_tickets_rotate(scoreboard_ticket_keys(c->board));
    timer_set(&c->rotate, ROTATE_TICKETS_MS);
}
