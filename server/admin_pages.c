// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/admin_pages.h"

#include <string.h>
#include <time.h>

#include "server/reload.h"

static void add_state(struct scoreboard *board, const char *path, struct text *out);
static void add_processes(struct scoreboard *board, struct text *out);
static void add_process(struct scoreboard *board, unsigned row, struct text *out);
static void add_counters(struct scoreboard *board, struct text *out);
static void add_metric(struct text *out, const char *name, const char *help, uint64_t value);
static void add_failures(struct scoreboard *board, struct text *out);
static void add_lines(struct slice lines, struct text *out);

// --- status ---

void admin_write_status(struct scoreboard *board, unsigned generation, const char *state_path,
                        struct slice more, struct text *out) {
    text_printf(out, "{\"generation\": %u, \"uptime_s\": %lld,\n", generation,
                (long long)(time(NULL) - scoreboard_started_at(board)));
    add_state(board, state_path, out);
    text_add(out, more);
    add_processes(board, out);
    add_counters(board, out);
    text_add(out, SLICE("}\n"));
}

static void add_state(struct scoreboard *board, const char *path, struct text *out) {
    text_printf(out, " \"table_version\": %llu, \"state\": {\"file\": ",
                (unsigned long long)table_version(scoreboard_table(board)));
    if (path)
        text_add_json(out, slice_of(path));
    else
        text_add(out, SLICE("null, \"note\": \"edits of pools last only as long as rsp runs\""));
    text_add(out, SLICE("},\n"));
}

static void add_processes(struct scoreboard *board, struct text *out) {
    text_add(out, SLICE(" \"control\": "));
    add_process(board, ROW_CONTROL, out);
    text_add(out, SLICE(",\n \"workers\": ["));
    const char *before = "\n  ";
    for (unsigned row = ROW_FIRST_WORKER; row < ROW_COUNT; row++) {
        if (scoreboard_row(board, row)->pid == 0) continue;
        text_add(out, slice_of(before));
        add_process(board, row, out);
        before = ",\n  ";
    }
    text_add(out, SLICE("],\n"));
}

static void add_process(struct scoreboard *board, unsigned row, struct text *out) {
    const struct process_row *place = scoreboard_row(board, row);
    const struct counters *c = scoreboard_counters(board, row);
    text_printf(out,
                "{\"number\": %u, \"pid\": %d, \"generation\": %u, \"uptime_s\": %lld, "
                "\"deaths\": %u, \"client_connections\": %llu, \"requests\": %llu}",
                row, (int)place->pid, place->generation,
                (long long)(time(NULL) - place->started_at), place->deaths,
                (unsigned long long)c->at[COUNT_CLIENTS_OPEN],
                (unsigned long long)c->at[COUNT_REQUESTS]);
}

static void add_counters(struct scoreboard *board, struct text *out) {
    text_add(out, SLICE(" \"counters\": {"));
    for (int i = 0; i < COUNTER_FIRST_FAILURE; i++)
        text_printf(out, "%s\n  \"%s\": %llu", i ? "," : "", counter_name((enum counter)i),
                    (unsigned long long)scoreboard_sum(board, (enum counter)i));
    text_add(out, SLICE("},\n \"failures\": {"));
    const char *before = "\n  ";
    for (int i = COUNTER_FIRST_FAILURE; i < COUNTER_COUNT; i++) {
        uint64_t n = scoreboard_sum(board, (enum counter)i);
        if (n == 0) continue;
        text_printf(out, "%s\"%s\": %llu", before, counter_name((enum counter)i),
                    (unsigned long long)n);
        before = ",\n  ";
    }
    text_add(out, SLICE("}"));
}

// --- metrics ---

void admin_write_metrics(struct scoreboard *board, unsigned generation, struct text *out) {
    add_metric(out, "generation", "number of the configuration in use", generation);
    add_metric(out, "start_time_seconds", "when rsp was started, seconds since 1970",
               (uint64_t)scoreboard_started_at(board));
    uint64_t workers = 0, deaths = 0;
    for (unsigned row = ROW_FIRST_WORKER; row < ROW_COUNT; row++) {
        workers += scoreboard_row(board, row)->pid != 0;
        deaths += scoreboard_row(board, row)->deaths;
    }
    add_metric(out, "workers", "worker processes now", workers);
    add_metric(out, "worker_deaths_total", "workers that ended without being asked to", deaths);
    for (int i = 0; i < COUNTER_FIRST_FAILURE; i++)
        add_metric(out, counter_name((enum counter)i), counter_help((enum counter)i),
                   scoreboard_sum(board, (enum counter)i));
    add_failures(board, out);
}

static void add_metric(struct text *out, const char *name, const char *help, uint64_t value) {
    size_t len = strlen(name);
    bool is_total = len > 6 && strcmp(name + len - 6, "_total") == 0;
    text_printf(out, "# HELP rsp_%s %s\n# TYPE rsp_%s %s\nrsp_%s %llu\n", name, help, name,
                is_total ? "counter" : "gauge", name, (unsigned long long)value);
}

static void add_failures(struct scoreboard *board, struct text *out) {
    text_add(out, SLICE("# HELP rsp_failures_total exchanges that failed, by reason\n"
                        "# TYPE rsp_failures_total counter\n"));
    for (int i = COUNTER_FIRST_FAILURE; i < COUNTER_COUNT; i++)
        text_printf(out, "rsp_failures_total{reason=\"%s\"} %llu\n", counter_name((enum counter)i),
                    (unsigned long long)scoreboard_sum(board, (enum counter)i));
}

// --- reload ---

void admin_write_reload(int exit_status, struct slice lines, struct text *out) {
    bool failed = exit_status == EXIT_FAILED;
    text_printf(out, "{\"ok\": %s, \"exit\": %d, \"errors\": [", failed ? "false" : "true",
                exit_status);
    if (failed) add_lines(lines, out);
    text_add(out, SLICE("], \"problems\": ["));
    if (!failed) add_lines(lines, out);
    text_add(out, SLICE("]}\n"));
}

static void add_lines(struct slice lines, struct text *out) {
    const char *before = "\n  ";
    while (lines.len) {
        struct slice line = slice_cut(&lines, '\n');
        text_add(out, slice_of(before));
        text_add_json(out, line);
        before = ",\n  ";
    }
}
