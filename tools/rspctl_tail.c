// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <stdio.h>
#include <string.h>

#include "tools/rspctl.h"

// The access log as it goes on. One question after the other: each waits for lines, and says where the next one begins.

enum { PATH_MAX_BYTES = 16 << 10 };

static bool make_query(const struct call *c, struct text *path);
static bool show_lines(const struct call *c, const json_t *answer);

int run_tail(const struct call *c) {
    struct text query, path;
    int status = CTL_GOOD;
    bool is_open = true;
    text_init(&query, PATH_MAX_BYTES);
    text_init(&path, PATH_MAX_BYTES);
    if (!make_query(c, &query)) status = ctl_usage();
    text_printf(&path, "%s", text_string(&query));
    while (status == CTL_GOOD && is_open) {
        json_t *answer = ctl_ask(c, "GET", text_string(&path), NULL, &status);
        if (!answer) break;
        is_open = show_lines(c, answer);
        text_clear(&path);
        text_printf(&path, "%s&after=%lld", text_string(&query),
                    (long long)json_integer_value(json_object_get(answer, "next")));
        json_decref(answer);
    }
    text_fini(&query);
    text_fini(&path);
    return status;
}

// The words are NAME=VALUE, as they stand in the lines, and "events".
static bool make_query(const struct call *c, struct text *path) {
    text_add(path, SLICE("/v1/tail?"));
    for (int i = 0; i < c->argc; i++) {
        if (strcmp(c->argv[i], "events") == 0) {
            text_add(path, i > 0 ? SLICE("&events") : SLICE("events"));
            continue;
        }
        const char *value = strchr(c->argv[i], '=');
        if (!value || strcspn(c->argv[i], "&#? ") < (size_t)(value - c->argv[i])) return false;
        if (i > 0) text_add_char(path, '&');
        text_add(path, slice_from(c->argv[i], value + 1));
        ctl_add_encoded(path, value + 1);
    }
    return !path->is_cut;
}

// False: nobody reads what is printed any more.
static bool show_lines(const struct call *c, const json_t *answer) {
    const json_t *lines = json_object_get(answer, "lines");
    long long dropped = json_integer_value(json_object_get(answer, "dropped"));
    for (size_t i = 0; i < json_array_size(lines); i++) {
        const json_t *line = json_array_get(lines, i);
        if (c->as_json)
            json_dumpf(line, stdout, JSON_ENCODE_ANY);
        else
            fputs(ctl_text(line), stdout);
        putchar('\n');
    }
    if (dropped > 0)
        fprintf(stderr, "rspctl: %lld lines came too fast and are left out\n", dropped);
    return fflush(stdout) == 0;
}
