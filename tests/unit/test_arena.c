// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/arena.h"

static char order[16];

static void note(void *arg) {
    strncat(order, arg, 1);
}

static void pieces_are_aligned_and_apart(void **state) {
    (void)state;
    struct arena *a = arena_new(100, 1 << 20);
    unsigned char *pieces[200];
    for (size_t i = 0; i < 200; i++) {
        pieces[i] = arena_alloc(a, i);
        assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        memset(pieces[i], (int)i, i);
    }
    for (size_t i = 0; i < 200; i++)
        for (size_t k = 0; k < i; k++) assert_int_equal(pieces[i][k], i);
    arena_free(a);
}

static void zalloc_zeroes_used_memory(void **state) {
    (void)state;
    struct arena *a = arena_new(64, 1024);
    memset(arena_alloc(a, 64), 0xff, 64);
    arena_reset(a);
    static const char zeros[64];
    assert_memory_equal(arena_zalloc(a, 64), zeros, 64);
    arena_free(a);
}

static void reset_keeps_the_first_block(void **state) {
    (void)state;
    struct arena *a = arena_new(256, 1 << 20);
    void *first = arena_alloc(a, 32);
    arena_alloc(a, 100000);
    arena_alloc(a, 3000);
    assert_true(arena_used(a) >= 103032);
    arena_reset(a);
    assert_int_equal(arena_used(a), 0);
    assert_ptr_equal(arena_alloc(a, 32), first);
    arena_free(a);
}

static void a_large_piece_leaves_the_small_ones_their_block(void **state) {
    (void)state;
    struct arena *a = arena_new(256, 1 << 20);
    char *before = arena_alloc(a, 16);
    arena_alloc(a, 100000);
    char *after = arena_alloc(a, 16);
    assert_true(after > before && after - before < 256);
    arena_free(a);
}

static void cleanups_run_last_added_first(void **state) {
    (void)state;
    struct arena *a = arena_new(64, 1024);
    order[0] = '\0';
    arena_on_free(a, note, "1");
    arena_on_free(a, note, "2");
    arena_on_free(a, note, "3");
    arena_reset(a);
    assert_string_equal(order, "321");
    arena_on_free(a, note, "4");
    arena_free(a);
    assert_string_equal(order, "3214");
}

static struct arena *reentered;

static void add_another(void *arg) {
    arena_on_free(reentered, note, arg);
}

static void a_cleanup_may_add_a_cleanup(void **state) {
    (void)state;
    reentered = arena_new(64, 1024);
    order[0] = '\0';
    arena_on_free(reentered, note, "1");
    arena_on_free(reentered, add_another, "2");
    arena_free(reentered);
    assert_string_equal(order, "21");
}

static void copies_and_formats_are_terminated(void **state) {
    (void)state;
    struct arena *a = arena_new(64, 1 << 16);
    assert_string_equal(arena_string(a, SLICE("abc")), "abc");
    assert_string_equal(arena_string(a, (struct slice){NULL, 0}), "");
    assert_true(slice_equals(arena_copy(a, SLICE("xyz")), SLICE("xyz")));
    assert_string_equal(arena_printf(a, "%s-%d", "n", 5).at, "n-5");
    for (int width = 250; width < 260; width++) {
        struct slice s = arena_printf(a, "%*d", width, 1);
        assert_int_equal(s.len, width);
        assert_int_equal(strlen(s.at), width);
        assert_int_equal(s.at[width - 1], '1');
    }
    arena_free(a);
}

static void going_over_the_maximum_aborts(void **state) {
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        close(STDERR_FILENO);
        struct arena *a = arena_new(64, 128);
        arena_alloc(a, 64);
        arena_alloc(a, 64);
        arena_alloc(a, 1);
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_apart),
        cmocka_unit_test(zalloc_zeroes_used_memory),
        cmocka_unit_test(reset_keeps_the_first_block),
        cmocka_unit_test(a_large_piece_leaves_the_small_ones_their_block),
        cmocka_unit_test(cleanups_run_last_added_first),
        cmocka_unit_test(a_cleanup_may_add_a_cleanup),
        cmocka_unit_test(copies_and_formats_are_terminated),
        cmocka_unit_test(going_over_the_maximum_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
