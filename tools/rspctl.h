// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "core/text.h"

// The verbs of rspctl, one file for each group; each asks the admin API and says what it was told.

enum {
    CTL_GOOD = 0,
    CTL_FAILED = 1,
    CTL_USAGE = 2,
    CTL_PROBLEMS = 3,
    CTL_UNREACHABLE = 69,
    CTL_BODY_MAX = 32 << 20
};

struct call {
    const char *socket;
    const char *from;    // --from, of explain
    const char *keys;    // --keys FILE
    const char *match;   // --match TAG: only if the pool has this tag
    unsigned wait_ms;    // --timeout, for --wait
    unsigned for_ms;     // --for, of pause
    unsigned slower_ms;  // --slower, of requests
    unsigned confirm_ms; // --confirm, of reload; 0: none
    bool waits;          // --wait
    bool as_json;        // --json
    int argc;            // after the verb
    char **argv;
};
typedef int verb_fn(const struct call *c);

verb_fn run_pools, run_pool;             // rspctl_pool.c, rspctl_edit.c
verb_fn run_diff, run_save;              // rspctl_pool.c
verb_fn run_requests, run_kill, run_top; // rspctl_requests.c
verb_fn run_tail;                        // rspctl_tail.c
bool is_pause_verb(const char *verb);    // rspctl_pause.c
int pause_pool(const struct call *c, const char *pool, const char *verb); // rspctl_pause.c
int edit_pool(const struct call *c, const char *pool, const char *verb);  // rspctl_edit.c

// One question; `content` is taken and may be NULL. Its answer, or NULL: what went wrong stands on stderr, and *exit_status is set.
json_t *ctl_ask(const struct call *c, const char *method, const char *path, json_t *content,
                int *exit_status);
// The path of a pool's resource: "/v1/pools/NAME" and `rest`. The caller's to free.
char *ctl_path(const char *pool, const char *rest);
// Adds a segment, percent-encoded.
void ctl_add_segment(struct text *path, const char *segment);
void ctl_add_encoded(struct text *path, const char *text); // the same without its slash
// What is no text, or is not there (another version answers), is an empty one.
const char *ctl_text(const json_t *value);
const char *ctl_text_of(const json_t *object, const char *key);
void ctl_print_json(const json_t *value);
// Prints a page that is a text, or what `to_json` makes of it (NULL: as it is).
int ctl_show_page(const struct call *c, const char *path, json_t *(*to_json)(const char *text));
int ctl_usage(void);
// "rspctl: pool: needs ...", and the usage.
int ctl_wrong_word(const char *verb, const char *why);
