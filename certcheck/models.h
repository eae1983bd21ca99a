// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "certcheck/trial.h"

// Which path a kind of client would take, and whether it is content with it under the policy: "works on one machine, not on the
// other". Models are made after documented behaviour and source code of those clients; what is left out is said where they
// stand.

enum model {
#define MODEL(symbol, name, what) MODEL_##symbol,
#include "certcheck/models.def"
#undef MODEL
    MODELS
};
#define OUTCOME_WHY_BYTES_MAX 400

struct outcome {
    enum model model;
    struct path path; // length 0: it finds none
    bool is_content;
    char why[OUTCOME_WHY_BYTES_MAX]; // when it is not: begins with the certificate at fault
};

const char *model_name(enum model m);
const char *model_what(enum model m);
// "chromium,go" or "all" into one bit for each model. False: unknown; `why` names those that there are.
bool models_parse(const char *names, unsigned *out, struct text *why);
void model_run(struct trial *t, enum model m, struct outcome *out);

// What a model function leaves: the path that it takes and, if the client itself refuses it, why. Then the policy is asked.
typedef void model_fn(struct trial *t, struct outcome *out);
#define MODEL(symbol, name, what) model_fn model_##symbol;
#include "certcheck/models.def"
#undef MODEL

void outcome_say(struct outcome *out, const X509 *cert,
                 const char *why); // "TITLE: why"; cert may be NULL
