// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "certcheck/json.h"

#include "certcheck/out.h"
#include "core/check.h"

#define VALUE_BYTES_MAX (1u << 20)

static int add_chunk(const char *at, size_t len, void *arg);

json_t *json_clean(const char *text) {
    return text ? json_clean_slice(slice_of(text)) : NULL;
}

json_t *json_clean_slice(struct slice text) {
    struct text clean;
    text_init(&clean, VALUE_BYTES_MAX);
    out_add_clean(&clean, text);
    json_t *value = json_stringn(clean.at ? clean.at : "", clean.len);
    if (!value) value = json_string("?"); // cut in the middle of a character
    text_fini(&clean);
    CHECK(value);
    return value;
}

json_t *json_moment(time_t moment) {
    struct text text;
    text_init(&text, 40);
    out_add_moment(&text, moment);
    json_t *value = json_string(text_string(&text));
    text_fini(&text);
    CHECK(value);
    return value;
}

json_t *json_lines(const struct text *lines) {
    json_t *all = json_array();
    struct slice rest = text_slice(lines);
    while (rest.len > 0) {
        struct slice line = slice_cut(&rest, '\n');
        if (line.len > 0) json_array_append_new(all, json_clean_slice(line));
    }
    return all;
}

json_t *json_said(void (*say)(struct text *out, const X509 *cert), const X509 *cert) {
    struct text said;
    text_init(&said, VALUE_BYTES_MAX);
    say(&said, cert);
    json_t *value = json_clean_slice(text_slice(&said));
    text_fini(&said);
    return value;
}

void json_add_to(struct text *out, json_t *root) {
    CHECK(root);
    CHECK(json_dump_callback(root, add_chunk, out, JSON_INDENT(1)) == 0);
    text_add_char(out, '\n');
    json_decref(root);
}

static int add_chunk(const char *at, size_t len, void *arg) {
    text_add(arg, (struct slice){at, len});
    return 0;
}
