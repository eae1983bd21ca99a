// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/slice.h"

// Growing text with a maximum: for log lines, pages, messages. Beyond the maximum it is cut and says
// so. Embedded: text_init/text_fini.
struct text {
    char *at;
    size_t len;
    size_t cap;
    size_t max_bytes;
    bool is_cut;
};

void text_init(struct text *t, size_t max_bytes);
void text_fini(struct text *t);
void text_clear(struct text *t); // keeps the memory
void text_add(struct text *t, struct slice s);
void text_add_char(struct text *t, char c);
void text_add_u64(struct text *t, uint64_t n);
// Room for so many bytes, which must be within the maximum, to be filled in place; then text_commit(n <= bytes).
char *text_reserve(struct text *t, size_t bytes);
void text_commit(struct text *t, size_t n);
// A JSON string, with its quotes; bytes that are no ASCII are taken for Latin-1.
void text_add_json(struct text *t, struct slice s);
// Lines, each with `before` in front of it; NULL: as they are.
void text_add_lines(struct text *t, const char *before, struct slice lines);
void text_printf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct slice text_slice(const struct text *t);
// NUL-terminated; valid until the next change.
const char *text_string(struct text *t);
