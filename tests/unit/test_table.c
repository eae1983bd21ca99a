// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "routing/balance.h"
#include "routing/table_write.h"
#include "server/pools.h"
#include "tests/unit/routing_fixture.h"

// The backend table: what is edited by one process is what the others see.

struct stage {
    struct table *table;
    uint32_t *row;
    struct pools *pools;
    struct text problems;
};

static void *map(size_t bytes) {
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE,
                    -1, 0);
    assert_ptr_not_equal(at, MAP_FAILED);
    return at;
}

static struct stage stage_new(void) {
    struct stage s = {.table = map(table_bytes()), .row = map(table_row_bytes())};
    s.pools = pools_new(s.table);
    text_init(&s.problems, 4096);
    return s;
}

static void stage_free(struct stage *s) {
    assert_int_equal(s->problems.len, 0);
    text_fini(&s->problems);
    pools_free(s->pools);
    munmap(s->table, table_bytes());
    munmap(s->row, table_row_bytes());
}

static void put_in_force(struct stage *s, struct fixture *f) {
    pools_merge(s->pools, f->config, &s->problems);
    config_attach(f->config, s->table, s->row);
}

static size_t list_of(struct stage *s, const char *pool, struct table_entry *out) {
    const struct table_pool *p = table_find(s->table, slice_of(pool));
    size_t count;
    assert_non_null(p);
    assert_true(table_read(s->table, p, table_pool_head(p), out, &count));
    return count;
}

static struct table_entry entries[TABLE_LIST_MAX];

static void members_of_the_route_file_are_in_the_table(void **state) {
    (void)state;
    struct stage s = stage_new();
    struct fixture f = load_good("local p = pool \"p\" { \"a:1\", { \"b:1\", weight = 3 } }\n"
                                 "site \"a.example\" { to = p } site \"*\" { to = \"c:1\" }");
    put_in_force(&s, &f);
    assert_int_equal(list_of(&s, "p", entries), 2);
    assert_string_equal(table_text(s.table, entries[1].slot), "b:1");
    assert_int_equal(entries[1].weight, 3);
    assert_int_equal(list_of(&s, "to c:1", entries), 1);
    assert_null(table_find(s.table, SLICE("c:1")));
    assert_string_equal(member_for(&f, "x.example", "/"), "c:1");
    unload(&f);
    stage_free(&s);
}

static void what_the_file_changes_wins_and_the_rest_keeps_its_live_value(void **state) {
    (void)state;
    struct stage s = stage_new();
    struct fixture one = load_good("pool \"p\" { { \"a:1\", weight = 2 }, { \"b:1\", weight = 2 }, "
                                   "\"c:1\", live = true } site \"*\" { to = pool \"p\" }");
    struct fixture two = load_good("pool \"p\" { { \"b:1\", weight = 5 }, { \"a:1\", weight = 2 }, "
                                   "\"d:1\", live = true } site \"*\" { to = pool \"p\" }");
    put_in_force(&s, &one);
    // by hand, what an edit does: a and b weigh 7, and e is added
    pools_free(s.pools);
    size_t count = list_of(&s, "p", entries);
    struct table_writer *w = table_writer_new(s.table);
    struct table_pool *p = table_add_pool(w, SLICE("p"));
    entries[0].weight = entries[0].live.weight = 7;
    entries[1].weight = entries[1].live.weight = 7;
    entries[count] = (struct table_entry){.origin = ORIGIN_API, .weight = 1, .live = {.weight = 1}};
    assert_true(table_take_slot(w, SLICE("e:1"), &entries[count].slot));
    assert_true(table_publish(w, p, entries, count + 1));
    table_writer_free(w);
    s.pools = pools_new(s.table);
    put_in_force(&s, &two);
    assert_int_equal(list_of(&s, "p", entries), 4);
    static const struct {
        const char *text;
        unsigned weight;
    } wanted[] = {{"b:1", 5}, {"a:1", 7}, {"d:1", 1}, {"e:1", 1}};
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(table_text(s.table, entries[i].slot), wanted[i].text);
        assert_int_equal(entries[i].live.weight, wanted[i].weight);
        assert_int_equal(entries[i].weight, wanted[i].weight);
    }
    unload(&one);
    unload(&two);
    stage_free(&s);
}

static void a_view_follows_the_table_and_members_keep_what_is_known_of_them(void **state) {
    (void)state;
    struct stage s = stage_new();
    struct fixture f = load_good("local p = pool \"p\" { \"a:1\", \"b:1\", balance = "
                                 "\"least-busy\" } site \"*\" { to = p }");
    put_in_force(&s, &f);
    struct pool *p = f.config->pools[0];
    struct member *a = member_ref(pool_view(p)->all[0]);
    member_begin(a);
    assert_string_equal(member_for(&f, "x.example", "/"), "b:1");
    size_t count = list_of(&s, "p", entries);
    struct table_writer *w = table_writer_new(s.table);
    entries[1].wish = WISH_DRAIN;
    entries[1].weight = 0;
    assert_true(table_publish(w, table_add_pool(w, SLICE("p")), entries, count));
    assert_string_equal(member_for(&f, "x.example", "/"), "a:1");
    assert_ptr_equal(pool_view(p)->all[0], a);
    assert_int_equal(pool_view(p)->all_count, 2);
    assert_int_equal(pool_view(p)->able_count, 1);
    // removed while an exchange uses it: its slot is not given to another
    uint32_t slot = entries[0].slot;
    assert_true(table_publish(w, table_add_pool(w, SLICE("p")), &entries[1], 1));
    assert_null(member_for(&f, "x.example", "/"));
    assert_string_equal(a->text, "a:1");
    assert_int_equal(*table_in_flight(s.table, slot), 1);
    member_end(a);
    member_unref(a);
    assert_int_equal(*table_in_flight(s.table, slot), 0);
    table_writer_free(w);
    unload(&f);
    stage_free(&s);
}

static void what_a_dead_process_had_in_flight_is_taken_back(void **state) {
    (void)state;
    struct stage s = stage_new();
    uint32_t *other = map(table_row_bytes());
    struct table_writer *w = table_writer_new(s.table);
    uint32_t slot;
    assert_true(table_take_slot(w, SLICE("a:1"), &slot));
    struct member *mine = member_new(SLICE("a:1"), table_in_flight(s.table, slot), &s.row[slot]);
    struct member *theirs = member_new(SLICE("a:1"), table_in_flight(s.table, slot), &other[slot]);
    member_begin(mine);
    member_begin(theirs);
    member_begin(theirs);
    assert_int_equal(member_in_flight(mine), 3);
    table_clear_row(s.table, other);
    assert_int_equal(member_in_flight(mine), 1);
    member_end(mine);
    member_unref(mine);
    member_unref(theirs);
    table_writer_free(w);
    munmap(other, table_row_bytes());
    stage_free(&s);
}

static void pools_that_are_gone_are_forgotten_a_generation_later(void **state) {
    (void)state;
    struct stage s = stage_new();
    struct fixture one = load_good("site \"*\" { to = \"a:1\" }");
    struct fixture two = load_good("site \"*\" { to = \"b:1\" }");
    put_in_force(&s, &one);
    put_in_force(&s, &two);
    assert_string_equal(member_for(&one, "x.example", "/"), "a:1"); // an exchange that began before
    assert_non_null(table_find(s.table, SLICE("to a:1")));
    put_in_force(&s, &two);
    assert_null(table_find(s.table, SLICE("to a:1")));
    unload(&one);
    unload(&two);
    stage_free(&s);
}

// Every list of the writer has members of one weight only, another each time: a mixture would be half an edit.
static void a_reader_never_sees_half_an_edit(void **state) {
    (void)state;
    enum { EDITS = 20000, MEMBERS = 100 };
    struct stage s = stage_new();
    struct table_writer *w = table_writer_new(s.table);
    struct table_pool *p = table_add_pool(w, SLICE("p")), *q = table_add_pool(w, SLICE("q"));
    for (size_t i = 0; i < MEMBERS; i++) {
        entries[i].weight = 0;
        assert_true(table_take_slot(w, SLICE("a:1"), &entries[i].slot));
    }
    assert_true(table_publish(w, p, entries, MEMBERS));
    pid_t writer = fork();
    if (writer == 0) {
        for (unsigned n = 1; n <= EDITS; n++) {
            for (size_t i = 0; i < MEMBERS; i++) entries[i].weight = n;
            if (!table_publish(w, n % 3 ? p : q, entries, MEMBERS)) _exit(1);
        }
        _exit(0);
    }
    unsigned last = 0, seen = 0;
    int status = 0;
    while (waitpid(writer, &status, WNOHANG) == 0) {
        uint64_t head = table_pool_head(p);
        size_t count;
        if (!table_read(s.table, p, head, entries, &count)) continue;
        assert_int_equal(count, MEMBERS);
        for (size_t i = 0; i < count; i++) assert_int_equal(entries[i].weight, entries[0].weight);
        assert_true(entries[0].weight >= last);
        seen += entries[0].weight != last;
        last = entries[0].weight;
    }
    assert_int_equal(status, 0);
    assert_true(seen > 1);
    table_writer_free(w);
    stage_free(&s);
}

static void a_writer_that_died_in_the_middle_leaves_nothing_half_done(void **state) {
    (void)state;
    struct stage s = stage_new();
    struct fixture f = load_good("pool \"p\" { \"a:1\", \"b:1\", live = true } "
                                 "site \"*\" { to = pool \"p\" }");
    put_in_force(&s, &f);
    struct table_writer *dead = table_writer_new(s.table);
    uint32_t lost, next;
    assert_true(table_take_slot(dead, SLICE("lost:1"), &lost)); // and no list has it
    table_writer_free(dead);
    struct table_writer *w = table_writer_new(s.table);
    size_t count = list_of(&s, "p", entries);
    assert_int_equal(count, 2);
    assert_true(table_take_slot(w, SLICE("c:1"), &next));
    for (size_t i = 0; i < count; i++) assert_int_not_equal(entries[i].slot, next);
    entries[count] = (struct table_entry){.slot = next, .origin = ORIGIN_API, .weight = 1};
    assert_true(table_publish(w, table_add_pool(w, SLICE("p")), entries, count + 1));
    const struct view *v = pool_view(f.config->pools[0]);
    assert_int_equal(v->able_count, 3);
    assert_string_equal(v->able[0]->text, "a:1");
    assert_string_equal(v->able[2]->text, "c:1");
    table_writer_free(w);
    unload(&f);
    stage_free(&s);
}

static void count_edit(void *edits) {
    ++*(unsigned *)edits;
}

static void what_is_found_out_of_a_member_is_put_in_force_and_outlives_a_reload(void **state) {
    (void)state;
    struct stage s = stage_new();
    struct fixture f = load_good("local p = pool \"p\" { \"a:1\", { \"b:1\", weight = 2 }, "
                                 "health = { tcp = true } } site \"*\" { to = p }");
    struct fixture unwatched =
        load_good("local p = pool \"p\" { \"a:1\", { \"b:1\", weight = 2 } } "
                  "site \"*\" { to = p }");
    unsigned edits = 0;
    put_in_force(&s, &f);
    pools_watch(s.pools, count_edit, &edits);
    list_of(&s, "p", entries);
    struct pools_finding found[] = {
        {.slot = entries[0].slot, .health = HEALTH_DOWN},
        {.slot = entries[1].slot, .health = HEALTH_UP, .cold = 90},
        {.slot = 4711, .health = HEALTH_DOWN},
    };
    assert_true(pools_set_health(s.pools, SLICE("p"), found, 3));
    assert_true(pools_set_health(s.pools, SLICE("p"), found, 3)); // nothing new
    assert_true(pools_set_health(s.pools, SLICE("nobody"), found, 3));
    put_in_force(&s, &f);
    assert_int_equal(edits, 1);
    assert_int_equal(list_of(&s, "p", entries), 2);
    assert_int_equal(entries[0].health, HEALTH_DOWN);
    assert_true(entries[0].since > 0);
    // while one member is cold, all weights count hundredfold
    assert_int_equal(entries[0].weight, 100);
    assert_int_equal(entries[1].weight, 20);
    assert_string_equal(member_for(&f, "x.example", "/"), "b:1");
    assert_int_equal(pool_view(f.config->pools[0])->able_count, 1);
    put_in_force(&s, &unwatched); // and nobody looks after them any more
    list_of(&s, "p", entries);
    assert_int_equal(entries[0].health, HEALTH_UNKNOWN);
    assert_int_equal(entries[1].weight, 2);
    unload(&unwatched);
    unload(&f);
    stage_free(&s);
}

static void note_slot(void *seen, uint32_t slot) {
    uint32_t *at = seen;
    at[++at[0]] = slot;
}

static void faults_are_counted_and_told_once(void **state) {
    (void)state;
    struct stage s = stage_new();
    struct table_writer *w = table_writer_new(s.table);
    uint32_t seen[8] = {0};
    assert_true(table_note_fault(s.table, 3, FAULT_CUT));
    assert_false(table_note_fault(s.table, 3, FAULT_LATE)); // control has been told
    assert_false(table_note_fault(s.table, 70, FAULT_CUT));
    assert_false(table_note_fault(s.table, TABLE_SLOTS_MAX - 1, FAULT_CUT));
    table_take_faulty(w, note_slot, seen);
    assert_int_equal(seen[0], 3);
    assert_int_equal(seen[1], 3);
    assert_int_equal(seen[2], 70);
    assert_int_equal(seen[3], TABLE_SLOTS_MAX - 1);
    assert_int_equal(table_faults(s.table, 3, FAULT_CUT), 1);
    assert_int_equal(table_faults(s.table, 3, FAULT_LATE), 1);
    assert_int_equal(table_faults(s.table, 3, FAULT_CONNECT), 0);
    assert_true(table_note_fault(s.table, 3, FAULT_CUT)); // and is told anew
    table_writer_free(w);
    stage_free(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_of_the_route_file_are_in_the_table),
        cmocka_unit_test(what_the_file_changes_wins_and_the_rest_keeps_its_live_value),
        cmocka_unit_test(a_view_follows_the_table_and_members_keep_what_is_known_of_them),
        cmocka_unit_test(what_a_dead_process_had_in_flight_is_taken_back),
        cmocka_unit_test(pools_that_are_gone_are_forgotten_a_generation_later),
        cmocka_unit_test(a_reader_never_sees_half_an_edit),
        cmocka_unit_test(what_is_found_out_of_a_member_is_put_in_force_and_outlives_a_reload),
        cmocka_unit_test(faults_are_counted_and_told_once),
        cmocka_unit_test(a_writer_that_died_in_the_middle_leaves_nothing_half_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
