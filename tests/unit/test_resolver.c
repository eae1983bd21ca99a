// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/resolver.h"

// SRV records from a name server of our own, whole and broken, and name servers that change. (Addresses: test_dial.c.)

// "_http._tcp.x", SRV: two hosts, 10 30 8080 a.x for 7 s and 20 5 80 b.x for 9 s.
static const unsigned char ANSWER[] =
    "\0\0\x84\x80\0\1\0\2\0\0\0\0"
    "\5_http\4_tcp\1x\0\0\x21\0\1"
    "\xc0\x0c\0\x21\0\1\0\0\0\7\0\x0b\0\x0a\0\x1e\x1f\x90\1a\1x\0"
    "\xc0\x0c\0\x21\0\1\0\0\0\x09\0\x0a\0\x14\0\5\0\x50\1b\xc0\x17";

static struct loop *loop;
static struct resolver *resolver;
struct name_server {
    int fd;
    char address[32];
    struct watch *watch;
    unsigned questions;
    bool is_silent;
    size_t cut;         // bytes of ANSWER that are sent
    int changed, value; // one byte of it that is another; -1: none
};
static struct name_server one, two;
static struct {
    unsigned calls;
    size_t count;
    unsigned ttl_s;
    struct service_host first, last;
    char names[2][64];
} told;

static void answer(void *arg) {
    struct name_server *s = arg;
    unsigned char in[512], out[sizeof ANSWER];
    struct sockaddr_in from;
    socklen_t from_len = sizeof from;
    ssize_t got = recvfrom(s->fd, in, sizeof in, 0, (struct sockaddr *)&from, &from_len);
    s->questions++;
    if (got < 12 || s->is_silent) return;
    memcpy(out, ANSWER, sizeof ANSWER - 1);
    memcpy(out, in, 2);
    if (s->changed >= 0) out[s->changed] = (unsigned char)s->value;
    sendto(s->fd, out, s->cut, 0, (struct sockaddr *)&from, from_len);
}

static void open_server(struct name_server *s) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    *s = (struct name_server){.cut = sizeof ANSWER - 1, .changed = -1};
    s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&at, len), 0);
    getsockname(s->fd, (struct sockaddr *)&at, &len);
    snprintf(s->address, sizeof s->address, "127.0.0.1:%d", ntohs(at.sin_port));
    s->watch = loop_watch_fd(loop, s->fd, answer, s);
}

static void close_server(struct name_server *s) {
    loop_unwatch(s->watch);
    close(s->fd);
}

static int set_up(void **state) {
    (void)state;
    loop = loop_new();
    resolver = resolver_new(loop);
    open_server(&one);
    open_server(&two);
    assert_true(resolver_use_servers(resolver, one.address));
    memset(&told, 0, sizeof told);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    close_server(&one);
    close_server(&two);
    resolver_free(resolver);
    loop_free(loop);
    return 0;
}

static void on_found(void *arg, const struct service_hosts *hosts) {
    (void)arg;
    told.calls++;
    told.count = hosts->count;
    told.ttl_s = hosts->ttl_s;
    if (hosts->count == 0) {
        assert_non_null(hosts->why);
        return;
    }
    told.first = hosts->at[0];
    told.last = hosts->at[hosts->count - 1];
    snprintf(told.names[0], 64, "%s", told.first.name);
    snprintf(told.names[1], 64, "%s", told.last.name);
}

static void ask(void) {
    unsigned before = told.calls;
    resolver_find_service(resolver, "_http._tcp.x", on_found, NULL);
    for (int i = 0; i < 2000 && told.calls == before; i++) loop_turn(loop, 10);
    assert_int_equal(told.calls, before + 1);
}

static void hosts_come_with_their_priorities_weights_ports_and_the_shortest_time(void **state) {
    (void)state;
    ask();
    assert_int_equal(told.count, 2);
    assert_int_equal(told.ttl_s, 7);
    assert_string_equal(told.names[0], "a.x");
    assert_int_equal(told.first.priority, 10);
    assert_int_equal(told.first.weight, 30);
    assert_int_equal(told.first.port, 8080);
    assert_string_equal(told.names[1], "b.x");
    assert_int_equal(told.last.port, 80);
}

// Each byte in turn is another one, by several values: at worst fewer hosts are found, and nothing is read beyond the end.
static void broken_records_are_left_out(void **state) {
    (void)state;
    static const int values[] = {0, 1, 0x3f, 0xc0, 0xff};
    unsigned whole = 0;
    for (int at = 30; at < (int)sizeof ANSWER - 1; at++) {
        for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
            one.changed = at;
            one.value = values[i];
            ask();
            assert_true(told.count <= 2);
            whole += told.count == 2;
        }
    }
    assert_true(whole > 20); // what stands in a number does not break a record
}

static void an_answer_that_is_cut_gives_what_is_whole_in_it(void **state) {
    (void)state;
    for (size_t cut = sizeof ANSWER - 2; cut > 31; cut--) {
        one.cut = cut;
        ask();
        assert_true(told.count < 2);
    }
}

static void one_that_is_forgotten_is_not_told(void **state) {
    (void)state;
    struct service_lookup *l = resolver_find_service(resolver, "_http._tcp.x", on_found, NULL);
    assert_non_null(l);
    resolver_forget_service(l);
    while (one.questions == 0) loop_turn(loop, 10);
    for (int i = 0; i < 5; i++) loop_turn(loop, 10);
    assert_int_equal(told.calls, 0);
}

static void on_resolved(void *arg, const struct resolved *r) {
    (void)r;
    ++*(unsigned *)arg;
}

static void what_waits_is_asked_of_the_new_servers(void **state) {
    (void)state;
    unsigned resolved = 0;
    struct lookup l = {.on_resolved = on_resolved, .arg = &resolved};
    one.is_silent = true;
    resolver_lookup(resolver, "name.x", &l);
    while (one.questions == 0) loop_turn(loop, 10);
    assert_int_equal(resolved, 0);
    assert_true(resolver_use_servers(resolver, two.address));
    assert_int_equal(resolved, 0);
    while (two.questions == 0) loop_turn(loop, 10);
    assert_false(resolver_use_servers(resolver, "no address"));
    resolver_forget(&l);
    assert_true(resolver_use_servers(resolver, NULL)); // those of resolv.conf again
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            hosts_come_with_their_priorities_weights_ports_and_the_shortest_time, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(broken_records_are_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_answer_that_is_cut_gives_what_is_whole_in_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(one_that_is_forgotten_is_not_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_waits_is_asked_of_the_new_servers, set_up, tear_down),
    };
    clock_update();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
