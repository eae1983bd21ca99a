// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/roster.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/check.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/process.h"
#include "server/control.h"
#include "server/in_force.h"
#include "server/worker.h"

enum { ANSWER_MS = 30000, DRAIN_MS = 30000 };

struct roster_row {
    struct roster *roster;
    unsigned row;
    char role[PROCESS_ROLE_MAX];
    struct process *process; // NULL: nobody
    struct channel *channel; // NULL: nobody, or it went first
    bool is_wanted;          // replaced when it dies
    unsigned built, serving; // numbers of editions; 0: none
    struct backoff backoff;
    struct timer restart;
    struct timer answer; // set while it owes us an answer
};

struct roster {
    struct roster_conf conf;
    struct processes *processes;
    const struct edition *edition, *next;
    unsigned
        tabled; // number of the last edition whose pools control has brought into the backend table
    struct roster_row at[ROW_COUNT];
};

static void start(void *arg);
static bool fork_member(struct roster_row *place, int *channel_fd);
static void restart_later(struct roster_row *place);
static void send_edition(struct roster_row *place, const struct edition *e);
static bool is_up_to_date(const struct roster_row *place);
static void switch_member(struct roster_row *place);
static void switch_workers(struct roster *s, unsigned number);
static void drain_member(struct roster_row *place, unsigned ms);
static void on_message(void *arg, unsigned type, struct slice body, int *fds, size_t fd_count);
static void ask_workers(struct roster *s, enum order_type type, struct order order,
                        struct slice text);
static void on_channel_closed(void *arg);
static void on_exit_of(void *owner, struct process *p, int wait_status);
static void on_no_answer(void *arg);

struct roster *roster_new(const struct roster_conf *conf) {
    struct roster *s = calloc(1, sizeof *s);
    CHECK(s);
    s->conf = *conf;
    s->processes = processes_new(conf->loop);
    for (unsigned row = 0; row < ROW_COUNT; row++) {
        struct roster_row *place = &s->at[row];
        place->roster = s;
        place->row = row;
        if (row == ROW_CONTROL)
            snprintf(place->role, sizeof place->role, "control");
        else
            snprintf(place->role, sizeof place->role, "worker %u", row);
        timer_init(&place->restart, conf->loop, start, place);
        timer_init(&place->answer, conf->loop, on_no_answer, place);
    }
    return s;
}

void roster_free(struct roster *s) {
    if (!s) return;
    for (unsigned row = 0; row < ROW_COUNT; row++) {
        timer_fini(&s->at[row].restart);
        timer_fini(&s->at[row].answer);
        if (s->at[row].channel) channel_free(s->at[row].channel);
    }
    processes_free(s->processes);
    free(s);
}

void roster_set_edition(struct roster *s, const struct edition *e) {
    s->edition = e;
}

void roster_resize(struct roster *s, unsigned workers) {
    CHECK(workers <= WORKERS_MAX && s->edition);
    scoreboard_set_workers(s->conf.board, workers);
    for (unsigned row = 0; row < ROW_COUNT; row++) {
        struct roster_row *place = &s->at[row];
        bool was_wanted = place->is_wanted;
        place->is_wanted = row == ROW_CONTROL || row <= workers;
        if (place->is_wanted && !place->process && !timer_is_set(&place->restart)) start(place);
        if (was_wanted && !place->is_wanted) drain_member(place, DRAIN_MS);
    }
}

// --- the start of one process ---

static void start(void *arg) {
    struct roster_row *place = arg;
    int channel_fd;
    if (!place->is_wanted || place->process) return;
    if (!fork_member(place, &channel_fd)) {
        log_error("cannot start %s: %s", place->role, strerror(errno));
        restart_later(place);
        return;
    }
    struct channel_conf conf = {
        .on_message = on_message, .on_closed = on_channel_closed, .arg = place};
    place->channel = channel_new(place->roster->conf.loop, channel_fd, &conf);
    place->built = place->serving = 0;
    *scoreboard_row(place->roster->conf.board, place->row) = (struct process_row){
        .pid = process_pid(place->process),
        .started_at = time(NULL),
        .deaths = scoreboard_row(place->roster->conf.board, place->row)->deaths};
    edition_send_logs(place->roster->edition, place->channel);
    send_edition(place, place->roster->edition);
}

static bool fork_member(struct roster_row *place, int *channel_fd) {
    struct roster *s = place->roster;
    struct start what = {.row = place->row,
                         .board = s->conf.board,
                         .user = in_force_user(s->edition->generation->config),
                         .error_fd = s->edition->error_fd};
    const int kept[] = {what.error_fd, scoreboard_bell(s->conf.board)};
    struct process_plan plan = {.role = place->role,
                                .run = place->row == ROW_CONTROL ? control_run : worker_run,
                                .arg = &what,
                                .keep = kept,
                                .keep_count = sizeof kept / sizeof kept[0],
                                .on_exit = on_exit_of,
                                .owner = place};
    place->process = process_spawn(s->processes, &plan, channel_fd);
    return place->process != NULL;
}

static void restart_later(struct roster_row *place) {
    timer_set(&place->restart, backoff_after_death(&place->backoff, clock_ms()));
}

static void send_edition(struct roster_row *place, const struct edition *e) {
    if (place->channel && edition_send(e, place->channel, place->row == ROW_CONTROL))
        timer_set(&place->answer, ANSWER_MS);
}

// --- all of them ---

void roster_bring(struct roster *s, const struct edition *next) {
    s->next = next;
    if (!next) return;
    for (unsigned row = 0; row < ROW_COUNT; row++)
        if (s->at[row].is_wanted && is_up_to_date(&s->at[row])) send_edition(&s->at[row], next);
}

// A process holds one edition besides the one it serves, so one that is still starting gets the next one afterwards.
static bool is_up_to_date(const struct roster_row *place) {
    return place->serving == place->roster->edition->generation->number;
}

bool roster_has_built(const struct roster *s, unsigned number) {
    for (unsigned row = 0; row < ROW_COUNT; row++) {
        const struct roster_row *place = &s->at[row];
        if (place->is_wanted && place->process && place->built != number) return false;
    }
    return true;
}

void roster_switch(struct roster *s, const struct edition *e) {
    s->edition = e;
    s->next = NULL;
    for (unsigned row = 0; row < ROW_COUNT; row++)
        if (s->at[row].is_wanted) switch_member(&s->at[row]);
}

// Control goes first: what the workers look up in the backend table must be there. Their turn comes when it has said so.
static void switch_member(struct roster_row *place) {
    const struct roster *s = place->roster;
    const struct edition *e = s->edition;
    if (!place->channel || place->built != e->generation->number) return;
    if (place->row != ROW_CONTROL && s->tabled != e->generation->number) return;
    edition_send_logs(e, place->channel);
    struct order order = {.number = e->generation->number, .value = e->is_return};
    order_send(place->channel, ORDER_SWITCH, order, (struct slice){0}, NULL, 0);
    timer_set(&place->answer, ANSWER_MS);
}

static void switch_workers(struct roster *s, unsigned number) {
    s->tabled = number;
    for (unsigned row = ROW_FIRST_WORKER; row < ROW_COUNT; row++)
        if (s->at[row].is_wanted && s->at[row].serving != number) switch_member(&s->at[row]);
}

bool roster_is_serving(const struct roster *s, unsigned number) {
    for (unsigned row = 0; row < ROW_COUNT; row++)
        if (s->at[row].is_wanted && s->at[row].serving != number) return false;
    return true;
}

void roster_end_unanswered(struct roster *s, unsigned number) {
    for (unsigned row = 0; row < ROW_COUNT; row++) {
        struct roster_row *place = &s->at[row];
        if (place->process && place->is_wanted && place->built != number) on_no_answer(place);
    }
}

void roster_send_logs(struct roster *s) {
    for (unsigned row = 0; row < ROW_COUNT; row++)
        if (s->at[row].channel) edition_send_logs(s->edition, s->at[row].channel);
}

void roster_tell_control(struct roster *s, enum order_type type, struct order order,
                         struct slice text) {
    struct channel *control = s->at[ROW_CONTROL].channel;
    if (control) order_send(control, type, order, text, NULL, 0);
}

void roster_drain(struct roster *s, unsigned ms) {
    for (unsigned row = 0; row < ROW_COUNT; row++) {
        s->at[row].is_wanted = false;
        timer_clear(&s->at[row].restart);
        drain_member(&s->at[row], ms);
    }
}

static void drain_member(struct roster_row *place, unsigned ms) {
    timer_clear(&place->answer);
    if (place->channel)
        order_send(place->channel, ORDER_DRAIN, (struct order){.value = ms}, (struct slice){0},
                   NULL, 0);
}

void roster_kill(struct roster *s) {
    for (unsigned row = 0; row < ROW_COUNT; row++)
        if (s->at[row].process) process_signal(s->at[row].process, SIGKILL);
}

unsigned roster_count(const struct roster *s) {
    return (unsigned)processes_count(s->processes);
}

// --- what they say ---

static void on_message(void *arg, unsigned type, struct slice body, int *fds, size_t fd_count) {
    struct roster_row *place = arg;
    struct roster *s = place->roster;
    struct order order;
    struct slice text;
    if (!order_read(body, &order, &text)) return;
    if (type == ORDER_BUILT) {
        place->built = order.number;
        timer_clear(&place->answer);
        if (order.number == s->edition->generation->number) switch_member(place);
        s->conf.on_change(s->conf.arg);
    } else if (type == ORDER_SWITCHED) {
        place->serving = order.number;
        timer_clear(&place->answer);
        if (place->row == ROW_CONTROL) switch_workers(s, order.number);
        if (s->next && is_up_to_date(place)) send_edition(place, s->next);
        s->conf.on_change(s->conf.arg);
    } else if (type == ORDER_UNBUILT) {
        timer_clear(&place->answer);
        s->conf.on_unbuilt(s->conf.arg, place->role, order.number, text);
    } else if (type == ORDER_RELOAD && place->row == ROW_CONTROL) {
        s->conf.on_reload_asked(s->conf.arg, order.number, order.value);
    } else if (type == ORDER_CONFIRM && place->row == ROW_CONTROL) {
        s->conf.on_confirmed(s->conf.arg, order.number);
    } else if ((type == ORDER_LIST || type == ORDER_KILL) && place->row == ROW_CONTROL) {
        ask_workers(s, (enum order_type)type, order, text);
    } else if ((type == ORDER_LISTED || type == ORDER_KILLED) && place->row != ROW_CONTROL) {
        struct channel *control = s->at[ROW_CONTROL].channel;
        if (control) order_send(control, (enum order_type)type, order, text, fds, fd_count);
    } else {
        log_warn("%s said something unknown (%u)", place->role, type);
    }
}

// He is told first how many answers there will be.
static void ask_workers(struct roster *s, enum order_type type, struct order order,
                        struct slice text) {
    struct order asked = {.number = order.number};
    for (unsigned row = ROW_FIRST_WORKER; row < ROW_COUNT; row++)
        asked.value += s->at[row].channel != NULL;
    roster_tell_control(s, ORDER_ASKED, asked, (struct slice){0});
    for (unsigned row = ROW_FIRST_WORKER; row < ROW_COUNT; row++)
        if (s->at[row].channel) order_send(s->at[row].channel, type, order, text, NULL, 0);
}

static void on_channel_closed(void *arg) {
    struct roster_row *place = arg;
    channel_free(place->channel);
    place->channel = NULL;
}

static void on_exit_of(void *owner, struct process *p, int wait_status) {
    struct roster_row *place = owner;
    struct roster *s = place->roster;
    char end[PROCESS_END_MAX];
    CHECK(p == place->process);
    place->process = NULL;
    place->built = place->serving = 0;
    if (place->channel) on_channel_closed(place);
    timer_clear(&place->answer);
    scoreboard_clear_gauges(s->conf.board, place->row);
    struct process_row *row = scoreboard_row(s->conf.board, place->row);
    *row = (struct process_row){.deaths = row->deaths + (place->is_wanted ? 1 : 0)};
    if (place->is_wanted) {
        log_error("%s (pid %d) is gone: %s", place->role, (int)process_pid(p),
                  process_end_text(wait_status, end));
        restart_later(place);
        s->conf.on_death(s->conf.arg, place->role, process_end_text(wait_status, end));
    }
    s->conf.on_change(s->conf.arg);
}

static void on_no_answer(void *arg) {
    struct roster_row *place = arg;
    log_error("%s does not answer and is killed", place->role);
    if (place->process) process_signal(place->process, SIGKILL);
}
