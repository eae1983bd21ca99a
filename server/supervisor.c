// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/check.h"
#include "core/log.h"
#include "core/process.h"

enum { DRAIN_MS = 30000, CUT_MS = 2000, TEXT_MAX = 1 << 20, SIGNALS = 4 };

enum supervisor_state {
    SUPERVISOR_STARTING,
    SUPERVISOR_SERVING,
    SUPERVISOR_DRAINING,
    SUPERVISOR_CUTTING
};

struct supervisor {
    const struct supervisor_conf *conf;
    enum supervisor_state state;
    struct loop *loop;
    struct scoreboard *board;
    struct reload *reload;
    struct watch *signals[SIGNALS];
    struct timer end, poll;
    int exit_status;
};

static bool init(struct supervisor *s);
static void fini(struct supervisor *s);
static void watch_signals(struct supervisor *s);
static int start(struct supervisor *s);
static void on_served(void *arg);
static void on_start_failed(void *arg);
static void write_pid_file(const char *path);
static void on_hup(void *arg);
static void on_usr1(void *arg);
static void on_term(void *arg);
static void drain(struct supervisor *s);
static void cut(struct supervisor *s);
static void on_end_time(void *arg);
static void look_for_end(void *arg);

int supervisor_run(const struct supervisor_conf *conf) {
    struct supervisor s = {.conf = conf};
    log_set_role("supervisor");
    if (!init(&s)) return EXIT_FAILED;
    s.exit_status = start(&s);
    if (s.exit_status == EXIT_GOOD) loop_run(s.loop);
    fini(&s);
    return s.exit_status;
}

static bool init(struct supervisor *s) {
    signal(SIGPIPE, SIG_IGN);
    process_raise_descriptors();
    s->board = scoreboard_new();
    if (!s->board) {
        log_error("no shared memory: %s", strerror(errno));
        return false;
    }
    s->loop = loop_new();
    timer_init(&s->end, s->loop, on_end_time, s);
    timer_init(&s->poll, s->loop, look_for_end, s);
    struct reload_conf reload = {.loop = s->loop,
                                 .board = s->board,
                                 .path = s->conf->path,
                                 .add_files = s->conf->add_files,
                                 .add_files_arg = s->conf->add_files_arg,
                                 .default_admin = s->conf->default_admin,
                                 .workers = s->conf->workers,
                                 .on_served = on_served,
                                 .on_start_failed = on_start_failed,
                                 .arg = s};
    s->reload = reload_new(&reload);
    watch_signals(s);
    return true;
}

static void fini(struct supervisor *s) {
    for (int i = 0; i < SIGNALS; i++) loop_unwatch(s->signals[i]);
    reload_free(s->reload);
    timer_fini(&s->end);
    timer_fini(&s->poll);
    loop_free(s->loop);
    scoreboard_free(s->board);
}

static void watch_signals(struct supervisor *s) {
    s->signals[0] = loop_watch_signal(s->loop, SIGHUP, on_hup, s);
    s->signals[1] = loop_watch_signal(s->loop, SIGUSR1, on_usr1, s);
    s->signals[2] = loop_watch_signal(s->loop, SIGTERM, on_term, s);
    s->signals[3] = loop_watch_signal(s->loop, SIGINT, on_term, s);
}

// --- the start ---

static int start(struct supervisor *s) {
    struct text errors, problems;
    text_init(&errors, TEXT_MAX);
    text_init(&problems, TEXT_MAX);
    int status = reload_start(s->reload, &errors, &problems);
    fputs(text_string(&errors), stderr);
    text_fini(&errors);
    text_fini(&problems);
    return status;
}

static void on_served(void *arg) {
    struct supervisor *s = arg;
    s->state = SUPERVISOR_SERVING;
    if (s->conf->pid_file) write_pid_file(s->conf->pid_file);
    log_info("rsp serves");
    if (!s->conf->on_served) return;
    s->conf->on_served(s->conf->arg);
    reload_reopen_logs(s->reload);
}

static void on_start_failed(void *arg) {
    struct supervisor *s = arg;
    if (s->state != SUPERVISOR_STARTING) return;
    log_error("rsp cannot start");
    s->exit_status = EXIT_FAILED;
    reload_stop(s->reload);
    cut(s);
}

static void write_pid_file(const char *path) {
    FILE *f = fopen(path, "we");
    if (!f || fprintf(f, "%d\n", (int)getpid()) < 0) log_error("%s: %s", path, strerror(errno));
    if (f) fclose(f);
}

// --- signals ---

static void on_hup(void *arg) {
    struct supervisor *s = arg;
    log_info("reload asked by SIGHUP");
    reload_ask(s->reload, 0, 0);
}

static void on_usr1(void *arg) {
    struct supervisor *s = arg;
    reload_reopen_logs(s->reload);
}

static void on_term(void *arg) {
    struct supervisor *s = arg;
    if (s->state == SUPERVISOR_STARTING || s->state == SUPERVISOR_SERVING)
        drain(s);
    else
        cut(s);
}

// --- the end ---

static void drain(struct supervisor *s) {
    log_info("stopping: what is going on may end within %d s", DRAIN_MS / 1000);
    s->state = SUPERVISOR_DRAINING;
    reload_stop(s->reload);
    roster_drain(reload_roster(s->reload), DRAIN_MS);
    timer_set(&s->end, DRAIN_MS + CUT_MS);
    look_for_end(s);
}

static void cut(struct supervisor *s) {
    log_info("stopping at once");
    s->state = SUPERVISOR_CUTTING;
    roster_drain(reload_roster(s->reload), 0);
    timer_set(&s->end, CUT_MS);
    look_for_end(s);
}

static void on_end_time(void *arg) {
    struct supervisor *s = arg;
    log_warn("%u processes did not end and are killed", roster_count(reload_roster(s->reload)));
    roster_kill(reload_roster(s->reload));
}

// Asked every few milliseconds while stopping: simpler than a fourth callback from the roster.
static void look_for_end(void *arg) {
    struct supervisor *s = arg;
    if (roster_count(reload_roster(s->reload)) > 0) {
        timer_set(&s->poll, 10);
        return;
    }
    if (s->conf->pid_file) unlink(s->conf->pid_file);
    log_info("rsp has stopped");
    loop_stop(s->loop);
}
