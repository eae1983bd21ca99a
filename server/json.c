// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void add_escaped(struct json_reader *r, const char *key);
static bool is_among(const char *key, struct slice keys);

json_t *json_read_text(struct json_reader *r, struct slice text) {
    json_error_t error;
    size_t flags = JSON_REJECT_DUPLICATES;
    json_t *value = json_loadb(text.at ? text.at : "", text.len, flags, &error);
    if (!value)
        json_complain(r, "no JSON: line %d, column %d: %s", error.line, error.column, error.text);
    return value;
}

size_t json_enter(struct json_reader *r, const char *key, size_t place) {
    size_t before = r->len;
    char number[24];
    if (r->has_failed) return before;
    if (!key) snprintf(number, sizeof number, "%zu", place);
    add_escaped(r, key ? key : number);
    return before;
}

void json_leave(struct json_reader *r, size_t before) {
    if (r->has_failed) return;
    r->len = before;
    r->pointer[before] = '\0';
}

bool json_complain(struct json_reader *r, const char *format, ...) {
    va_list args;
    if (r->has_failed) return false;
    r->has_failed = true;
    va_start(args, format);
    vsnprintf(r->why, sizeof r->why, format, args);
    va_end(args);
    return false;
}

// "~" is written "~0", "/" "~1"; what is too long is cut.
static void add_escaped(struct json_reader *r, const char *key) {
    size_t len = r->len;
    const size_t room = sizeof r->pointer - 3;
    if (len < room) r->pointer[len++] = '/';
    for (; *key && len < room; key++) {
        bool is_special = *key == '~' || *key == '/';
        r->pointer[len++] = is_special ? '~' : *key;
        if (is_special) r->pointer[len++] = *key == '~' ? '0' : '1';
    }
    r->pointer[len] = '\0';
    r->len = len;
}

bool json_has_only(struct json_reader *r, const json_t *object, const char *keys) {
    const char *key;
    json_t *value;
    if (!json_is_object(object)) return json_complain(r, "needs an object with %s", keys);
    json_object_foreach((json_t *)object, key, value) {
        if (is_among(key, slice_of(keys))) continue;
        json_enter(r, key, 0);
        return json_complain(r, "unknown key (known: %s)", keys);
    }
    return true;
}

static bool is_among(const char *key, struct slice keys) {
    while (keys.at)
        if (slice_equals(slice_cut(&keys, '|'), slice_of(key))) return true;
    return false;
}

bool json_read_string(struct json_reader *r, const json_t *object, const char *key, bool is_needed,
                      struct slice *out) {
    const json_t *value = json_object_get(object, key);
    if (!value && !is_needed) return true;
    size_t before = json_enter(r, key, 0);
    if (!value) return json_complain(r, "is missing");
    if (!json_is_string(value)) return json_complain(r, "needs a string");
    *out = (struct slice){json_string_value(value), json_string_length(value)};
    json_leave(r, before);
    return true;
}

bool json_read_array(struct json_reader *r, const json_t *object, const char *key, size_t most,
                     const json_t **out) {
    size_t before = json_enter(r, key, 0);
    *out = json_object_get(object, key);
    if (!*out) return json_complain(r, "is missing");
    if (!json_is_array(*out)) return json_complain(r, "needs an array");
    if (json_array_size(*out) > most) return json_complain(r, "has more than %zu items", most);
    json_leave(r, before);
    return true;
}

bool json_read_number(struct json_reader *r, const json_t *value, uint32_t most, uint32_t *out) {
    json_int_t n = json_integer_value(value);
    if (!json_is_integer(value) || n < 0 || n > (json_int_t)most)
        return json_complain(r, "needs a whole number from 0 to %u", most);
    *out = (uint32_t)n;
    return true;
}
