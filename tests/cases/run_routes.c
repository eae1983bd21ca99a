// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/files.h"
#include "core/text.h"
#include "routing/config.h"

// Runs the cases of routes.md: each `lua` block is loaded as rsp.lua, and what is said must be what its `errors` block has.
// run_routes [--print] FILE: with --print the file comes out with what is said now.

static struct slice read_all(const char *path);
static struct slice block_after(struct slice *rest, const char *fence);
static void load(struct slice lua, struct text *said);

int main(int argc, char **argv) {
    bool prints = argc == 3 && strcmp(argv[1], "--print") == 0;
    if (argc != 2 && !prints) return 2;
    struct slice all = read_all(argv[argc - 1]), rest = all;
    unsigned failed = 0, count = 0;
    while (rest.len > 0) {
        struct slice before = rest, lua = block_after(&rest, "```lua\n");
        if (!lua.at) {
            if (prints) printf("%.*s", SLICE_ARGS(before));
            break;
        }
        struct slice errors = block_after(&rest, "```errors\n");
        struct text said;
        text_init(&said, 1 << 20);
        load(lua, &said);
        count++;
        bool is_same = slice_equals(text_slice(&said), errors);
        if (prints)
            printf("%.*s%s```", (int)(errors.at - before.at), before.at, text_string(&said));
        if (!prints && !is_same)
            failed++, printf("FAILED:\n%.*swanted:\n%.*sfound:\n%s\n", SLICE_ARGS(lua),
                             SLICE_ARGS(errors), text_string(&said));
        text_fini(&said);
    }
    free((char *)all.at);
    if (!prints) printf("%u cases, %u failed\n", count, failed);
    return failed > 0 || count == 0;
}

static struct slice read_all(const char *path) {
    enum { MOST = 1 << 20 };
    char *at = malloc(MOST);
    FILE *file = fopen(path, "re");
    if (!file || !at) exit(2);
    size_t len = fread(at, 1, MOST - 1, file);
    at[len] = '\0';
    fclose(file);
    return (struct slice){at, len};
}

// The text between the fence and the next "```"; *rest goes on behind it. at NULL: there is none.
static struct slice block_after(struct slice *rest, const char *fence) {
    const char *open = strstr(rest->at, fence), *end = rest->at + rest->len;
    if (!open) return (struct slice){NULL, 0};
    const char *begin = open + strlen(fence), *close = strstr(begin, "```");
    if (!close) close = end;
    *rest = slice_from(close + 3 < end ? close + 3 : end, end);
    return slice_from(begin, close);
}

static void load(struct slice lua, struct text *said) {
    struct files *files = files_new();
    struct config *c = config_load_text(files, "rsp.lua", lua, said);
    if (c) text_add(said, SLICE("good\n"));
    config_free(c);
    files_free(files);
}
