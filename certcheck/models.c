// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "certcheck/models.h"

#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "tls/certificate.h"

static const struct {
    const char *name, *what;
    model_fn *run;
} models[] = {
#define MODEL(symbol, name, what) {name, what, model_##symbol},
#include "certcheck/models.def"
#undef MODEL
};

const char *model_name(enum model m) {
    return models[m].name;
}

const char *model_what(enum model m) {
    return models[m].what;
}

bool models_parse(const char *names, unsigned *out, struct text *why) {
    struct slice rest = slice_of(names);
    while (rest.at != NULL) {
        struct slice name = slice_cut(&rest, ',');
        unsigned found = slice_equals(name, SLICE("all")) ? (1u << MODELS) - 1 : 0;
        for (int m = 0; m < MODELS; m++)
            if (slice_equals(name, slice_of(models[m].name))) found |= 1u << m;
        *out |= found;
        if (found) continue;
        text_printf(why, "'%.*s' is none of all", SLICE_ARGS(name));
        for (int m = 0; m < MODELS; m++) text_printf(why, ", %s", models[m].name);
        return false;
    }
    return true;
}

void model_run(struct trial *t, enum model m, struct outcome *out) {
    *out = (struct outcome){.model = m};
    models[m].run(t, out);
    if (out->why[0] != '\0') return;
    if (out->path.length == 0) {
        outcome_say(out, t->leaf, "it finds no path to a trusted certificate");
        return;
    }
    struct text why;
    text_init(&why, OUTCOME_WHY_BYTES_MAX);
    out->is_content = trial_judge(t, &t->question, &out->path, &why);
    if (!out->is_content) snprintf(out->why, sizeof out->why, "%s", text_string(&why));
    text_fini(&why);
}

void outcome_say(struct outcome *out, const X509 *cert, const char *why) {
    struct text text;
    text_init(&text, OUTCOME_WHY_BYTES_MAX);
    if (cert) {
        certificate_add_title(&text, cert);
        text_add(&text, SLICE(": "));
    }
    text_add(&text, slice_of(why));
    snprintf(out->why, sizeof out->why, "%s", text_string(&text));
    text_fini(&text);
}
