// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/rspctl.h"

// `rspctl pool NAME pause KEY`, `resume KEY`, `pauses`.

static bool takes_key(const char *verb);
static char *path_of(const char *pool, const char *key);
static void show(const json_t *answer);

bool is_pause_verb(const char *verb) {
    return takes_key(verb) || strcmp(verb, "pauses") == 0;
}

static bool takes_key(const char *verb) {
    return strcmp(verb, "pause") == 0 || strcmp(verb, "resume") == 0;
}

int pause_pool(const struct call *c, const char *pool, const char *verb) {
    int status;
    json_t *answer;
    if (takes_key(verb) && (c->argc != 3 || !c->argv[2][0]))
        return ctl_wrong_word(verb, "needs one KEY, such as the name of a site");
    if (!takes_key(verb) && c->argc != 2) return ctl_wrong_word(verb, "takes no words");
    char *path = path_of(pool, c->argc == 3 ? c->argv[2] : NULL);
    if (strcmp(verb, "pause") == 0)
        answer = ctl_ask(c, "PUT", path,
                         json_pack("{s:i}", "seconds", (int)((c->for_ms + 999) / 1000)), &status);
    else
        answer = ctl_ask(c, c->argc == 3 ? "DELETE" : "GET", path, NULL, &status);
    if (answer && c->as_json)
        ctl_print_json(answer);
    else if (answer && c->argc == 2)
        show(answer);
    json_decref(answer);
    free(path);
    return status;
}

static char *path_of(const char *pool, const char *key) {
    struct text path;
    char *start = ctl_path(pool, "/pauses");
    text_init(&path, 1 << 16);
    text_add(&path, slice_of(start));
    if (key) ctl_add_segment(&path, key);
    free(start);
    start = strdup(text_string(&path));
    text_fini(&path);
    return start;
}

static void show(const json_t *answer) {
    const json_t *pauses = json_object_get(answer, "pauses");
    for (size_t i = 0; i < json_array_size(pauses); i++) {
        const json_t *pause = json_array_get(pauses, i);
        printf("%-40s %6.1f s more\n", ctl_text_of(pause, "key"),
               json_real_value(json_object_get(pause, "seconds")));
    }
}
