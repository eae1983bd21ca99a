// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"

static void assert_holds(const struct buffer *b, const char *text) {
    struct slice runs[64];
    size_t n = buffer_runs(b, runs, 64);
    char all[256] = "";
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        memcpy(all + len, runs[i].at, runs[i].len);
        len += runs[i].len;
    }
    assert_int_equal(buffer_len(b), strlen(text));
    assert_int_equal(len, strlen(text));
    assert_memory_equal(all, text, len);
}

static void what_is_added_comes_out_in_order(void **state) {
    (void)state;
    struct buffer *b = buffer_new(NULL);
    assert_int_equal(buffer_peek(b).len, 0);
    buffer_add(b, SLICE("hello "));
    buffer_add(b, (struct slice){NULL, 0});
    buffer_add(b, SLICE("world"));
    assert_holds(b, "hello world");
    buffer_consume(b, 6);
    assert_holds(b, "world");
    buffer_consume(b, 5);
    assert_int_equal(buffer_len(b), 0);
    buffer_free(b);
}

static void no_buffer_is_an_empty_one(void **state) {
    (void)state;
    struct slice run;
    assert_int_equal(buffer_len(NULL), 0);
    assert_int_equal(buffer_peek(NULL).len, 0);
    assert_int_equal(buffer_runs(NULL, &run, 1), 0);
    buffer_consume(NULL, 0);
    buffer_free(NULL);
}

static void a_copy_is_without_gaps_and_takes_nothing(void **state) {
    (void)state;
    struct buffer *b = buffer_new(NULL);
    struct slice runs[8];
    char to[8192];
    assert_int_equal(buffer_copy(NULL, to, sizeof to), 0);
    for (int i = 0; i < 2; i++) {
        struct buffer *piece = buffer_new(NULL);
        memset(to, 'a' + i, 4096);
        buffer_add(piece, (struct slice){to, 4096});
        buffer_move(b, piece, 4096);
        buffer_free(piece);
    }
    assert_true(buffer_runs(b, runs, 8) > 1);
    assert_int_equal(buffer_copy(b, to, 4100), 4100);
    assert_memory_equal(to + 4092, "aaaabbbb", 8);
    assert_int_equal(buffer_copy(b, to, sizeof to), 8192);
    assert_int_equal(buffer_len(b), 8192);
    buffer_free(b);
}

static void only_what_is_committed_of_reserved_space_counts(void **state) {
    (void)state;
    struct buffer *b = buffer_new(NULL);
    buffer_add(b, SLICE("a"));
    size_t got;
    char *at = buffer_reserve(b, 10000, 10000, &got);
    assert_true(got >= 10000);
    memset(at, 'x', got);
    memcpy(at, "bc", 2);
    buffer_commit(b, 2);
    assert_holds(b, "abc");
    buffer_reserve(b, 10, 10, NULL);
    buffer_commit(b, 0);
    assert_holds(b, "abc");
    buffer_free(b);
}

// The space before it is enough for what is committed, but it was not what was reserved.
static void a_short_commit_of_a_long_reservation_lands_where_it_was_reserved(void **state) {
    (void)state;
    struct buffer *b = buffer_new(NULL);
    static char most[900];
    memset(most, 'm', sizeof(most));
    buffer_add(b, (struct slice){most, sizeof(most)});
    for (int i = 0; i < 20; i++) {
        size_t before = buffer_len(b);
        char *at = buffer_reserve(b, 9000, 9000, NULL);
        memcpy(at, "tail", 4);
        buffer_commit(b, 4);
        assert_int_equal(buffer_len(b), before + 4);
    }
    buffer_consume(b, sizeof(most));
    for (int i = 0; i < 20; i++) {
        char four[4];
        for (int j = 0; j < 4; j++) {
            four[j] = buffer_peek(b).at[0];
            buffer_consume(b, 1);
        }
        assert_memory_equal(four, "tail", 4);
    }
    buffer_free(b);
}

static void moving_takes_the_first_bytes_only(void **state) {
    (void)state;
    struct buffer *from = buffer_new(NULL);
    struct buffer *to = buffer_new(NULL);
    buffer_add(from, SLICE("abcdef"));
    buffer_add(to, SLICE("0"));
    buffer_move(to, from, 0);
    buffer_move(to, from, 4);
    assert_holds(to, "0abcd");
    assert_holds(from, "ef");
    buffer_move(to, from, 2);
    assert_holds(to, "0abcdef");
    buffer_free(from);
    buffer_free(to);
}

static void a_large_piece_is_moved_without_a_copy(void **state) {
    (void)state;
    struct buffer *from = buffer_new(NULL);
    struct buffer *to = buffer_new(NULL);
    char *at = buffer_reserve(from, 60000, 60000, NULL);
    memset(at, 'x', 60000);
    buffer_commit(from, 60000);
    buffer_move(to, from, 60000);
    assert_ptr_equal(buffer_peek(to).at, at);
    buffer_free(from);
    buffer_free(to);
}

// Of a piece with a page behind it that holds one byte, 64 KiB of content would need 256 MiB.
static void bytes_that_trickle_through_pile_up_no_pages(void **state) {
    (void)state;
    struct buffer *from = buffer_new(NULL);
    struct buffer *to = buffer_new(NULL);
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    for (int i = 0; i < 65536; i++) {
        *buffer_reserve(from, 4000, 4000, NULL) = 'x';
        buffer_commit(from, 1);
        buffer_move(to, from, 1);
    }
    size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
    assert_int_equal(buffer_len(to), 65536);
    assert_true(after < before + 300000); // says nothing under a sanitizer's malloc
    struct slice runs[64];
    size_t n = buffer_runs(to, runs, 64);
    size_t len = 0;
    for (size_t i = 0; i < n; i++) len += runs[i].len;
    assert_true(len > 30000); // a copy per byte would give runs of one byte
    buffer_free(from);
    buffer_free(to);
}

static void a_block_whose_bytes_are_gone_is_used_again(void **state) {
    (void)state;
    struct blocks *blocks = blocks_new();
    struct buffer *one = buffer_new(blocks), *other = buffer_new(blocks);
    buffer_add(one, SLICE("first"));
    const char *at = buffer_peek(one).at;
    buffer_consume(one, 5);
    buffer_add(other, SLICE("second"));
    assert_ptr_equal(buffer_peek(other).at, at);
    char *room = buffer_reserve(one, 1000, 5000, NULL); // longer than those that are kept
    buffer_commit(one, 0);
    assert_ptr_not_equal(room, at);
    assert_int_equal(buffer_len(one), 0);
    buffer_free(other);
    buffer_add(one, SLICE("third"));
    assert_ptr_equal(buffer_peek(one).at, at);
    buffer_free(one);
    blocks_free(blocks);
}

static void a_share_is_a_part_of_what_the_others_leave(void **state) {
    (void)state;
    struct blocks *blocks = blocks_new();
    struct buffer *b = buffer_new(blocks);
    assert_true(blocks_share(blocks) > (size_t)1 << 32); // no bound at first
    blocks_set_budget(blocks, 128 * 1024);
    assert_int_equal(blocks_share(blocks), 2048);
    size_t got;
    buffer_reserve(b, 64 * 1024, 64 * 1024, &got);
    buffer_commit(b, 1); // what counts is the memory
    assert_int_equal(blocks_share(blocks), (128 * 1024 - got) / 64);
    buffer_reserve(b, 128 * 1024, 128 * 1024, NULL);
    buffer_commit(b, 0);
    assert_int_equal(blocks_share(blocks), (128 * 1024 - got) / 64);
    buffer_reserve(b, 128 * 1024, 128 * 1024, NULL);
    buffer_commit(b, 5);
    assert_int_equal(blocks_share(blocks), 0);
    buffer_free(b);
    assert_int_equal(blocks_share(blocks), 2048);
    blocks_free(blocks);
}

static void what_is_left_of_the_last_block_is_reserved_if_it_is_enough(void **state) {
    (void)state;
    struct buffer *b = buffer_new(NULL);
    size_t all, left;
    buffer_reserve(b, 1000, 4000, &all);
    buffer_commit(b, all - 1200);
    char *at = buffer_reserve(b, 1000, 4000, &left);
    assert_int_equal(left, 1200);
    buffer_commit(b, 300);
    assert_ptr_not_equal(buffer_reserve(b, 1000, 4000, &left), at + 300);
    assert_true(left >= 4000);
    buffer_commit(b, 0);
    assert_int_equal(buffer_len(b), all - 900);
    buffer_free(b);
}

static void more_runs_than_asked_for_are_not_written(void **state) {
    (void)state;
    struct buffer *b = buffer_new(NULL);
    for (int i = 0; i < 100; i++) {
        buffer_reserve(b, 5000, 5000, NULL);
        buffer_commit(b, 4990);
    }
    struct slice runs[101];
    runs[3] = SLICE("mark");
    assert_int_equal(buffer_runs(b, runs, 3), 3);
    assert_string_equal(runs[3].at, "mark");
    assert_int_equal(buffer_runs(b, runs, 101), 100);
    buffer_free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_added_comes_out_in_order),
        cmocka_unit_test(no_buffer_is_an_empty_one),
        cmocka_unit_test(a_copy_is_without_gaps_and_takes_nothing),
        cmocka_unit_test(only_what_is_committed_of_reserved_space_counts),
        cmocka_unit_test(a_short_commit_of_a_long_reservation_lands_where_it_was_reserved),
        cmocka_unit_test(moving_takes_the_first_bytes_only),
        cmocka_unit_test(a_large_piece_is_moved_without_a_copy),
        cmocka_unit_test(bytes_that_trickle_through_pile_up_no_pages),
        cmocka_unit_test(a_block_whose_bytes_are_gone_is_used_again),
        cmocka_unit_test(a_share_is_a_part_of_what_the_others_leave),
        cmocka_unit_test(what_is_left_of_the_last_block_is_reserved_if_it_is_enough),
        cmocka_unit_test(more_runs_than_asked_for_are_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
