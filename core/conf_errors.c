// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/check.h"
#include "core/conf.h"

enum { DEPTH_MAX = 16, MESSAGE_MAX = 4096, QUOTED_MAX = 160, LINES_MAX_BYTES = 1 << 30 };

struct source {
    const char *name;
    struct slice text;
    size_t *lines; // where each line begins; made when first asked for
    size_t line_count;
};

struct problem {
    size_t source; // its number, for the order; SIZE_MAX: no source
    const char *file;
    int line;
    struct slice message;
};

struct conf {
    struct arena *arena; // of the configuration
    struct arena *lines; // of keys: until conf_free()
    struct source *sources;
    size_t source_count, source_room, last_source;
    struct problem problems[CONF_ERRORS_MAX];
    size_t problem_count;
    hint_fn *hint;
};

struct key_lines {
    struct conf_key_line *at;
    size_t count, room;
};

static size_t path_of(struct conf *c, const struct conf_spot *at, struct conf_step path[DEPTH_MAX],
                      struct slice *text);
static void add_key_line(void *arg, struct slice key, int line);
static int compare_key_lines(const void *a, const void *b);
static int compare_with_key(const void *wanted, const void *line);
static const struct conf_spot *root_of(const struct conf_spot *at);
static ptrdiff_t find_source(struct conf *c, const char *name);
static struct slice text_from(struct source *s, int line);
static void add_problem(struct conf *c, const struct conf_spot *label, int line, const char *format,
                        va_list args) __attribute__((format(printf, 4, 0)));
static bool was_said(const struct conf *c, struct slice message);
static void print_label(struct text *out, const struct conf_spot *at);
static void print_line(struct conf *c, const struct problem *p, struct text *out);
static int compare_problems(const void *a, const void *b);

struct conf *conf_new(struct arena *a, hint_fn *hint) {
    struct conf *c = calloc(1, sizeof *c);
    CHECK(c);
    c->arena = a;
    c->hint = hint;
    c->lines = arena_new(4096, LINES_MAX_BYTES);
    return c;
}

void conf_free(struct conf *c) {
    if (!c) return;
    for (size_t i = 0; i < c->source_count; i++) free(c->sources[i].lines);
    free(c->sources);
    arena_free(c->lines);
    free(c);
}

const char *conf_hint(const struct conf *c, const char *name) {
    return c->hint(name);
}

struct arena *conf_arena(struct conf *c) {
    return c->arena;
}

const char *conf_add_source(struct conf *c, const char *name, struct slice text) {
    ptrdiff_t known = find_source(c, name);
    if (known >= 0) return c->sources[known].name;
    if (c->source_count == c->source_room) {
        c->source_room = c->source_room ? c->source_room * 2 : 8;
        c->sources = realloc(c->sources, c->source_room * sizeof *c->sources);
        CHECK(c->sources);
    }
    const char *kept = arena_string(c->arena, slice_of(name));
    if (!text.at) text = SLICE("");
    c->last_source = c->source_count;
    c->sources[c->source_count++] = (struct source){.name = kept, .text = text};
    return kept;
}

const char *conf_find_source(struct conf *c, const char *name) {
    ptrdiff_t i = find_source(c, name);
    return i < 0 ? NULL : c->sources[i].name;
}

int conf_line(struct conf *c, const struct conf_spot *at) {
    struct conf_step path[DEPTH_MAX];
    struct slice text;
    const struct conf_spot *root = root_of(at);
    size_t depth = path_of(c, at, path, &text);
    if (depth == 0) return root->line;
    int line = conf_find_line(text, root->line, root->word, root->name, path, depth);
    return line ? line : root->line;
}

size_t conf_key_lines(struct conf *c, const struct conf_spot *at, struct conf_key_line **lines) {
    struct conf_step path[DEPTH_MAX];
    struct slice text;
    const struct conf_spot *root = root_of(at);
    struct key_lines found = {NULL, 0, 0};
    size_t depth = path_of(c, at, path, &text);
    if (root->word)
        conf_find_keys(text, root->line, root->word, root->name, path, depth, add_key_line, &found);
    *lines = arena_alloc(c->lines, (found.count + 1) * sizeof **lines);
    if (found.count > 0) {
        memcpy(*lines, found.at, found.count * sizeof **lines);
        qsort(*lines, found.count, sizeof **lines, compare_key_lines);
    }
    free(found.at);
    return found.count;
}

void conf_say_doubles(struct conf *c, const struct conf_spot *at, const struct conf_key_line *lines,
                      size_t count) {
    for (size_t i = 1; i < count; i++)
        if (slice_equals(lines[i - 1].key, lines[i].key))
            conf_error(c, at, "'%.*s' stands in it twice, on the lines %d and %d",
                       SLICE_ARGS(lines[i].key), lines[i - 1].line, lines[i].line);
}

int conf_key_line(const struct conf_key_line *lines, size_t count, const char *key, int otherwise) {
    struct slice wanted = slice_of(key);
    const struct conf_key_line *found =
        count > 0 ? bsearch(&wanted, lines, count, sizeof *lines, compare_with_key) : NULL;
    return found ? found->line : otherwise;
}

void conf_error(struct conf *c, const struct conf_spot *at, const char *format, ...) {
    va_list args;
    va_start(args, format);
    add_problem(c, at, conf_line(c, at), format, args);
    va_end(args);
}

void conf_error_of_key(struct conf *c, const struct conf_spot *at, const char *key,
                       const char *format, ...) {
    struct conf_spot spot = {.up = at, .key = key};
    va_list args;
    va_start(args, format);
    add_problem(c, at, conf_line(c, &spot), format, args);
    va_end(args);
}

size_t conf_error_count(const struct conf *c) {
    return c->problem_count;
}

void conf_print_errors(struct conf *c, struct text *out) {
    size_t kept = c->problem_count < CONF_ERRORS_MAX ? c->problem_count : CONF_ERRORS_MAX;
    qsort(c->problems, kept, sizeof *c->problems, compare_problems);
    for (size_t i = 0; i < kept; i++) {
        text_add(out, c->problems[i].message);
        text_add_char(out, '\n');
        print_line(c, &c->problems[i], out);
    }
    if (c->problem_count > kept) text_printf(out, "and %zu more\n", c->problem_count - kept);
}

static const struct conf_spot *root_of(const struct conf_spot *at) {
    while (at->up) at = at->up;
    return at;
}

// Declarations come file by file, so the last answer is mostly the next.
static ptrdiff_t find_source(struct conf *c, const char *name) {
    if (c->last_source < c->source_count && strcmp(c->sources[c->last_source].name, name) == 0)
        return (ptrdiff_t)c->last_source;
    for (size_t i = 0; i < c->source_count; i++) {
        if (strcmp(c->sources[i].name, name) != 0) continue;
        c->last_source = i;
        return (ptrdiff_t)i;
    }
    return -1;
}

// The steps from the declaration to a spot, and the text from the declaration on; 0 when there is nothing to look for.
static size_t path_of(struct conf *c, const struct conf_spot *at, struct conf_step path[DEPTH_MAX],
                      struct slice *text) {
    size_t depth = 0;
    const struct conf_spot *root = root_of(at);
    *text = (struct slice){NULL, 0};
    for (const struct conf_spot *s = at; s->up; s = s->up) depth++;
    ptrdiff_t source = root->file ? find_source(c, root->file) : -1;
    if (source < 0 || depth > DEPTH_MAX) return 0;
    size_t i = depth;
    for (const struct conf_spot *s = at; s->up; s = s->up)
        path[--i] = (struct conf_step){s->key, s->item};
    *text = text_from(&c->sources[source], root->line);
    return depth;
}

static void add_key_line(void *arg, struct slice key, int line) {
    struct key_lines *lines = arg;
    if (lines->count == lines->room) {
        lines->room = lines->room ? lines->room * 2 : 16;
        lines->at = realloc(lines->at, lines->room * sizeof *lines->at);
        CHECK(lines->at);
    }
    lines->at[lines->count++] = (struct conf_key_line){key, line};
}

static int compare_key_lines(const void *a, const void *b) {
    const struct conf_key_line *p = a, *q = b;
    int order = compare_with_key(&p->key, q);
    return order ? order : p->line - q->line;
}

static int compare_with_key(const void *wanted, const void *line) {
    const struct slice *key = wanted;
    const struct conf_key_line *q = line;
    if (key->len != q->key.len) return key->len < q->key.len ? -1 : 1;
    return memcmp(key->at, q->key.at, key->len);
}

static struct slice text_from(struct source *s, int line) {
    if (!s->lines) {
        size_t count = 1, end;
        for (size_t i = 0; i < s->text.len; i++)
            count += s->text.at[i] == '\n' || s->text.at[i] == '\r';
        s->lines = malloc(count * sizeof *s->lines);
        CHECK(s->lines);
        s->lines[s->line_count++] = 0;
        for (size_t i = 0; i<s->text.len; i += end> 0 ? end : 1) {
            end = conf_line_end(slice_skip(s->text, i));
            if (end > 0) s->lines[s->line_count++] = i + end;
        }
    }
    if (line < 1 || (size_t)line > s->line_count) return (struct slice){NULL, 0};
    return slice_skip(s->text, s->lines[line - 1]);
}

static void add_problem(struct conf *c, const struct conf_spot *label, int line, const char *format,
                        va_list args) {
    const struct conf_spot *root = root_of(label);
    char message[MESSAGE_MAX];
    struct text text;
    text_init(&text, 2 * MESSAGE_MAX);
    if (root->file && line > 0) text_printf(&text, "%s:%d: ", root->file, line);
    if (root->file && line <= 0) text_printf(&text, "%s: ", root->file);
    print_label(&text, label);
    vsnprintf(message, sizeof message, format, args);
    text_add(&text, slice_of(message));
    ptrdiff_t source = root->file ? find_source(c, root->file) : -1;
    bool is_new = !was_said(c, text_slice(&text));
    if (is_new && c->problem_count++ < CONF_ERRORS_MAX)
        c->problems[c->problem_count - 1] =
            (struct problem){source < 0 ? SIZE_MAX : (size_t)source, root->file, line,
                             arena_copy(c->arena, text_slice(&text))};
    text_fini(&text);
}

// Code in a loop would say the same of the same line again and again.
static bool was_said(const struct conf *c, struct slice message) {
    for (size_t i = 0; i < c->problem_count && i < CONF_ERRORS_MAX; i++)
        if (slice_equals(c->problems[i].message, message)) return true;
    return false;
}

// pool "web": timeout.connect: ... and paths["/v1/*"].deny[2]: ...
static void print_label(struct text *out, const struct conf_spot *at) {
    const struct conf_spot *steps[DEPTH_MAX];
    size_t depth = 0;
    for (; at->up && depth < DEPTH_MAX; at = at->up) steps[depth++] = at;
    if (at->word) text_printf(out, "%s%s", at->word, at->name ? "" : ": ");
    if (at->word && at->name) text_printf(out, " \"%s\": ", at->name);
    for (size_t i = depth; i-- > 0;) {
        const struct conf_spot *s = steps[i];
        bool is_name =
            s->key && s->key[strspn(s->key, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
        if (!s->key)
            text_printf(out, "[%d]", s->item);
        else if (!is_name)
            text_printf(out, "[\"%s\"]", s->key);
        else
            text_printf(out, "%s%s", i + 1 < depth ? "." : "", s->key);
    }
    if (depth > 0) text_add(out, SLICE(": "));
}

static void print_line(struct conf *c, const struct problem *p, struct text *out) {
    if (p->source == SIZE_MAX || p->line < 1) return;
    struct slice rest = text_from(&c->sources[p->source], p->line);
    if (!rest.at) return;
    struct slice line = {rest.at, 0};
    while (line.len < rest.len && rest.at[line.len] != '\n' && rest.at[line.len] != '\r')
        line.len++;
    bool is_long = line.len > QUOTED_MAX;
    if (is_long) line.len = QUOTED_MAX;
    text_printf(out, "%6d | ", p->line);
    for (size_t i = 0; i < line.len; i++)
        text_add_char(out,
                      (unsigned char)line.at[i] < 0x20 && line.at[i] != '\t' ? '?' : line.at[i]);
    text_add(out, is_long ? SLICE(" ...\n") : SLICE("\n"));
}

static int compare_problems(const void *a, const void *b) {
    const struct problem *p = a, *q = b;
    if (p->source != q->source) return p->source < q->source ? -1 : 1;
    if (p->line != q->line) return p->line < q->line ? -1 : 1;
    // Tables have no order: what is said of one line comes in the order of the alphabet.
    size_t least = p->message.len < q->message.len ? p->message.len : q->message.len;
    int order = memcmp(p->message.at, q->message.at, least);
    if (order != 0) return order;
    return (p->message.len > q->message.len) - (p->message.len < q->message.len);
}
