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
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/ring.h"

static int begin(void **state) {
    void *shared =
        mmap(NULL, sizeof(struct ring), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    *state = shared;
    return shared == MAP_FAILED;
}

static int end(void **state) {
    return munmap(*state, sizeof(struct ring));
}

static void what_was_there_before_it_was_wanted_is_passed_over(void **state) {
    struct ring *r = *state;
    struct text out;
    uint64_t dropped = 0;
    text_init(&out, RING_BYTES);
    ring_write(r, SLICE("old\n"));
    assert_false(ring_is_wanted(r));
    ring_want(r, true);
    ring_want(r, true);
    assert_true(ring_is_wanted(r));
    ring_write(r, SLICE("new\n"));
    assert_int_equal(ring_read(r, &out, &dropped), 0);
    assert_string_equal(text_string(&out), "new\n");
    text_fini(&out);
}

static void numbers_that_cannot_be_lead_out_of_no_memory(void **state) {
    struct ring *r = *state;
    struct text out;
    uint64_t dropped = 0;
    text_init(&out, 4 * RING_BYTES);
    ring_want(r, true);
    r->written = 1u << 30;
    ring_read(r, &out, &dropped);
    assert_int_equal(out.len, RING_BYTES);
    text_fini(&out);
}

static void lines_without_room_are_counted_and_the_others_stay_whole(void **state) {
    struct ring *r = *state;
    struct text out;
    uint64_t dropped = 0;
    char line[1000];
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    text_init(&out, RING_BYTES);
    ring_want(r, true);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < RING_BYTES / sizeof line + 7; i++)
            ring_write(r, (struct slice){line, sizeof line});
        text_clear(&out);
        assert_int_equal(ring_read(r, &out, &dropped), 7);
        assert_int_equal(out.len, RING_BYTES / sizeof line * sizeof line);
        for (size_t i = 0; i < out.len; i += sizeof line)
            assert_memory_equal(out.at + i, line, sizeof line);
    }
    text_fini(&out);
}

// The lines are numbers in a row; what is missing was counted.
static void a_reader_beside_a_writer_gets_each_line_once(void **state) {
    enum { LINES = 200000 };
    struct ring *r = *state;
    struct text out;
    uint64_t dropped = 0, missing = 0, seen = 0;
    unsigned last = 0;
    text_init(&out, RING_BYTES);
    ring_want(r, true);
    pid_t writer = fork();
    if (writer == 0) {
        char line[32];
        for (unsigned n = 1; n <= LINES; n++)
            ring_write(r, (struct slice){line, (size_t)snprintf(line, sizeof line, "%u\n", n)});
        _exit(0);
    }
    for (bool is_over = false; !is_over;) {
        is_over = waitpid(writer, NULL, WNOHANG) == writer;
        text_clear(&out);
        missing += ring_read(r, &out, &dropped);
        for (struct slice rest = text_slice(&out), line; rest.len > 0; seen++) {
            uint64_t number;
            line = slice_cut(&rest, '\n');
            assert_true(slice_to_u64(line, &number));
            assert_true(number > last);
            last = (unsigned)number;
        }
    }
    assert_int_equal(seen + missing, LINES);
    assert_true(seen > 0);
    text_fini(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_there_before_it_was_wanted_is_passed_over, begin,
                                        end),
        cmocka_unit_test_setup_teardown(numbers_that_cannot_be_lead_out_of_no_memory, begin, end),
        cmocka_unit_test_setup_teardown(lines_without_room_are_counted_and_the_others_stay_whole,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_reader_beside_a_writer_gets_each_line_once, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
