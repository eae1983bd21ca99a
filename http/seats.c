// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "http/seats.h"

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
#include "http/control.h"
#include "http/worker.h"

enum { ANSWER_MS = 30000, DRAIN_MS = 30000 };

struct seat {
    struct seats *seats;
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

struct seats {
    struct seats_conf conf;
    struct processes *processes;
    const struct edition *edition, *next;
    struct seat at[ROW_COUNT];
};

static void start(void *arg);
static bool fork_seat(struct seat *seat, int *channel_fd);
static void restart_later(struct seat *seat);
static void send_edition(struct seat *seat, const struct edition *e);
static bool is_up_to_date(const struct seat *seat);
static void switch_seat(struct seat *seat);
static void drain_seat(struct seat *seat, unsigned ms);
static void on_message(void *arg, unsigned type, struct slice body, int *fds, size_t fd_count);
static void on_channel_closed(void *arg);
static void on_exit_of(void *owner, struct process *p, int wait_status);
static void on_no_answer(void *arg);

struct seats *seats_new(const struct seats_conf *conf) {
    struct seats *s = calloc(1, sizeof *s);
    CHECK(s);
    s->conf = *conf;
    s->processes = processes_new(conf->loop);
    for (unsigned row = 0; row < ROW_COUNT; row++) {
        struct seat *seat = &s->at[row];
        seat->seats = s;
        seat->row = row;
        if (row == ROW_CONTROL)
            snprintf(seat->role, sizeof seat->role, "control");
        else
            snprintf(seat->role, sizeof seat->role, "worker %u", row);
        timer_init(&seat->restart, conf->loop, start, seat);
        timer_init(&seat->answer, conf->loop, on_no_answer, seat);
    }
    return s;
}

void seats_free(struct seats *s) {
    if (!s) return;
    for (unsigned row = 0; row < ROW_COUNT; row++) {
        timer_fini(&s->at[row].restart);
        timer_fini(&s->at[row].answer);
        if (s->at[row].channel) channel_free(s->at[row].channel);
    }
    processes_free(s->processes);
    free(s);
}

void seats_set_edition(struct seats *s, const struct edition *e) {
    s->edition = e;
}

void seats_resize(struct seats *s, unsigned workers) {
    CHECK(workers <= WORKERS_MAX && s->edition);
    board_set_workers(s->conf.board, workers);
    for (unsigned row = 0; row < ROW_COUNT; row++) {
        struct seat *seat = &s->at[row];
        bool was_wanted = seat->is_wanted;
        seat->is_wanted = row == ROW_CONTROL || row <= workers;
        if (seat->is_wanted && !seat->process && !timer_is_set(&seat->restart)) start(seat);
        if (was_wanted && !seat->is_wanted) drain_seat(seat, DRAIN_MS);
    }
}

// --- the start of one process ---

static void start(void *arg) {
    struct seat *seat = arg;
    int channel_fd;
    if (!seat->is_wanted || seat->process) return;
    if (!fork_seat(seat, &channel_fd)) {
        log_error("cannot start %s: %s", seat->role, strerror(errno));
        restart_later(seat);
        return;
    }
    struct channel_conf conf = {
        .on_message = on_message, .on_closed = on_channel_closed, .arg = seat};
    seat->channel = channel_new(seat->seats->conf.loop, channel_fd, &conf);
    seat->built = seat->serving = 0;
    *board_seat(seat->seats->conf.board, seat->row) =
        (struct seat_row){.pid = process_pid(seat->process),
                          .started_at = time(NULL),
                          .deaths = board_seat(seat->seats->conf.board, seat->row)->deaths};
    edition_send_logs(seat->seats->edition, seat->channel);
    send_edition(seat, seat->seats->edition);
}

static bool fork_seat(struct seat *seat, int *channel_fd) {
    struct seats *s = seat->seats;
    const char *user = s->edition->generation->config->user;
    struct start what = {.row = seat->row,
                         .board = s->conf.board,
                         .user = geteuid() != 0 ? NULL
                                 : user         ? user
                                                : "nobody",
                         .error_fd = s->edition->error_fd};
    struct process_plan plan = {.role = seat->role,
                                .run = seat->row == ROW_CONTROL ? control_run : worker_run,
                                .arg = &what,
                                .keep = &what.error_fd,
                                .keep_count = 1,
                                .on_exit = on_exit_of,
                                .owner = seat};
    seat->process = process_spawn(s->processes, &plan, channel_fd);
    return seat->process != NULL;
}

static void restart_later(struct seat *seat) {
    timer_set(&seat->restart, backoff_after_death(&seat->backoff, clock_ms()));
}

static void send_edition(struct seat *seat, const struct edition *e) {
    if (seat->channel && edition_send(e, seat->channel, seat->row == ROW_CONTROL))
        timer_set(&seat->answer, ANSWER_MS);
}

// --- all of them ---

void seats_bring(struct seats *s, const struct edition *next) {
    s->next = next;
    if (!next) return;
    for (unsigned row = 0; row < ROW_COUNT; row++)
        if (s->at[row].is_wanted && is_up_to_date(&s->at[row])) send_edition(&s->at[row], next);
}

// A process holds one edition besides the one it serves, so one that is still starting gets the next one afterwards.
static bool is_up_to_date(const struct seat *seat) {
    return seat->serving == seat->seats->edition->generation->number;
}

bool seats_are_built(const struct seats *s, unsigned number) {
    for (unsigned row = 0; row < ROW_COUNT; row++) {
        const struct seat *seat = &s->at[row];
        if (seat->is_wanted && seat->process && seat->built != number) return false;
    }
    return true;
}

void seats_switch(struct seats *s, const struct edition *e) {
    s->edition = e;
    s->next = NULL;
    for (unsigned row = 0; row < ROW_COUNT; row++)
        if (s->at[row].is_wanted) switch_seat(&s->at[row]);
}

static void switch_seat(struct seat *seat) {
    const struct edition *e = seat->seats->edition;
    if (!seat->channel || seat->built != e->generation->number) return;
    edition_send_logs(e, seat->channel);
    struct order order = {.number = e->generation->number};
    order_send(seat->channel, ORDER_SWITCH, order, (struct slice){0}, NULL, 0);
    timer_set(&seat->answer, ANSWER_MS);
}

bool seats_are_serving(const struct seats *s, unsigned number) {
    for (unsigned row = 0; row < ROW_COUNT; row++)
        if (s->at[row].is_wanted && s->at[row].serving != number) return false;
    return true;
}

void seats_end_unanswered(struct seats *s, unsigned number) {
    for (unsigned row = 0; row < ROW_COUNT; row++) {
        struct seat *seat = &s->at[row];
        if (seat->process && seat->is_wanted && seat->built != number) on_no_answer(seat);
    }
}

void seats_send_logs(struct seats *s) {
    for (unsigned row = 0; row < ROW_COUNT; row++)
        if (s->at[row].channel) edition_send_logs(s->edition, s->at[row].channel);
}

void seats_tell_control(struct seats *s, enum order_type type, struct order order,
                        struct slice text) {
    struct channel *control = s->at[ROW_CONTROL].channel;
    if (control) order_send(control, type, order, text, NULL, 0);
}

void seats_drain(struct seats *s, unsigned ms) {
    for (unsigned row = 0; row < ROW_COUNT; row++) {
        s->at[row].is_wanted = false;
        timer_clear(&s->at[row].restart);
        drain_seat(&s->at[row], ms);
    }
}

static void drain_seat(struct seat *seat, unsigned ms) {
    timer_clear(&seat->answer);
    if (seat->channel)
        order_send(seat->channel, ORDER_DRAIN, (struct order){.value = ms}, (struct slice){0}, NULL,
                   0);
}

void seats_kill(struct seats *s) {
    for (unsigned row = 0; row < ROW_COUNT; row++)
        if (s->at[row].process) process_signal(s->at[row].process, SIGKILL);
}

unsigned seats_taken(const struct seats *s) {
    return (unsigned)processes_count(s->processes);
}

// --- what they say ---

static void on_message(void *arg, unsigned type, struct slice body, int *fds, size_t fd_count) {
    struct seat *seat = arg;
    struct seats *s = seat->seats;
    struct order order;
    struct slice text;
    (void)fds;
    (void)fd_count;
    if (!order_read(body, &order, &text)) return;
    if (type == ORDER_BUILT) {
        seat->built = order.number;
        timer_clear(&seat->answer);
        if (order.number == s->edition->generation->number) switch_seat(seat);
        s->conf.on_change(s->conf.arg);
    } else if (type == ORDER_SWITCHED) {
        seat->serving = order.number;
        timer_clear(&seat->answer);
        if (s->next && is_up_to_date(seat)) send_edition(seat, s->next);
        s->conf.on_change(s->conf.arg);
    } else if (type == ORDER_UNBUILT) {
        timer_clear(&seat->answer);
        s->conf.on_unbuilt(s->conf.arg, seat->role, order.number, text);
    } else if (type == ORDER_RELOAD && seat->row == ROW_CONTROL) {
        s->conf.on_reload_asked(s->conf.arg, order.number);
    } else {
        log_warn("%s said something unknown (%u)", seat->role, type);
    }
}

static void on_channel_closed(void *arg) {
    struct seat *seat = arg;
    channel_free(seat->channel);
    seat->channel = NULL;
}

static void on_exit_of(void *owner, struct process *p, int wait_status) {
    struct seat *seat = owner;
    struct seats *s = seat->seats;
    char end[PROCESS_END_MAX];
    CHECK(p == seat->process);
    seat->process = NULL;
    seat->built = seat->serving = 0;
    if (seat->channel) on_channel_closed(seat);
    timer_clear(&seat->answer);
    board_clear_gauges(s->conf.board, seat->row);
    struct seat_row *row = board_seat(s->conf.board, seat->row);
    *row = (struct seat_row){.deaths = row->deaths + (seat->is_wanted ? 1 : 0)};
    if (seat->is_wanted) {
        log_error("%s (pid %d) is gone: %s", seat->role, (int)process_pid(p),
                  process_end_text(wait_status, end));
        restart_later(seat);
        s->conf.on_death(s->conf.arg, seat->role, process_end_text(wait_status, end));
    }
    s->conf.on_change(s->conf.arg);
}

static void on_no_answer(void *arg) {
    struct seat *seat = arg;
    log_error("%s does not answer and is killed", seat->role);
    if (seat->process) process_signal(seat->process, SIGKILL);
}
