// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/hostname.h"
#include "routing/decide.h"

// Loading texts and asking what happens to a request, for the tests of routing.

struct fixture {
    struct files *files;
    struct config *config;
    struct arena *arena;
    struct text errors;
    struct address client;
    struct route_answer answer;
    char host[HOSTNAME_MAX + 1];
};

static inline struct fixture load_text(const char *lua) {
    struct fixture f = {.files = files_new(), .arena = arena_new(4096, 1 << 24)};
    text_init(&f.errors, 1 << 20);
    f.config = config_load_text(f.files, "rsp.lua", slice_of(lua), &f.errors);
    address_parse(SLICE("192.0.2.1:4711"), &f.client);
    return f;
}

static inline struct fixture load_good(const char *lua) {
    struct fixture f = load_text(lua);
    if (!f.config) fail_msg("%s", text_string(&f.errors));
    return f;
}

static inline void unload(struct fixture *f) {
    config_free(f->config);
    files_free(f->files);
    arena_free(f->arena);
    text_fini(&f->errors);
}

// "Name: value\n" lines.
static inline bool fixture_field(void *fields, struct slice name, unsigned nth,
                                 struct slice *value) {
    for (struct slice rest = slice_of(fields); rest.at && rest.len > 0;) {
        struct slice line = slice_cut(&rest, '\n');
        struct slice found = slice_cut(&line, ':');
        if (!slice_equals_nocase(found, name) || nth-- > 0) continue;
        *value = slice_trim(line);
        return true;
    }
    return false;
}

static inline const struct route_answer *ask_with(struct fixture *f, const char *host,
                                                  const char *uri, const char *fields) {
    struct slice query = slice_of(uri), path = slice_cut(&query, '?');
    struct route_request r = {.id = SLICE("test-1"),
                              .method = SLICE("GET"),
                              .scheme = SLICE("http"),
                              .authority = slice_of(host),
                              .path = path,
                              .query = query,
                              .uri = slice_of(uri),
                              .client = &f->client,
                              .local_port = 80,
                              .field = fixture_field,
                              .fields = (void *)(uintptr_t)fields};
    r.host = (struct slice){f->host, hostname_normalise(slice_of(host), f->host)};
    assert_int_equal(route_decide(f->config, &r, f->arena, &f->answer), READY);
    assert_non_null(f->answer.policy);
    return &f->answer;
}

static inline const struct route_answer *ask(struct fixture *f, const char *host, const char *uri) {
    return ask_with(f, host, uri, "");
}

static inline const char *member_for(struct fixture *f, const char *host, const char *uri) {
    const struct route_answer *answer = ask(f, host, uri);
    assert_int_equal(answer->kind, ANSWER_POOL);
    struct member *m = pool_choose(answer->pool, answer, &(struct left_out){0}, f->arena);
    return m ? m->text : NULL;
}

static inline void assert_slice(struct slice found, const char *wanted) {
    assert_true(slice_equals(found, slice_of(wanted)) ||
                (print_error("found '%.*s', wanted '%s'\n", SLICE_ARGS(found), wanted), false));
}
