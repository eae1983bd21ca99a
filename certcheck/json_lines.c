// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "certcheck/json_lines.h"

#include <stdbool.h>

struct cursor {
    struct slice json;
    size_t at, line;
};

static bool enter_member(struct cursor *c, const char *name, size_t *line);
static bool enter_element(struct cursor *c, size_t number, size_t *line);
static char peek(struct cursor *c);
static void next(struct cursor *c);
static struct slice take_string(struct cursor *c);
static void skip_value(struct cursor *c);

size_t json_line_of(struct slice json, const struct json_step *steps, size_t count) {
    struct cursor c = {json, 0, 1};
    size_t line = 1;
    for (size_t i = 0; i < count; i++) {
        bool is_there = steps[i].name ? enter_member(&c, steps[i].name, &line)
                                      : enter_element(&c, steps[i].number, &line);
        if (!is_there) break;
    }
    return line;
}

// The cursor then stands before the value.
static bool enter_member(struct cursor *c, const char *name, size_t *line) {
    if (peek(c) != '{') return false;
    next(c);
    while (peek(c) == '"') {
        size_t here = c->line;
        bool is_it = slice_equals(take_string(c), slice_of(name));
        if (peek(c) == ':') next(c);
        if (is_it) {
            *line = here;
            return true;
        }
        skip_value(c);
        if (peek(c) == ',') next(c);
    }
    return false;
}

static bool enter_element(struct cursor *c, size_t number, size_t *line) {
    if (peek(c) != '[') return false;
    next(c);
    for (size_t i = 0; peek(c) != ']' && peek(c) != '\0'; i++) {
        if (i == number) {
            *line = c->line;
            return true;
        }
        skip_value(c);
        if (peek(c) == ',') next(c);
    }
    return false;
}

// The next byte that is no space; '\0' at the end.
static char peek(struct cursor *c) {
    while (c->at < c->json.len && memchr(" \t\r\n", c->json.at[c->at], 4)) next(c);
    return c->at < c->json.len ? c->json.at[c->at] : '\0';
}

static void next(struct cursor *c) {
    if (c->at >= c->json.len) return;
    if (c->json.at[c->at] == '\n') c->line++;
    c->at++;
}

static struct slice take_string(struct cursor *c) {
    next(c);
    size_t begin = c->at;
    while (c->at < c->json.len && c->json.at[c->at] != '"') {
        if (c->json.at[c->at] == '\\') next(c);
        next(c);
    }
    size_t end = c->at < c->json.len ? c->at : c->json.len;
    next(c);
    return (struct slice){c->json.at + begin, end - begin};
}

static void skip_value(struct cursor *c) {
    size_t depth = 0;
    for (char byte = peek(c); byte != '\0'; byte = peek(c)) {
        if (depth == 0 && strchr(",]}", byte)) return;
        if (byte == '"')
            take_string(c);
        else
            next(c);
        if (byte == '{' || byte == '[') depth++;
        if ((byte == '}' || byte == ']') && depth > 0) depth--;
    }
}
