// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/reload.h"

#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/log.h"
#include "server/in_force.h"
#include "server/trial.h"

enum {
    ANSWERS_MS = 35000, // a process that does not answer is killed before
    REQUESTS_MAX = 64,
    DEATHS_MAX = 3, // of processes at the start, or while one reload is brought to them
    TEXT_MAX = 1 << 20
};

enum reload_state {
    RELOAD_STARTING,
    RELOAD_IDLE,
    RELOAD_BUILDING,  // `next` is with the processes
    RELOAD_SWITCHING, // `next` is in force, some still use `last`
    RELOAD_STOPPED
};
static const char *const STATE_NAMES[] = {"starting", "idle", "building", "switching", "stopped"};

// Who asked, to be answered when it is over.
struct requests {
    unsigned at[REQUESTS_MAX];
    unsigned count;
};

struct reload {
    struct reload_conf conf;
    struct roster *roster;
    enum reload_state state;
    unsigned last_number;
    unsigned deaths;
    struct edition *edition; // in force
    struct edition *next;    // BUILDING
    struct edition *last;    // SWITCHING
    struct requests now, later;
    unsigned trial_ms, later_trial_ms; // of `now`, of `later`; 0: it stays
    struct trial *trial;
    bool is_asked_again; // the requests in `later` may have no place, a signal has none
    struct text errors, problems;
    struct timer too_long;
};

static enum edition_result prepare(struct reload *r, struct edition **out, struct text *errors,
                                   struct text *problems);
static void enter(struct reload *r, enum reload_state state);
static void begin(struct reload *r);
static void bring(struct reload *r);
static void go_back(void *arg, const char *why);
static void tell(struct reload *r, unsigned request, int result, struct slice said);
static void look(void *arg);
static void commit(struct reload *r);
static void finish(struct reload *r, int result);
static void on_unbuilt(void *arg, const char *role, unsigned number, struct slice errors);
static void on_death(void *arg, const char *role, const char *end);
static void on_reload_asked(void *arg, unsigned request, unsigned trial_ms);
static void on_confirmed(void *arg, unsigned request);
static void on_too_long(void *arg);
static void abandon(struct reload *r);
static void use_log(const struct edition *e);
static void log_lines(enum log_level level, struct slice lines);

struct reload *reload_new(const struct reload_conf *conf) {
    struct reload *r = calloc(1, sizeof *r);
    CHECK(r);
    r->conf = *conf;
    text_init(&r->errors, TEXT_MAX);
    text_init(&r->problems, TEXT_MAX);
    timer_init(&r->too_long, conf->loop, on_too_long, r);
    struct roster_conf roster = {.loop = conf->loop,
                                 .board = conf->board,
                                 .on_change = look,
                                 .on_unbuilt = on_unbuilt,
                                 .on_death = on_death,
                                 .on_reload_asked = on_reload_asked,
                                 .on_confirmed = on_confirmed,
                                 .arg = r};
    r->roster = roster_new(&roster);
    r->trial = trial_new(conf->loop, conf->board, go_back, r);
    return r;
}

void reload_free(struct reload *r) {
    if (!r) return;
    roster_free(r->roster);
    timer_fini(&r->too_long);
    log_set_fd(-1);
    edition_free(trial_take(r->trial), r->edition);
    trial_free(r->trial);
    edition_free(r->next, r->edition);
    edition_free(r->last, r->edition);
    edition_free(r->edition, NULL);
    text_fini(&r->errors);
    text_fini(&r->problems);
    free(r);
}

int reload_start(struct reload *r, struct text *errors, struct text *problems) {
    switch (prepare(r, &r->edition, errors, problems)) {
    case EDITION_BAD_CONFIG: return EXIT_CONFIG;
    case EDITION_FAILED: return EXIT_FAILED;
    case EDITION_GOOD: break;
    }
    edition_permit(r->edition);
    use_log(r->edition);
    log_lines(LOG_LEVEL_WARN, text_slice(problems));
    roster_set_edition(r->roster, r->edition);
    timer_set(&r->too_long, ANSWERS_MS);
    roster_resize(r->roster, in_force_workers(r->edition->generation->config, r->conf.workers));
    return EXIT_GOOD;
}

void reload_ask(struct reload *r, unsigned request, unsigned trial_ms) {
    if (r->state == RELOAD_STOPPED) return;
    if (r->later.count < REQUESTS_MAX && request) r->later.at[r->later.count++] = request;
    r->is_asked_again = true;
    r->later_trial_ms = trial_ms;
    if (r->state == RELOAD_IDLE) begin(r);
}

void reload_confirm(struct reload *r, unsigned request) {
    struct edition *before = trial_take(r->trial);
    edition_free(before, r->edition);
    if (before) log_info("generation %u is confirmed", r->edition->generation->number);
    tell(r, request, before ? EXIT_GOOD : EXIT_FAILED,
         before ? (struct slice){0} : SLICE("no reload waits for a confirmation\n"));
}

void reload_reopen_logs(struct reload *r) {
    if (r->next) edition_reopen_logs(r->next);
    if (!r->edition || !edition_reopen_logs(r->edition)) return;
    use_log(r->edition);
    roster_send_logs(r->roster);
}

struct roster *reload_roster(struct reload *r) {
    return r->roster;
}

void reload_stop(struct reload *r) {
    if (r->state == RELOAD_BUILDING || r->state == RELOAD_SWITCHING) {
        text_printf(&r->errors, "rsp is stopping\n");
        finish(r, EXIT_FAILED);
    }
    edition_free(trial_take(r->trial), r->edition);
    if (r->edition) edition_stop_listening(r->edition);
    enter(r, RELOAD_STOPPED);
}

// --- the line of life ---

static void enter(struct reload *r, enum reload_state state) {
    log_debug("reload: %s", STATE_NAMES[state]);
    r->state = state;
}

static enum edition_result prepare(struct reload *r, struct edition **out, struct text *errors,
                                   struct text *problems) {
    struct files *files = files_new();
    if (r->conf.add_files) r->conf.add_files(r->conf.add_files_arg, files);
    struct edition_conf conf = {.path = r->conf.path,
                                .files = files,
                                .number = r->last_number + 1,
                                .ticket_keys = scoreboard_ticket_keys(r->conf.board),
                                .default_admin = r->conf.default_admin,
                                .old = r->edition};
    enum edition_result result = edition_new(&conf, out, errors, problems);
    if (result == EDITION_GOOD) r->last_number++;
    return result;
}

static void begin(struct reload *r) {
    r->now = r->later;
    r->later.count = 0;
    r->is_asked_again = false;
    r->deaths = 0;
    text_clear(&r->errors);
    text_clear(&r->problems);
    r->trial_ms = r->later_trial_ms;
    if (trial_is_on(r->trial)) {
        text_printf(&r->errors,
                    "the last reload is on trial: confirm it (rspctl confirm), or wait until "
                    "it goes back by itself\n");
        finish(r, EXIT_FAILED);
        return;
    }
    if (prepare(r, &r->next, &r->errors, &r->problems) != EDITION_GOOD) {
        finish(r, EXIT_FAILED);
        return;
    }
    bring(r);
}

static void bring(struct reload *r) {
    enter(r, RELOAD_BUILDING);
    timer_set(&r->too_long, ANSWERS_MS);
    roster_bring(r->roster, r->next);
}

// The files are those of that time, whatever the disk has now; sockets and certificates too.
static void go_back(void *arg, const char *why) {
    struct reload *r = arg;
    struct edition *before = trial_take(r->trial);
    char unread[256] = "";
    log_warn("generation %u goes back to %u: %s", r->edition->generation->number,
             before->generation->number, why);
    text_clear(&r->errors);
    text_clear(&r->problems);
    r->trial_ms = 0;
    r->deaths = 0;
    struct files *files = files_unpack(before->packed_fd, unread, sizeof unread);
    struct edition_conf conf = {.path = r->conf.path,
                                .files = files,
                                .number = r->last_number + 1,
                                .ticket_keys = scoreboard_ticket_keys(r->conf.board),
                                .default_admin = r->conf.default_admin,
                                .old = before};
    bool is_good = files && edition_new(&conf, &r->next, &r->errors, &r->problems) == EDITION_GOOD;
    edition_free(before, is_good ? r->next : r->edition);
    if (is_good) {
        r->next->is_return = true;
        r->last_number++;
        bring(r);
    } else {
        text_add(&r->errors, slice_of(unread));
        finish(r, EXIT_FAILED);
    }
}

// Something changed with the processes.
static void look(void *arg) {
    struct reload *r = arg;
    unsigned number = r->edition ? r->edition->generation->number : 0;
    if (r->state == RELOAD_STARTING && roster_is_serving(r->roster, number)) {
        timer_clear(&r->too_long);
        enter(r, RELOAD_IDLE);
        r->conf.on_served(r->conf.arg);
        if (r->is_asked_again) begin(r);
    } else if (r->state == RELOAD_BUILDING &&
               roster_has_built(r->roster, r->next->generation->number)) {
        commit(r);
    } else if (r->state == RELOAD_SWITCHING && roster_is_serving(r->roster, number)) {
        finish(r, r->problems.len ? EXIT_PROBLEMS : EXIT_GOOD);
    }
}

static void commit(struct reload *r) {
    r->last = r->edition;
    r->edition = r->next;
    r->next = NULL;
    edition_permit(r->edition);
    use_log(r->edition);
    enter(r, RELOAD_SWITCHING);
    timer_set(&r->too_long, ANSWERS_MS);
    roster_switch(r->roster, r->edition);
    roster_resize(r->roster, in_force_workers(r->edition->generation->config, r->conf.workers));
}

static void finish(struct reload *r, int result) {
    timer_clear(&r->too_long);
    abandon(r);
    bool failed = result == EXIT_FAILED;
    if (r->last && r->trial_ms && !failed)
        trial_begin(r->trial, r->last, r->trial_ms);
    else
        edition_free(r->last, r->edition);
    r->last = NULL;
    struct slice said = text_slice(failed ? &r->errors : &r->problems);
    log_lines(failed ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, said);
    if (failed)
        log_error("reload failed; generation %u goes on", r->edition->generation->number);
    else
        log_info("reloaded: generation %u is in use", r->edition->generation->number);
    for (unsigned i = 0; i < r->now.count; i++) tell(r, r->now.at[i], result, said);
    r->now.count = 0;
    enter(r, RELOAD_IDLE);
    if (r->is_asked_again) begin(r);
}

static void tell(struct reload *r, unsigned request, int result, struct slice said) {
    struct order order = {.number = request, .value = (unsigned)result};
    roster_tell_control(r->roster, ORDER_RELOAD_ENDED, order, said);
}

// What was being brought is not wanted any more.
static void abandon(struct reload *r) {
    if (!r->next) return;
    roster_bring(r->roster, NULL);
    edition_free(r->next, r->edition);
    r->next = NULL;
}

// --- what goes wrong ---

static void on_unbuilt(void *arg, const char *role, unsigned number, struct slice errors) {
    struct reload *r = arg;
    if (r->state == RELOAD_STARTING) {
        log_lines(LOG_LEVEL_ERROR, errors);
        log_error("%s cannot use what the supervisor loaded", role);
        r->conf.on_start_failed(r->conf.arg);
    } else if (r->state == RELOAD_BUILDING && number == r->next->generation->number) {
        text_printf(&r->errors, "%s: %.*s", role, SLICE_ARGS(errors));
        finish(r, EXIT_FAILED);
    }
}

static void on_death(void *arg, const char *role, const char *end) {
    struct reload *r = arg;
    if (r->state == RELOAD_STARTING && ++r->deaths > DEATHS_MAX) {
        r->conf.on_start_failed(r->conf.arg);
    } else if (r->state == RELOAD_BUILDING && ++r->deaths > DEATHS_MAX) {
        text_printf(&r->errors, "%s ended while it built the new generation: %s\n", role, end);
        finish(r, EXIT_FAILED);
    }
}

static void on_reload_asked(void *arg, unsigned request, unsigned trial_ms) {
    reload_ask(arg, request, trial_ms);
}

static void on_confirmed(void *arg, unsigned request) {
    reload_confirm(arg, request);
}

static void on_too_long(void *arg) {
    struct reload *r = arg;
    if (r->state == RELOAD_STARTING) {
        log_error("not all processes came up in time");
        r->conf.on_start_failed(r->conf.arg);
    } else if (r->state == RELOAD_BUILDING) {
        text_printf(&r->errors, "not all processes built the new generation in time\n");
        roster_end_unanswered(r->roster, r->next->generation->number);
        finish(r, EXIT_FAILED);
    } else if (r->state == RELOAD_SWITCHING) {
        text_printf(&r->problems, "not all processes use the new generation yet\n");
        finish(r, EXIT_PROBLEMS);
    }
}

// --- small things ---

static void use_log(const struct edition *e) {
    log_set_fd(e->error_fd);
    log_set_level(log_level_named(e->generation->config->log.level));
}

static void log_lines(enum log_level level, struct slice lines) {
    while (lines.at && lines.len) {
        struct slice line = slice_cut(&lines, '\n');
        if (level == LOG_LEVEL_ERROR)
            log_error("%.*s", SLICE_ARGS(line));
        else
            log_warn("%.*s", SLICE_ARGS(line));
    }
}
