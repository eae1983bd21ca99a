// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>
#include <time.h>

#include "certcheck/target.h"

// What the words of the command line ask for.

enum certcheck_form { FORM_TEXT, FORM_JSON, FORM_SARIF, FORM_JUNIT, FORM_NAGIOS, FORM_DOT };

struct certcheck_words {
    struct target_conf target;
    const char *config;        // a route file; NULL: none
    const char *password_file; // NULL: the environment's password, if there is one
    const char *anchors, *policy, *prometheus, *fix; // NULL: not given
    time_t at;
    unsigned models;
    unsigned warning_days, critical_days;
    bool warnings_count, has_key;
    enum certcheck_form form;
    char **targets;
    int target_count;
};

// False: the program is over, with this exit status (help, version, wrong usage).
bool certcheck_read_words(struct certcheck_words *words, int count, char **arguments, int *status);
