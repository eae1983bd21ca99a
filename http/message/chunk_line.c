// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "http/message/chunk_line.h"

#include "http/message/field.h"

static bool read_size(struct slice line, struct chunk_line *out);
static bool are_extensions(struct slice s);
static size_t value_length(struct slice s);

bool chunk_line_read(struct slice line, struct chunk_line *out) {
    return read_size(line, out) && are_extensions(slice_skip(line, out->digits));
}

static bool read_size(struct slice line, struct chunk_line *out) {
    static const char HEX[] = "0123456789abcdef";
    *out = (struct chunk_line){0, 0};
    for (; out->digits < line.len; out->digits++) {
        char c = line.at[out->digits];
        const char *digit = memchr(HEX, c >= 'A' ? c | 0x20 : c, 16);
        if (!digit) break;
        if (out->digits == 16 || out->size > INT64_MAX >> 4) return false;
        out->size = out->size << 4 | (uint64_t)(digit - HEX);
    }
    return out->digits > 0;
}

// Extensions mean nothing to us and go no further; they are read so that none of them can be two things to two readers.
static bool are_extensions(struct slice s) {
    while (s.len > 0) {
        if (s.at[0] != ';') return false;
        s = slice_skip(s, 1);
        size_t name = 0;
        while (name < s.len && s.at[name] != '=' && s.at[name] != ';') name++;
        if (!is_token((struct slice){s.at, name})) return false;
        s = slice_skip(s, name);
        if (s.len == 0 || s.at[0] != '=') continue;
        s = slice_skip(s, 1);
        size_t value = value_length(s);
        if (value == 0) return false;
        s = slice_skip(s, value);
    }
    return true;
}

// Of a token or of a quoted string at the beginning; 0: neither.
static size_t value_length(struct slice s) {
    if (s.len > 0 && s.at[0] == '"') {
        for (size_t i = 1; i < s.len; i++) {
            if (s.at[i] == '"') return i + 1;
            if (s.at[i] == '\\') i++;
        }
        return 0;
    }
    size_t n = 0;
    while (n < s.len && s.at[n] != ';') n++;
    return is_token((struct slice){s.at, n}) ? n : 0;
}
