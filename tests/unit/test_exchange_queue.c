// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "core/clock.h"
#include "http/service_parts.h"
#include "http/waiting.h"
#include "routing/balance.h"
#include "routing/pauses.h"
#include "routing/table_write.h"
#include "tests/unit/scene.h"

// Requests that wait because every member of the pool has as many as it may.

enum { CLIENTS = 8 };

#define ROUTES(queue)                                                                              \
    "listen { http = '127.0.0.1:1' }\n"                                                            \
    "site '*' { to = pool 'p' { { '127.0.0.1:$PORT', max_connections = 1 }, queue = { " queue      \
    " } } }\n"

static const struct scene_script SILENT = {
    .answer = SLICE_INIT("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    .cut_after = SIZE_MAX,
    .is_silent = true};

// Clients with a request each: GET /0, GET /1, ...
struct crowd {
    struct wire wire[CLIENTS];
    char got[CLIENTS][400];
    size_t len[CLIENTS];
    unsigned count;
    unsigned order[CLIENTS]; // in which they were answered
    unsigned answered;
};

static void join(struct scene *s, struct crowd *c) {
    int pair[2];
    char request[64];
    struct address from;
    unsigned i = c->count++;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    wire_open(&c->wire[i], pair[0], WIRE_PLAIN);
    c->len[i] = 0;
    assert_true(address_parse(SLICE("192.0.2.7:4711"), &from));
    service_accept(s->service, &service_generation(s->service)->config->listens[0], pair[1], &from);
    snprintf(request, sizeof request, "GET /%u HTTP/1.1\r\nHost: h\r\n\r\n", i);
    assert_true(wire_write(&c->wire[i], slice_of(request)) > 0);
    scene_turns(s, 3);
}

static void look(struct crowd *c) {
    for (unsigned i = 0; i < c->count; i++) {
        if (c->wire[i].fd < 0) continue;
        size_t room = sizeof c->got[i] - c->len[i] - 1;
        ssize_t n = wire_read(&c->wire[i], c->got[i] + c->len[i], room);
        if (n <= 0) continue;
        if (c->len[i] == 0) c->order[c->answered++] = i;
        c->len[i] += (size_t)n;
        c->got[i][c->len[i]] = '\0';
    }
}

static unsigned in_flight(struct scene *s) {
    struct pool *p = service_generation(s->service)->config->pools[0];
    return member_in_flight(pool_view(p)->all[0]);
}

static unsigned waiting(struct scene *s) {
    return waiting_room_count(s->service->waiting);
}

// Turns until so many were answered; never are more requests with the backend than it may have.
static void await_answers(struct scene *s, struct crowd *c, unsigned count) {
    for (int i = 0; i < 2000 && c->answered < count; i++) {
        scene_turn(s);
        look(c);
        assert_true(in_flight(s) <= 1);
    }
    assert_int_equal(c->answered, count);
}

// Of the request's line in the log, in seconds.
static double queue_time(struct scene *s, const char *request) {
    struct slice log = scene_log(s);
    const char *line = memmem(log.at, log.len, request, strlen(request));
    assert_non_null(line);
    const char *found = memmem(line, (size_t)(log.at + log.len - line), " queue=", 7);
    assert_non_null(found);
    return strtod(found + 7, NULL);
}

static void leave(struct crowd *c, unsigned i) {
    wire_close(&c->wire[i]);
}

static void end(struct scene *s, struct crowd *c) {
    for (unsigned i = 0; i < c->count; i++) leave(c, i);
    assert_true(scene_settle(s, 2000));
    assert_int_equal(waiting(s), 0);
    assert_int_equal(in_flight(s), 0);
    scene_fini(s);
}

static void who_waits_is_served_in_the_order_of_coming(void **state) {
    (void)state;
    struct scene s;
    struct crowd c = {.count = 0};
    scene_init(&s, ROUTES(""), &SILENT);
    while (c.count < CLIENTS) join(&s, &c);
    assert_int_equal(in_flight(&s), 1);
    assert_int_equal(waiting(&s), CLIENTS - 1);
    scene_pass(&s, 1500);
    assert_int_equal(c.answered, 0);
    s.script.is_silent = false;
    await_answers(&s, &c, CLIENTS);
    for (unsigned i = 0; i < CLIENTS; i++) {
        assert_int_equal(c.order[i], i);
        assert_non_null(strstr(c.got[i], " 200 "));
    }
    assert_int_equal(s.accepted, 1);
    assert_true(queue_time(&s, "GET /7 ") >= 1.5);
    end(&s, &c);
}

static void who_has_waited_too_long_is_told_so(void **state) {
    (void)state;
    struct scene s;
    struct crowd c = {.count = 0};
    scene_init(&s, ROUTES("timeout = '2s'"), &SILENT);
    for (int i = 0; i < 3; i++) join(&s, &c);
    scene_pass(&s, 2100);
    look(&c);
    assert_int_equal(c.answered, 2);
    assert_int_equal(c.len[0], 0);
    assert_non_null(strstr(c.got[1], " 503 "));
    assert_non_null(strstr(c.got[2], "no backend of the pool had a free place in time"));
    assert_true(queue_time(&s, "GET /2 ") >= 2);
    assert_true(scene_log_has(&s, "reason=QUEUE_LATE"));
    s.script.is_silent = false;
    await_answers(&s, &c, 3);
    end(&s, &c);
}

static void who_finds_the_queue_full_is_told_so_at_once(void **state) {
    (void)state;
    static const char *const routes[] = {ROUTES("max = 2"), ROUTES("max = 0")};
    for (unsigned i = 0; i < 2; i++) {
        struct scene s;
        struct crowd c = {.count = 0};
        scene_init(&s, routes[i], &SILENT);
        unsigned places = i == 0 ? 3 : 1;
        while (c.count < 5) join(&s, &c);
        look(&c);
        assert_int_equal(c.answered, 5 - places);
        for (unsigned k = places; k < 5; k++) assert_non_null(strstr(c.got[k], " 503 "));
        assert_true(scene_log_has(&s, "reason=QUEUE_FULL"));
        s.script.is_silent = false;
        await_answers(&s, &c, 5);
        end(&s, &c);
    }
}

static void who_leaves_while_it_waits_costs_nothing(void **state) {
    (void)state;
    struct scene s;
    struct crowd c = {.count = 0};
    scene_init(&s, ROUTES("max = 3"), &SILENT);
    for (int i = 0; i < 4; i++) join(&s, &c);
    leave(&c, 2);
    leave(&c, 1);
    scene_turns(&s, 5);
    assert_int_equal(waiting(&s), 1);
    join(&s, &c); // there is room again
    assert_int_equal(waiting(&s), 2);
    s.script.is_silent = false;
    await_answers(&s, &c, 3);
    assert_int_equal(c.order[0], 0);
    assert_int_equal(c.order[1], 3);
    assert_int_equal(c.order[2], 4);
    assert_int_equal(s.requests, 3);
    end(&s, &c);
}

static void who_leaves_in_its_turn_loses_nobody_the_place(void **state) {
    (void)state;
    struct scene s;
    struct crowd c = {.count = 0};
    scene_init(&s, ROUTES(""), &SILENT);
    for (int i = 0; i < 3; i++) join(&s, &c);
    // the place is given back and its heir goes away in the same turn
    leave(&c, 0);
    leave(&c, 1);
    s.script.is_silent = false;
    await_answers(&s, &c, 1);
    assert_int_equal(c.order[0], 2);
    end(&s, &c);
}

static void a_place_that_another_process_gives_back_is_found(void **state) {
    (void)state;
    struct scene s;
    struct crowd c = {.count = 0};
    scene_init(&s, ROUTES(""), &SILENT);
    s.script.is_silent = false;
    struct pool *p = service_generation(s.service)->config->pools[0];
    struct member *m = pool_view(p)->all[0];
    __atomic_add_fetch(m->in_flight, 1, __ATOMIC_RELAXED); // somebody else's
    for (int i = 0; i < 3; i++) join(&s, &c);
    assert_int_equal(waiting(&s), 3);
    __atomic_sub_fetch(m->in_flight, 1, __ATOMIC_RELAXED);
    scene_pass(&s, 20);
    await_answers(&s, &c, 3);
    end(&s, &c);
}

static void who_waits_goes_on_after_a_reload(void **state) {
    (void)state;
    struct scene s;
    struct crowd c = {.count = 0};
    scene_init(&s, ROUTES(""), &SILENT);
    for (int i = 0; i < 3; i++) join(&s, &c);
    scene_switch(&s, ROUTES("max = 1"));
    s.script.is_silent = false;
    await_answers(&s, &c, 3);
    for (unsigned i = 0; i < 3; i++) assert_non_null(strstr(c.got[i], " 200 "));
    end(&s, &c);
}

// A member that only some may use does not hold up those who take any.
static void who_waits_for_one_member_holds_up_nobody_else(void **state) {
    (void)state;
    struct scene s;
    struct crowd c = {.count = 0};
    scene_init(&s,
               "listen { http = '127.0.0.1:1' }\n"
               "local p = pool 'p' { { '127.0.0.1:$PORT', max_connections = 1 }, "
               "{ 'localhost:$PORT', max_connections = 1 }, queue = { max = 2 } }\n"
               "site '*' { route = function(req) if req.path <= '/2' then return "
               "p:member('127.0.0.1:$PORT') end return p end }\n",
               &SILENT);
    for (int i = 0; i < 3; i++) join(&s, &c); // one is served, two wait for the same member
    assert_int_equal(waiting(&s), 2);
    join(&s, &c); // takes the other member
    for (int i = 0; i < 50 && s.accepted < 2; i++) scene_turn(&s);
    assert_int_equal(s.accepted, 2);
    assert_int_equal(waiting(&s), 2);
    join(&s, &c); // any would do, and none is free: it may wait although two wait already
    assert_int_equal(waiting(&s), 3);
    s.script.is_silent = false;
    await_answers(&s, &c, 5);
    for (unsigned i = 0; i < 5; i++) assert_non_null(strstr(c.got[i], " 200 "));
    end(&s, &c);
}

static void an_attempt_that_fails_gives_its_place_back(void **state) {
    (void)state;
    struct scene s;
    struct crowd c = {.count = 0};
    scene_init(&s,
               "listen { http = '127.0.0.1:1' }\n"
               "site '*' { to = pool 'p' { { '127.0.0.1:$DEAD', max_connections = 1 }, "
               "{ '127.0.0.1:$PORT', max_connections = 1, backup = true } } }\n",
               &SILENT);
    s.script.is_silent = false;
    for (int i = 0; i < 4; i++) join(&s, &c);
    await_answers(&s, &c, 4);
    for (unsigned i = 0; i < 4; i++) assert_non_null(strstr(c.got[i], " 200 "));
    end(&s, &c);
}

// --- paused keys ---

// A table as control has it, with the pool of the route file.
struct shared {
    struct table *table;
    uint32_t *row;
    const struct table_pool *pool;
};

static void *map(size_t bytes) {
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE,
                    -1, 0);
    assert_ptr_not_equal(at, MAP_FAILED);
    return at;
}

static void share(struct scene *s, struct shared *shared) {
    struct config *c = service_generation(s->service)->config;
    *shared = (struct shared){map(table_bytes()), map(table_row_bytes()), NULL};
    struct table_writer *w = table_writer_new(shared->table);
    struct table_pool *p = table_add_pool(w, SLICE("p"));
    struct table_entry e = {.weight = 1, .live = c->pools[0]->configured[0].settings};
    assert_true(table_take_slot(w, slice_of(c->pools[0]->configured[0].text), &e.slot));
    assert_true(table_publish(w, p, &e, 1));
    table_writer_free(w);
    shared->pool = p;
    config_attach(c, shared->table, shared->row);
}

static void end_shared(struct scene *s, struct crowd *c, struct shared *shared) {
    end(s, c);
    munmap(shared->table, table_bytes());
    munmap(shared->row, table_row_bytes());
}

static void pause_key(struct shared *shared, const char *key, unsigned ms) {
    uint64_t hash = balance_key_hash(slice_of(key));
    assert_true(pauses_add(shared->table, shared->pool, slice_of(key), hash, clock_ms() + ms));
}

static bool resume_key(struct shared *shared, const char *key) {
    return pauses_remove(shared->table, shared->pool, balance_key_hash(slice_of(key)));
}

#define BY_PATH(queue)                                                                             \
    "listen { http = '127.0.0.1:1' }\n"                                                            \
    "site '*' { to = pool 'p' { '127.0.0.1:$PORT', balance = 'hash', key = '{path}', queue = "     \
    "{ " queue " } } }\n"

static void requests_of_a_paused_key_wait_until_it_is_resumed(void **state) {
    (void)state;
    struct scene s;
    struct shared shared;
    struct crowd c = {.count = 0};
    scene_init(&s, BY_PATH(""), &SILENT);
    s.script.is_silent = false;
    share(&s, &shared);
    pause_key(&shared, "/0", 60000);
    pause_key(&shared, "/2", 60000);
    for (int i = 0; i < 4; i++) join(&s, &c);
    for (int i = 0; i < 200 && c.answered < 2; i++) scene_turn(&s), look(&c);
    scene_pass(&s, 5000);
    look(&c);
    assert_int_equal(c.answered, 2);
    assert_int_equal(c.order[0] + c.order[1], 4); // 1 and 3
    assert_int_equal(waiting(&s), 2);
    assert_true(resume_key(&shared, "/2"));
    assert_false(resume_key(&shared, "/2"));
    scene_pass(&s, 20);
    for (int i = 0; i < 200 && c.answered < 3; i++) scene_turn(&s), look(&c);
    assert_int_equal(c.order[2], 2);
    assert_true(queue_time(&s, "GET /2 ") >= 5);
    assert_int_equal(waiting(&s), 1);
    assert_true(resume_key(&shared, "/0"));
    scene_pass(&s, 20);
    for (int i = 0; i < 200 && c.answered < 4; i++) scene_turn(&s), look(&c);
    assert_int_equal(c.answered, 4);
    end_shared(&s, &c, &shared);
}

static void a_pause_is_over_when_its_time_is(void **state) {
    (void)state;
    struct scene s;
    struct shared shared;
    struct crowd c = {.count = 0};
    scene_init(&s, BY_PATH(""), &SILENT);
    s.script.is_silent = false;
    share(&s, &shared);
    pause_key(&shared, "/0", 3000);
    join(&s, &c);
    scene_pass(&s, 2000);
    look(&c);
    assert_int_equal(c.answered, 0);
    scene_pass(&s, 1100);
    for (int i = 0; i < 200 && c.answered < 1; i++) scene_turn(&s), look(&c);
    assert_non_null(strstr(c.got[0], " 200 "));
    assert_int_equal(pauses_sweep(shared.table, clock_ms()), 0);
    assert_false(resume_key(&shared, "/0"));
    end_shared(&s, &c, &shared);
}

static void who_waits_for_a_key_too_long_or_in_vain_gets_503(void **state) {
    (void)state;
    struct scene s;
    struct shared shared;
    struct crowd c = {.count = 0};
    scene_init(&s,
               "listen { http = '127.0.0.1:1' }\n"
               "site '*' { to = pool 'p' { '127.0.0.1:$PORT', balance = 'hash', key = '{host}', "
               "queue = { max = 2, pause = '10s' } } }\n",
               &SILENT);
    s.script.is_silent = false;
    share(&s, &shared);
    pause_key(&shared, "h", 60000);
    for (int i = 0; i < 3; i++) join(&s, &c);
    look(&c);
    assert_int_equal(c.answered, 1);
    assert_int_equal(c.order[0], 2);
    assert_non_null(strstr(c.got[2], " 503 "));
    assert_true(scene_log_has(&s, "reason=PAUSE_FULL"));
    leave(&c, 1);
    scene_turns(&s, 3);
    assert_int_equal(waiting(&s), 1);
    scene_pass(&s, 10100);
    look(&c);
    assert_non_null(strstr(c.got[0], "503 Service Unavailable: the site is paused"));
    assert_true(scene_log_has(&s, "reason=PAUSED"));
    assert_true(queue_time(&s, "GET /0 ") >= 10);
    assert_int_equal(s.requests, 0);
    end_shared(&s, &c, &shared);
}

static void as_many_keys_may_be_paused_as_there_is_room_for(void **state) {
    (void)state;
    struct scene s;
    struct shared shared;
    struct crowd c = {.count = 0};
    scene_init(&s, BY_PATH(""), &SILENT);
    share(&s, &shared);
    char key[16];
    for (int i = 0; i < PAUSES_MAX; i++) {
        snprintf(key, sizeof key, "key%d", i);
        pause_key(&shared, key, i % 2 ? 1000 : 5000);
    }
    uint64_t hash = balance_key_hash(SLICE("one more")), now_ms = clock_ms();
    assert_false(pauses_add(shared.table, shared.pool, SLICE("one more"), hash, now_ms + 9));
    pause_key(&shared, "key7", 1000); // again
    assert_true(pauses_has(shared.table, shared.pool, balance_key_hash(SLICE("key7")), now_ms));
    assert_true(pauses_sweep(shared.table, now_ms + 2000) >= now_ms + 4000);
    assert_false(pauses_has(shared.table, shared.pool, balance_key_hash(SLICE("key7")), now_ms));
    assert_true(pauses_has(shared.table, shared.pool, balance_key_hash(SLICE("key8")), now_ms));
    assert_true(pauses_add(shared.table, shared.pool, SLICE("one more"), hash, now_ms + 9000));
    unsigned at = 0, count = 0;
    struct pause found;
    while (pauses_next(shared.table, shared.pool, &at, &found)) count++;
    assert_int_equal(count, PAUSES_MAX / 2 + 1);
    end_shared(&s, &c, &shared);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_waits_is_served_in_the_order_of_coming),
        cmocka_unit_test(who_has_waited_too_long_is_told_so),
        cmocka_unit_test(who_finds_the_queue_full_is_told_so_at_once),
        cmocka_unit_test(who_leaves_while_it_waits_costs_nothing),
        cmocka_unit_test(who_leaves_in_its_turn_loses_nobody_the_place),
        cmocka_unit_test(a_place_that_another_process_gives_back_is_found),
        cmocka_unit_test(who_waits_goes_on_after_a_reload),
        cmocka_unit_test(who_waits_for_one_member_holds_up_nobody_else),
        cmocka_unit_test(an_attempt_that_fails_gives_its_place_back),
        cmocka_unit_test(requests_of_a_paused_key_wait_until_it_is_resumed),
        cmocka_unit_test(a_pause_is_over_when_its_time_is),
        cmocka_unit_test(who_waits_for_a_key_too_long_or_in_vain_gets_503),
        cmocka_unit_test(as_many_keys_may_be_paused_as_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
