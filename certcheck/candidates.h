// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "certcheck/trial.h"

// All ways from the leaf to an anchor, each judged, and which one rsp takes.

#define CANDIDATES_SHOWN_MAX 64
#define WHY_NOT_BYTES_MAX    300

struct candidate {
    struct path path;
    bool is_complete; // ends at an anchor
    bool is_valid;
    char why[WHY_NOT_BYTES_MAX]; // why it is not valid; begins with the certificate at fault
};
struct candidates {
    struct candidate list[CANDIDATES_SHOWN_MAX]; // ways with a common beginning stand together
    size_t count;
    bool is_cut;      // there are more
    int taken;        // the one that rsp takes; -1: none is valid
    bool is_given_up; // a budget of the search was spent
    bool is_taken;    // some path is
    struct path
        best; // the same path; without one the best path but for the names and the web's rules; length 0: none
    struct text why_none; // of the search, when none is valid
};

// candidates_fini() is due. Paths are borrowed from the trial's graph.
void candidates_init(struct candidates *c, struct trial *t);
void candidates_fini(struct candidates *c);
// The path that is looked at most closely: the one taken, else the first complete one, else the first.
const struct path *candidates_main(const struct candidates *c);
