// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <stdio.h>

#include "certcheck/models.h"

// What rsp does. Where the policy leaves no path, the one that it would take without it is shown, with the objection.
void model_strongest(struct trial *t, struct outcome *out) {
    struct chain_answer answer;
    if (chain_find(t->graph, &t->question, &answer) == CHAIN_FOUND)
        out->path = answer.path;
    else
        snprintf(out->why, sizeof out->why, "%s", text_string(&answer.why));
    chain_answer_fini(&answer);
    if (out->path.length > 0) return;
    if (chain_find(t->graph, &t->plain, &answer) == CHAIN_FOUND) out->path = answer.path;
    chain_answer_fini(&answer);
}
