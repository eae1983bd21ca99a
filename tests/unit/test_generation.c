// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http/generation.h"

// Route files and certificates live in sets only; nothing is written to disk.
enum { TEXT_MAX = 1 << 20 };
#define ROUTES "/nowhere/rsp.lua"

struct fixture {
    struct text errors, problems;
};

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    text_init(&f->errors, TEXT_MAX);
    text_init(&f->problems, TEXT_MAX);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    text_fini(&f->errors);
    text_fini(&f->problems);
    free(f);
    return 0;
}

static void put(struct files *files, const char *path, const char *content) {
    files_replace(files, path, slice_of(content));
}

static void put_certificate(struct files *files, const char *path, const char *name) {
    struct text pem;
    text_init(&pem, TEXT_MAX);
    assert_true(tls_self_signed(&name, 1, &pem));
    files_replace(files, path, text_slice(&pem));
    text_fini(&pem);
}

static struct slice content_of(const struct generation *g, const char *path) {
    struct slice content;
    assert_true(files_peek(g->files, path, &content));
    return content;
}

static struct generation *build(struct fixture *f, struct files *files, unsigned number,
                                const struct generation *old) {
    return generation_build(files, ROUTES, number, old ? old->files : NULL, NULL, &f->errors,
                            &f->problems);
}

static struct generation *build_good(struct fixture *f, struct files *files, unsigned number,
                                     const struct generation *old) {
    struct generation *g = build(f, files, number, old);
    assert_string_equal(text_string(&f->errors), "");
    assert_non_null(g);
    return g;
}

static void errors_are_collected_and_nothing_is_built(void **state) {
    struct fixture *f = *state;
    struct files *files = files_new();
    put(files, ROUTES, "listen { http = 80, htp = 1 }\nsite \"a.example\" {}\n");
    assert_null(build(f, files, 1, NULL));
    assert_non_null(strstr(text_string(&f->errors), ROUTES ":1:"));
    assert_non_null(strstr(text_string(&f->errors), ROUTES ":2:"));
}

static void a_packed_set_gives_the_same_generation(void **state) {
    struct fixture *f = *state;
    struct files *files = files_new();
    put(files, ROUTES,
        "listen { https = 443 }\n"
        "site \"a.example\" { to = \"127.0.0.1:1\", tls = { cert = \"/nowhere/a.pem\" } }\n");
    put_certificate(files, "/nowhere/a.pem", "a.example");
    struct generation *g = build_good(f, files, 7, NULL);
    int fd = files_pack(g->files);
    char why[256];
    struct files *unpacked = files_unpack(fd, why, sizeof why);
    close(fd);
    struct generation *other = build_good(f, unpacked, 7, NULL);
    assert_string_equal(text_string(&f->problems), "");
    assert_int_equal(other->number, 7);
    assert_int_equal(other->config->pool_count, g->config->pool_count);
    assert_true(tls_server_has_name(other->tls, SLICE("a.example")));
    assert_false(tls_server_has_name(other->tls, SLICE("b.example")));
    generation_unref(g);
    generation_unref(other);
}

static void it_lives_as_long_as_somebody_uses_it(void **state) {
    struct fixture *f = *state;
    struct files *files = files_new();
    put(files, ROUTES, "listen { http = 80 }\nsite \"*\" { to = \"127.0.0.1:1\" }\n");
    struct generation *g = build_good(f, files, 1, NULL);
    assert_ptr_equal(generation_ref(g), g);
    generation_unref(g);
    assert_string_equal(g->config->path, ROUTES);
    assert_null(g->tls);
    generation_unref(g);
}

static void pools_that_verify_alike_share_a_client(void **state) {
    struct fixture *f = *state;
    struct files *files = files_new();
    put(files, ROUTES,
        "listen { http = 80 }\n"
        "local a = pool \"a\" { \"https://127.0.0.1:1\" }\n"
        "local b = pool \"b\" { \"https://127.0.0.1:2\" }\n"
        "local c = pool \"c\" { \"https://127.0.0.1:3\", tls = { verify = false } }\n"
        "local d = pool \"d\" { \"127.0.0.1:4\" }\n"
        "site \"a.example\" { to = a }\nsite \"b.example\" { to = b }\n"
        "site \"c.example\" { to = c }\nsite \"d.example\" { to = d }\n");
    struct generation *g = build_good(f, files, 1, NULL);
    struct tls_client *of[4] = {0};
    for (size_t i = 0; i < g->config->pool_count; i++)
        of[g->config->pools[i]->name[0] - 'a'] = generation_client(g, g->config->pools[i]);
    assert_non_null(of[0]);
    assert_ptr_equal(of[0], of[1]);
    assert_non_null(of[2]);
    assert_ptr_not_equal(of[0], of[2]);
    assert_null(of[3]);
    generation_unref(g);
}

static const char *const NAMED =
    "listen { https = 443 }\n"
    "site \"a.example\" { to = \"127.0.0.1:1\", tls = { cert = \"/nowhere/a.pem\" } }\n";

static void at_a_cold_start_a_bad_certificate_is_a_problem_only(void **state) {
    struct fixture *f = *state;
    struct files *files = files_new();
    put(files, ROUTES, NAMED);
    put(files, "/nowhere/a.pem", "nonsense");
    struct generation *g = build_good(f, files, 1, NULL);
    assert_non_null(strstr(text_string(&f->problems), "/nowhere/a.pem"));
    assert_false(tls_server_has_name(g->tls, SLICE("a.example")));
    generation_unref(g);
}

static void a_certificate_that_went_bad_keeps_its_old_bytes(void **state) {
    struct fixture *f = *state;
    struct files *first = files_new(), *second = files_new();
    put(first, ROUTES, NAMED);
    put(second, ROUTES, NAMED);
    put_certificate(first, "/nowhere/a.pem", "a.example");
    put(second, "/nowhere/a.pem", "nonsense");
    struct generation *old = build_good(f, first, 1, NULL);
    struct generation *g = build_good(f, second, 2, old);
    assert_non_null(strstr(text_string(&f->problems), "is kept"));
    assert_true(tls_server_has_name(g->tls, SLICE("a.example")));
    assert_true(slice_equals(content_of(g, "/nowhere/a.pem"), content_of(old, "/nowhere/a.pem")));
    generation_unref(old);
    generation_unref(g);
}

static void what_was_bad_before_does_not_stand_in(void **state) {
    struct fixture *f = *state;
    struct files *first = files_new(), *second = files_new();
    put(first, ROUTES, NAMED);
    put(second, ROUTES, NAMED);
    put(first, "/nowhere/a.pem", "nonsense");
    put(second, "/nowhere/a.pem", "other nonsense");
    struct generation *old = build_good(f, first, 1, NULL);
    struct generation *g = build_good(f, second, 2, old);
    assert_null(strstr(text_string(&f->problems), "is kept"));
    assert_true(slice_equals(content_of(g, "/nowhere/a.pem"), SLICE("other nonsense")));
    generation_unref(old);
    generation_unref(g);
}

#define TRUSTING                                                                                   \
    "site \"*\" { to = pool \"p\" { \"https://10.0.0.1\", tls = { ca = \"/ca.pem\" } } }\n"

static void authorities_that_went_bad_keep_their_old_bytes(void **state) {
    struct fixture *f = *state;
    struct files *files = files_new();
    put(files, ROUTES, TRUSTING);
    put_certificate(files, "/ca.pem", "ca.example");
    struct generation *first = build_good(f, files, 1, NULL);
    assert_string_equal(text_string(&f->problems), "");
    files = files_new();
    put(files, ROUTES, TRUSTING);
    put(files, "/ca.pem", "nonsense");
    struct generation *second = build_good(f, files, 2, first);
    assert_non_null(strstr(text_string(&f->problems), ROUTES ":1: pool \"p\": /ca.pem: holds no"));
    assert_non_null(strstr(text_string(&f->problems), "loaded before are kept\n"));
    assert_non_null(generation_client(second, second->config->pools[0]));
    assert_true(slice_equals(content_of(first, "/ca.pem"), content_of(second, "/ca.pem")));
    generation_unref(first);
    generation_unref(second);
}

static void a_new_good_certificate_replaces_the_old_one(void **state) {
    struct fixture *f = *state;
    struct files *first = files_new(), *second = files_new();
    put(first, ROUTES, NAMED);
    put(second, ROUTES, NAMED);
    put_certificate(first, "/nowhere/a.pem", "a.example");
    put_certificate(second, "/nowhere/a.pem", "a.example");
    struct generation *old = build_good(f, first, 1, NULL);
    struct generation *g = build_good(f, second, 2, old);
    assert_string_equal(text_string(&f->problems), "");
    assert_false(slice_equals(content_of(g, "/nowhere/a.pem"), content_of(old, "/nowhere/a.pem")));
    generation_unref(old);
    generation_unref(g);
}

static void put_directory(struct files *files, const char *routes, const char *path) {
    put(files, ROUTES, routes);
    if (!path) return;
    put_certificate(files, path, "a.example");
    files_add_match(files, "/nowhere/certs/*.pem", path);
}

static void a_certificate_that_left_the_directory_stays_only_while_a_site_needs_it(void **state) {
    static const char *const NEEDS = "listen { https = 443 }\n"
                                     "tls { certificates = \"/nowhere/certs\" }\n"
                                     "site \"a.example\" { to = \"127.0.0.1:1\" }\n";
    static const char *const NOT = "listen { https = 443 }\n"
                                   "tls { certificates = \"/nowhere/certs\" }\n"
                                   "site \"b.example\" { to = \"127.0.0.1:1\" }\n";
    struct fixture *f = *state;
    struct files *sets[3] = {files_new(), files_new(), files_new()};
    put_directory(sets[0], NEEDS, "/nowhere/certs/a.pem");
    put_directory(sets[1], NEEDS, NULL);
    put_directory(sets[2], NOT, NULL);
    struct generation *first = build_good(f, sets[0], 1, NULL);
    assert_string_equal(text_string(&f->problems), "");
    struct generation *second = build_good(f, sets[1], 2, first);
    assert_true(tls_server_has_name(second->tls, SLICE("a.example")));
    assert_non_null(strstr(text_string(&f->problems), "/nowhere/certs/a.pem: has gone"));
    struct generation *third = build_good(f, sets[2], 3, second);
    assert_false(tls_server_has_name(third->tls, SLICE("a.example")));
    generation_unref(first);
    generation_unref(second);
    generation_unref(third);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(errors_are_collected_and_nothing_is_built),
        TEST(a_packed_set_gives_the_same_generation),
        TEST(it_lives_as_long_as_somebody_uses_it),
        TEST(pools_that_verify_alike_share_a_client),
        TEST(at_a_cold_start_a_bad_certificate_is_a_problem_only),
        TEST(a_certificate_that_went_bad_keeps_its_old_bytes),
        TEST(what_was_bad_before_does_not_stand_in),
        TEST(authorities_that_went_bad_keep_their_old_bytes),
        TEST(a_new_good_certificate_replaces_the_old_one),
        TEST(a_certificate_that_left_the_directory_stays_only_while_a_site_needs_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
