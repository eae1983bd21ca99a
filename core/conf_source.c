// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <ctype.h>
#include <stdlib.h>

#include "core/conf.h"

// Where in a Lua text does a key of a table constructor stand? Lua does not keep that, so the text is read again, as tokens. Only
// for messages and `explain`: what cannot be found has the line of its declaration.

enum token_kind { TOKEN_END, TOKEN_NAME, TOKEN_STRING, TOKEN_OTHER };

struct token {
    enum token_kind kind;
    struct slice text; // of a string: without its quotes, escapes as written
    int line;
};

struct reader {
    const char *at, *end;
    int line;
};

// One open table of the walk: its keys are compared with one step of the path.
struct walk {
    struct reader reader;
    const struct conf_step *path;
    size_t count;
    int found_line;
    conf_each_key_fn *each; // NULL: the line is all that is asked for
    void *arg;
};

struct entry {
    struct slice key; // at NULL: none
    int item;         // how many without a key there were
    int line;
    struct token value; // its first token
};

static struct token next_token(struct reader *r);
static bool skip_line_end(struct reader *r);
static void skip_space(struct reader *r);
static bool skip_long_bracket(struct reader *r, struct slice *content);
static struct token read_string(struct reader *r);
static bool is_mark(struct token t, char c);
static bool find_declaration(struct reader *r, const char *word, const char *name);
static bool find_in_table(struct walk *w, size_t depth);
static void list_table(struct walk *w);
static bool next_entry(struct reader *r, struct entry *e);
static bool open_table(struct reader *r, struct token t);
static bool skip_value(struct reader *r, struct token first, bool *is_end);
static int block_step(struct token t);
static bool is_step(const struct conf_step *step, struct slice key, int item);

int conf_find_line(struct slice text, int line, const char *word, const char *name,
                   const struct conf_step *path, size_t count) {
    if (!text.at) return 0;
    struct walk w = {.reader = {text.at, text.at + text.len, line}, .path = path, .count = count};
    if (count == 0 || !find_declaration(&w.reader, word, name)) return 0;
    find_in_table(&w, 0);
    return w.found_line;
}

void conf_find_keys(struct slice text, int line, const char *word, const char *name,
                    const struct conf_step *path, size_t count, conf_each_key_fn *each, void *arg) {
    if (!text.at) return;
    struct walk w = {.reader = {text.at, text.at + text.len, line},
                     .path = path,
                     .count = count,
                     .each = each,
                     .arg = arg};
    if (!find_declaration(&w.reader, word, name)) return;
    if (count > 0)
        find_in_table(&w, 0);
    else
        list_table(&w);
}

size_t conf_line_end(struct slice text) {
    if (text.len == 0 || (text.at[0] != '\n' && text.at[0] != '\r')) return 0;
    bool is_pair =
        text.len > 1 && (text.at[1] == '\n' || text.at[1] == '\r') && text.at[1] != text.at[0];
    return is_pair ? 2 : 1;
}

// Behind the '{' of `word "name" {`; without a name: `word {`. Looks no further than some tokens.
static bool find_declaration(struct reader *r, const char *word, const char *name) {
    enum { TOKENS_MAX = 500 };
    for (int i = 0; i < TOKENS_MAX; i++) {
        struct token t = next_token(r);
        if (t.kind == TOKEN_END) return false;
        if (t.kind != TOKEN_NAME || !slice_equals(t.text, slice_of(word))) continue;
        struct reader after = *r;
        t = next_token(&after);
        if (is_mark(t, '(')) t = next_token(&after);
        bool is_named = t.kind == TOKEN_STRING && name && slice_equals(t.text, slice_of(name));
        // A name that is computed counts as the right one.
        if (name && !is_named && t.kind == TOKEN_STRING) continue;
        while (name && !is_mark(t, '{') && t.kind != TOKEN_END && t.line <= after.line + 1)
            t = next_token(&after);
        if (!is_mark(t, '{')) continue;
        *r = after;
        return true;
    }
    return false;
}

// Reads the entries of one table up to its '}', stepping into the one that path[depth] names. True when it was found.
static bool find_in_table(struct walk *w, size_t depth) {
    struct entry e = {.item = 0};
    for (bool is_end = false; !is_end && next_entry(&w->reader, &e);) {
        if (!is_step(&w->path[depth], e.key, e.key.at ? 0 : e.item)) {
            if (!skip_value(&w->reader, e.value, &is_end)) return false;
            continue;
        }
        w->found_line = e.line;
        bool is_last = depth + 1 == w->count;
        if (is_last && !w->each) return true;
        if (!open_table(&w->reader, e.value)) return true;
        if (is_last)
            list_table(w);
        else
            find_in_table(w, depth + 1);
        return true;
    }
    return false;
}

static void list_table(struct walk *w) {
    struct entry e = {.item = 0};
    for (bool is_end = false; !is_end && next_entry(&w->reader, &e);) {
        if (e.key.at) w->each(w->arg, e.key, e.line);
        if (!skip_value(&w->reader, e.value, &is_end)) return;
    }
}

// The key, and the first token of the value, of the next entry. False at the end of the table.
static bool next_entry(struct reader *r, struct entry *e) {
    struct token t = next_token(r);
    if (t.kind == TOKEN_END || is_mark(t, '}')) return false;
    struct reader after = *r;
    e->key = (struct slice){NULL, 0};
    e->line = t.line;
    if (t.kind == TOKEN_NAME && is_mark(next_token(&after), '=')) {
        e->key = t.text;
    } else if (is_mark(t, '[')) {
        after = *r;
        struct slice key = next_token(&after).text;
        if (is_mark(next_token(&after), ']') && is_mark(next_token(&after), '=')) e->key = key;
    }
    if (e->key.at) {
        *r = after;
        t = next_token(r);
    } else {
        e->item++;
    }
    e->value = t;
    return true;
}

// Into the table of a value, over what may stand before it: pool "x" {
static bool open_table(struct reader *r, struct token t) {
    while (!is_mark(t, '{') && (t.kind != TOKEN_OTHER || is_mark(t, '('))) {
        if (t.kind == TOKEN_END) return false;
        t = next_token(r);
    }
    return is_mark(t, '{');
}

// Behind the ',' or ';' that ends the value whose first token is given; *is_end at the table's '}'.
static bool skip_value(struct reader *r, struct token first, bool *is_end) {
    int depth = 0, blocks = 0;
    for (struct token t = first;; t = next_token(r)) {
        if (t.kind == TOKEN_END) return false;
        blocks += block_step(t);
        if (blocks > 0) continue;
        if (is_mark(t, '{') || is_mark(t, '(') || is_mark(t, '[')) depth++;
        if (is_mark(t, '}') && depth == 0) *is_end = true;
        if (*is_end) return true;
        if (is_mark(t, '}') || is_mark(t, ')') || is_mark(t, ']')) depth--;
        if (depth == 0 && (is_mark(t, ',') || is_mark(t, ';'))) return true;
    }
}

// Bodies of functions are skipped by counting what opens and ends blocks.
static int block_step(struct token t) {
    static const char *const openers[] = {"function", "do", "if", "repeat"};
    static const char *const closers[] = {"end", "until"};
    if (t.kind != TOKEN_NAME) return 0;
    for (size_t i = 0; i < sizeof openers / sizeof *openers; i++)
        if (slice_equals(t.text, slice_of(openers[i]))) return 1;
    for (size_t i = 0; i < sizeof closers / sizeof *closers; i++)
        if (slice_equals(t.text, slice_of(closers[i]))) return -1;
    return 0;
}

static bool is_step(const struct conf_step *step, struct slice key, int item) {
    if (step->key) return key.at && slice_equals(key, slice_of(step->key));
    return step->item == item;
}

static bool is_mark(struct token t, char c) {
    return t.kind == TOKEN_OTHER && t.text.at[0] == c;
}

static struct token next_token(struct reader *r) {
    skip_space(r);
    struct token t = {.line = r->line};
    if (r->at == r->end) return t;
    const char *begin = r->at;
    if (*begin == '"' || *begin == '\'') return read_string(r);
    if (*begin == '[' && skip_long_bracket(r, &t.text)) {
        t.kind = TOKEN_STRING;
        return t;
    }
    t.kind = TOKEN_OTHER;
    if (isalnum((unsigned char)*begin) || *begin == '_') {
        t.kind = TOKEN_NAME;
        while (r->at < r->end && (isalnum((unsigned char)*r->at) || *r->at == '_')) r->at++;
    } else {
        r->at++;
        // "==" is no assignment.
        if (r->at < r->end && strchr("=~<>", *begin) && *r->at == '=') {
            r->at++;
            begin++;
            t.text = SLICE("?");
            return t;
        }
    }
    t.text = slice_from(begin, r->at);
    return t;
}

static bool skip_line_end(struct reader *r) {
    size_t len = conf_line_end(slice_from(r->at, r->end));
    r->at += len;
    r->line += len > 0;
    return len > 0;
}

static void skip_space(struct reader *r) {
    while (r->at < r->end) {
        struct slice ignored;
        if (skip_line_end(r)) continue;
        if (isspace((unsigned char)*r->at)) {
            r->at++;
        } else if (r->end - r->at >= 2 && memcmp(r->at, "--", 2) == 0) {
            r->at += 2;
            if (skip_long_bracket(r, &ignored)) continue;
            while (r->at < r->end && *r->at != '\n' && *r->at != '\r') r->at++;
        } else {
            return;
        }
    }
}

// [[...]] or [=[...]=] at the reader; else nothing happens.
static bool skip_long_bracket(struct reader *r, struct slice *content) {
    const char *at = r->at;
    if (at == r->end || *at++ != '[') return false;
    size_t level = 0;
    while (at < r->end && *at == '=') at++, level++;
    if (at == r->end || *at++ != '[') return false;
    const char *begin = r->at = at;
    while (r->at < r->end) {
        if (skip_line_end(r)) continue;
        const char *close = r->at++;
        if (*close != ']') continue;
        size_t n = 0;
        while (close + 1 + n < r->end && close[1 + n] == '=') n++;
        if (n != level || close + 1 + n == r->end || close[1 + n] != ']') continue;
        *content = slice_from(begin, close);
        r->at = close + level + 2;
        return true;
    }
    *content = slice_from(begin, r->end);
    return true;
}

static struct token read_string(struct reader *r) {
    char quote = *r->at++;
    struct token t = {.kind = TOKEN_STRING, .line = r->line};
    const char *begin = r->at;
    while (r->at < r->end && *r->at != quote && *r->at != '\n' && *r->at != '\r') {
        bool is_escape = *r->at++ == '\\' && r->at < r->end;
        if (is_escape && !skip_line_end(r)) r->at++;
    }
    t.text = slice_from(begin, r->at);
    if (r->at < r->end && *r->at == quote) r->at++;
    return t;
}
