// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/slice.h"
#include "core/text.h"

// Reading a JSON text that somebody sent: the first thing that is wrong is kept, with the JSON pointer (RFC 6901) to it.

enum { JSON_POINTER_MAX = 160 };

struct json_reader {
    char pointer[JSON_POINTER_MAX]; // to the value that is looked at, or that is wrong
    size_t len;
    bool has_failed;
    char why[256];
};

// NULL, with has_failed: the text is no JSON, or has a key twice. The value is the caller's.
json_t *json_read_text(struct json_reader *r, struct slice text);
// Steps into a value by its key, or by its place (key is NULL); json_leave() goes back to what it returned.
size_t json_enter(struct json_reader *r, const char *key, size_t place);
void json_leave(struct json_reader *r, size_t before);
// The first complaint stays, and the pointer with it. Returns false.
bool json_complain(struct json_reader *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Is it an object that has none but these keys ("a|b|c")? Says what is wrong.
bool json_has_only(struct json_reader *r, const json_t *object, const char *keys);
// The values of keys; a key that is missing, or of another type, is an error unless `is_needed` is false and it is missing.
bool json_read_string(struct json_reader *r, const json_t *object, const char *key, bool is_needed,
                      struct slice *out);
bool json_read_array(struct json_reader *r, const json_t *object, const char *key, size_t most,
                     const json_t **out);
bool json_read_number(struct json_reader *r, const json_t *value, uint32_t most, uint32_t *out);
