// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/text.h"
#include "tls/chain/graph.h"
#include "tls/chain/question.h"

// The best valid path from a leaf to an anchor: tiers of strength from the top, within a tier the shortest first, among those
// the order of paths (tls/chain/path.h). It is never a shorter one that OpenSSL happens to meet first.

enum chain_result {
    CHAIN_FOUND,
    CHAIN_REFUSED,  // no valid path
    CHAIN_EXHAUSTED // a budget was spent before that was known
};
// A budget that is spent does not take back what was found before: no path is stronger, and of those as strong none shorter. Only
// whether one of the same strength and length ends later is not known then; answer.cut says so.

struct chain_answer {
    struct path path; // CHAIN_FOUND: its steps are borrowed from the graph, until it is changed
    const char
        *cut; // CHAIN_FOUND: of what there was too much to look at all paths; NULL: of nothing
    struct text why; // else: one line that begins with the certificate at fault
    int visits, signatures, verifications; // spent
};

// Adds the leaf to the graph when it is not there. The answer is initialised here; chain_answer_fini() is due.
enum chain_result chain_find(struct graph *g, const struct chain_question *q,
                             struct chain_answer *answer);
void chain_answer_fini(struct chain_answer *answer);
