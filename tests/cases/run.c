// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// usage: run_cases [--print] FILE.md...   The format stands in README.md.
// Runs each case whole, byte by byte and in two pieces at each position; all of them must give what the case expects. --print shows
// what came out, for writing a case.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/cases/transcript.h"

enum { FILE_MAX = 1 << 20, MESSAGE_MAX = 1 << 16, CUTS_MAX = 2000 };

struct test_case {
    struct slice heading;
    int line;
    struct scenario scenario;
    struct text input; // unescaped
    struct text expected;
    bool has_input;
};

static bool only_prints;
static unsigned ran, failed;

static struct slice read_file(const char *path);
static void run_file(const char *path);
static bool read_block(const char *path, int *line, struct slice *rest, struct slice fence,
                       struct test_case *c);
static bool read_words(struct slice words, struct scenario *s);
static bool read_method(struct slice word, enum method *method);
static bool unescape(struct text *out, struct slice line);
static void run_case(const char *path, struct test_case *c);
static bool is_same(const char *path, const struct test_case *c, size_t cut);
static void complain(const char *path, int line, const char *what, struct slice heading);

int main(int argc, char **argv) {
    int first = 1;
    if (argc > 1 && strcmp(argv[1], "--print") == 0) {
        only_prints = true;
        first = 2;
    }
    for (int i = first; i < argc; i++) run_file(argv[i]);
    fprintf(stderr, "%u cases, %u failed\n", ran, failed);
    return failed > 0 || ran == 0;
}

static void run_file(const char *path) {
    struct slice text = read_file(path), rest = text;
    struct test_case c = {.line = 0};
    text_init(&c.input, MESSAGE_MAX);
    text_init(&c.expected, MESSAGE_MAX);
    for (int line = 1; rest.at && rest.len > 0; line++) {
        struct slice at = slice_cut(&rest, '\n');
        if (slice_starts_with(at, SLICE("## "))) {
            c.heading = slice_skip(at, 3);
            c.line = line;
        } else if (slice_starts_with(at, SLICE("```"))) {
            struct slice fence = slice_skip(at, 3);
            if (!read_block(path, &line, &rest, fence, &c)) complain(path, line, "bad block", at);
            if (slice_equals(fence, SLICE("expect"))) run_case(path, &c);
        }
    }
    text_fini(&c.input);
    text_fini(&c.expected);
    free((char *)text.at);
}

static struct slice read_file(const char *path) {
    FILE *f = fopen(path, "rb");
    char *at = malloc(FILE_MAX);
    if (!f || !at) {
        perror(path);
        exit(2);
    }
    size_t len = fread(at, 1, FILE_MAX, f);
    fclose(f);
    return (struct slice){at, len};
}

// From the line after the fence to the closing fence.
static bool read_block(const char *path, int *line, struct slice *rest, struct slice fence,
                       struct test_case *c) {
    (void)path;
    bool is_expected = slice_equals(fence, SLICE("expect")), is_good = true;
    if (is_expected) {
        text_clear(&c->expected);
    } else {
        text_clear(&c->input);
        is_good = read_words(fence, &c->scenario);
        c->has_input = true;
    }
    while (rest->at) {
        struct slice at = slice_cut(rest, '\n');
        ++*line;
        if (slice_equals(at, SLICE("```"))) return is_good;
        if (is_expected) {
            text_add(&c->expected, at);
            text_add_char(&c->expected, '\n');
        } else {
            is_good = unescape(&c->input, at) && is_good;
        }
    }
    return false;
}

static bool read_words(struct slice words, struct scenario *s) {
    *s = (struct scenario){.answers = METHOD_GET};
    struct slice kind = slice_cut(&words, ' ');
    s->is_request = slice_equals(kind, SLICE("request"));
    if (!s->is_request && !slice_equals(kind, SLICE("answer"))) return false;
    while (words.at) {
        struct slice word = slice_cut(&words, ' ');
        if (slice_equals(word, SLICE("eof")))
            s->ends = true;
        else if (slice_equals(word, SLICE("small")))
            s->has_small_limits = true;
        else if (slice_equals(word, SLICE("forward")))
            s->forwards = true;
        else if (slice_equals(word, SLICE("trusted")))
            s->is_trusted = true;
        else if (slice_equals(word, SLICE("forwarded")))
            s->adds_forwarded = true;
        else if (slice_equals(word, SLICE("upgrade")))
            s->keeps_upgrade = true;
        else if (slice_equals(word, SLICE("expect")))
            s->passes_expect = true;
        else if (slice_equals(word, SLICE("chunked")))
            s->is_chunked = true;
        else if (slice_equals(word, SLICE("close")))
            s->closes = true;
        else if (slice_equals(word, SLICE("old")))
            s->is_old_client = true;
        else if (!read_method(word, &s->answers))
            return false;
    }
    return true;
}

static bool read_method(struct slice word, enum method *method) {
    *method = method_of(word);
    return *method != METHOD_OTHER;
}

static bool unescape(struct text *out, struct slice line) {
    static const char letters[] = "rnt0\\", bytes[] = "\r\n\t\0\\";
    for (size_t i = 0; i < line.len; i++) {
        const char *letter;
        if (line.at[i] != '\\') {
            text_add_char(out, line.at[i]);
        } else if (i + 1 < line.len && (letter = memchr(letters, line.at[i + 1], 5))) {
            text_add_char(out, bytes[letter - letters]);
            i++;
        } else if (i + 3 < line.len && line.at[i + 1] == 'x') {
            char hex[3] = {line.at[i + 2], line.at[i + 3], 0};
            text_add_char(out, (char)strtol(hex, NULL, 16));
            i += 3;
        } else {
            return false;
        }
    }
    return true;
}

static void run_case(const char *path, struct test_case *c) {
    ran++;
    if (!c->has_input) complain(path, c->line, "an expectation without a message", c->heading);
    c->has_input = false;
    if (only_prints) {
        struct text out;
        text_init(&out, MESSAGE_MAX * 4);
        transcript_write(&out, &c->scenario, text_slice(&c->input), 0);
        printf("## %.*s\n%s", SLICE_ARGS(c->heading), text_string(&out));
        text_fini(&out);
        return;
    }
    size_t len = c->input.len, step = len / CUTS_MAX + 1;
    bool is_good = is_same(path, c, 0) && is_same(path, c, CUT_EVERYWHERE);
    for (size_t cut = 1; is_good && cut < len; cut += step) is_good = is_same(path, c, cut);
}

static bool is_same(const char *path, const struct test_case *c, size_t cut) {
    struct text out;
    text_init(&out, MESSAGE_MAX * 4);
    bool is_good = transcript_write(&out, &c->scenario, text_slice(&c->input), cut) &&
                   slice_equals(text_slice(&out), text_slice(&c->expected));
    if (!is_good) {
        complain(path, c->line, "failed", c->heading);
        if (cut == CUT_EVERYWHERE)
            fprintf(stderr, "  fed byte by byte\n");
        else if (cut > 0)
            fprintf(stderr, "  cut after %zu bytes\n", cut);
        fprintf(stderr, "--- expected\n%.*s--- got\n%s\n", SLICE_ARGS(text_slice(&c->expected)),
                text_string(&out));
    }
    text_fini(&out);
    return is_good;
}

static void complain(const char *path, int line, const char *what, struct slice heading) {
    fprintf(stderr, "%s:%d: %s: %.*s\n", path, line, what, SLICE_ARGS(heading));
    failed++;
}
