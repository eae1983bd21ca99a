// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/dial.h"
#include "core/resolver.h"
#include "tests/unit/turns.h"

static struct loop *loop;
static struct resolver *resolver;

// What the owner of a dial was told.
static struct {
    int count, fd;
    enum dial_failure failure;
    char why[300];
} told;

static void on_dialled(void *arg, int fd, enum dial_failure failure, const char *why) {
    (void)arg;
    if (told.count++ > 0 && told.fd >= 0) close(told.fd);
    told.fd = fd;
    told.failure = failure;
    snprintf(told.why, sizeof(told.why), "%s", why);
}

// --- a name server of our own ---

static struct {
    int fd;
    int port;
    struct watch *watch;
    unsigned questions;
    bool is_silent;
} server;

static size_t put_address(unsigned char *at, unsigned last_byte, unsigned ttl) {
    const unsigned char record[] = {0xc0,
                                    12,
                                    0,
                                    1,
                                    0,
                                    1,
                                    0,
                                    0,
                                    (unsigned char)(ttl >> 8),
                                    (unsigned char)ttl,
                                    0,
                                    4,
                                    127,
                                    0,
                                    0,
                                    (unsigned char)last_byte};
    memcpy(at, record, sizeof(record));
    return sizeof(record);
}

// "one": 127.0.0.1 for 300 s. "two": 127.0.0.2, then 127.0.0.1. "brief": 127.0.0.1 for no time. Others do not exist.
static void answer_question(void *arg) {
    (void)arg;
    unsigned char m[512];
    struct sockaddr_in from;
    socklen_t from_len = sizeof(from);
    ssize_t got = recvfrom(server.fd, m, sizeof(m) - 64, 0, (struct sockaddr *)&from, &from_len);
    server.questions++;
    if (got < 17 || server.is_silent) return;
    size_t name_len = strlen((char *)m + 12) + 1;
    size_t len = 12 + name_len + 4;
    bool is_v4 = m[len - 3] == 1;
    unsigned answers = 0;
    bool is_known = true;
    if (memcmp(m + 12, "\3two", 4) == 0) {
        if (is_v4) answers = 2, len += put_address(m + len, 2, 300);
        if (is_v4) len += put_address(m + len, 1, 300);
    } else if (memcmp(m + 12, "\3one", 4) == 0) {
        if (is_v4) answers = 1, len += put_address(m + len, 1, 300);
    } else if (memcmp(m + 12, "\5brief", 6) == 0) {
        if (is_v4) answers = 1, len += put_address(m + len, 1, 0);
    } else {
        is_known = false;
    }
    m[2] = 0x84, m[3] = is_known ? 0x80 : 0x83;
    m[6] = 0, m[7] = (unsigned char)answers;
    memset(m + 8, 0, 4);
    sendto(server.fd, m, len, 0, (struct sockaddr *)&from, from_len);
}

static void start_server(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    char text[64];
    memset(&server, 0, sizeof(server));
    server.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(server.fd, (struct sockaddr *)&at, len), 0);
    getsockname(server.fd, (struct sockaddr *)&at, &len);
    server.watch = loop_watch_fd(loop, server.fd, answer_question, NULL);
    snprintf(text, sizeof(text), "127.0.0.1:%d", ntohs(at.sin_port));
    assert_true(resolver_use_servers(resolver, text));
}

static int set_up(void **state) {
    (void)state;
    loop = loop_new();
    resolver = resolver_new(loop);
    told.count = 0;
    told.fd = -1;
    start_server();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    if (told.fd >= 0) close(told.fd);
    loop_unwatch(server.watch);
    close(server.fd);
    resolver_free(resolver);
    loop_free(loop);
    return 0;
}

static void turn_for_ms(unsigned ms) {
    uint64_t began = clock_read_us();
    while (clock_read_us() - began < ms * 1000ull) loop_turn(loop, 5);
}

// Listens on a free port of 127.0.0.1.
static int listening(int backlog, int *port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(fd, backlog), 0);
    getsockname(fd, (struct sockaddr *)&at, &len);
    *port = ntohs(at.sin_port);
    return fd;
}

static int free_port(void) {
    int port;
    close(listening(1, &port));
    return port;
}

static struct endpoint at_port(int port) {
    static char text[64];
    snprintf(text, sizeof(text), "127.0.0.1:%d", port);
    struct endpoint e = {.text = text, .port = port};
    assert_true(address_parse(slice_of(text), &e.address));
    return e;
}

static struct endpoint at_name(const char *host, int port) {
    static char text[64];
    snprintf(text, sizeof(text), "%s:%d", host, port);
    return (struct endpoint){.text = text, .host = (char *)host, .port = port};
}

static struct dial *start(const struct endpoint *to, unsigned timeout_ms) {
    struct dial *d = dial_start(loop, resolver, to, timeout_ms, on_dialled, NULL);
    assert_int_equal(told.count, 0); // never from within
    return d;
}

static void dial_to(struct endpoint to, unsigned timeout_ms) {
    if (told.fd >= 0) close(told.fd);
    told.count = 0;
    start(&to, timeout_ms);
    TURN_UNTIL(told.count);
    turn_for_ms(2);
    assert_int_equal(told.count, 1);
}

static void a_connection_is_non_blocking_and_undelayed(void **state) {
    (void)state;
    int port, is_on = 0;
    socklen_t len = sizeof(is_on);
    int fd = listening(5, &port);
    dial_to(at_port(port), 1000);
    assert_int_equal(told.failure, DIAL_OK);
    assert_true(fcntl(told.fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(told.fd, F_GETFD) & FD_CLOEXEC);
    getsockopt(told.fd, IPPROTO_TCP, TCP_NODELAY, &is_on, &len);
    assert_true(is_on);
    close(fd);
}

static void a_refusal_is_told_with_the_place_and_the_reason(void **state) {
    (void)state;
    struct endpoint to = at_port(free_port());
    dial_to(to, 1000);
    assert_int_equal(told.failure, DIAL_REFUSED);
    assert_int_equal(told.fd, -1);
    assert_non_null(strstr(told.why, to.text));
    assert_non_null(strstr(told.why, "refused"));
}

static int fill_backlog(int port, int *fillers) {
    struct endpoint to = at_port(port);
    int n = 0;
    for (; n < 8; n++) {
        fillers[n] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fillers[n], &to.address.any, to.address.len);
    }
    usleep(20000);
    return n;
}

static void a_listener_with_a_full_backlog_ends_in_a_timeout(void **state) {
    (void)state;
    int port, fillers[8];
    int fd = listening(0, &port);
    int n = fill_backlog(port, fillers);
    uint64_t began_us = clock_read_us();
    dial_to(at_port(port), 80);
    uint64_t passed_us = clock_read_us() - began_us;
    assert_int_equal(told.failure, DIAL_TIMEOUT);
    assert_int_equal(told.fd, -1);
    assert_non_null(strstr(told.why, "in time"));
    assert_true(passed_us >= 79000 && passed_us < 3000000);
    while (n > 0) close(fillers[--n]);
    close(fd);
}

static void a_unix_socket_connects_and_one_with_a_full_backlog_is_waited_for(void **state) {
    (void)state;
    char text[64];
    snprintf(text, sizeof(text), "unix:/tmp/rsp-dial-%d", (int)getpid());
    struct endpoint to = {.text = text};
    assert_true(address_parse(slice_of(text), &to.address));
    unlink(text + 5);
    dial_to(to, 1000);
    assert_int_equal(told.failure, DIAL_REFUSED);
    assert_non_null(strstr(told.why, "No such file"));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, &to.address.any, to.address.len), 0);
    assert_int_equal(listen(fd, 0), 0);
    dial_to(to, 1000);
    assert_int_equal(told.failure, DIAL_OK);
    int first = told.fd;
    told.fd = -1, told.count = 0;
    dial_to(to, 50);
    assert_int_equal(told.failure, DIAL_TIMEOUT);
    told.count = 0;
    start(&to, 2000);
    turn_for_ms(30);
    assert_int_equal(told.count, 0);
    close(accept(fd, NULL, NULL));
    TURN_UNTIL(told.count);
    assert_int_equal(told.failure, DIAL_OK);
    close(first);
    close(fd);
    unlink(text + 5);
}

static void a_name_of_the_hosts_file_is_found_without_a_name_server(void **state) {
    (void)state;
    int port;
    int fd = listening(5, &port);
    dial_to(at_name("localhost", port), 1000); // [::1] may come first and refuse
    assert_int_equal(told.failure, DIAL_OK);
    assert_int_equal(server.questions, 0);
    close(fd);
}

static void a_number_as_a_name_is_not_asked_for(void **state) {
    (void)state;
    int port;
    int fd = listening(5, &port);
    dial_to(at_name("127.0.0.1", port), 1000);
    assert_string_equal(told.why, "");
    assert_int_equal(told.failure, DIAL_OK);
    assert_int_equal(server.questions, 0);
    close(fd);
}

static void a_name_is_asked_for_once_while_its_ttl_lasts(void **state) {
    (void)state;
    int port;
    int fd = listening(5, &port);
    dial_to(at_name("one", port), 1000);
    assert_int_equal(told.failure, DIAL_OK);
    unsigned questions = server.questions;
    assert_true(questions > 0);
    dial_to(at_name("ONE", port), 1000);
    assert_int_equal(told.failure, DIAL_OK);
    assert_int_equal(server.questions, questions);
    close(fd);
}

static void a_name_without_a_ttl_is_kept_for_a_second(void **state) {
    (void)state;
    int port;
    int fd = listening(5, &port);
    dial_to(at_name("brief", port), 1000);
    unsigned questions = server.questions;
    dial_to(at_name("brief", port), 1000);
    assert_int_equal(server.questions, questions);
    turn_for_ms(1050);
    dial_to(at_name("brief", port), 1000);
    assert_int_equal(told.failure, DIAL_OK);
    assert_true(server.questions > questions);
    close(fd);
}

static void the_next_address_is_tried_when_one_refuses(void **state) {
    (void)state;
    int port;
    int fd = listening(5, &port);
    dial_to(at_name("two", port), 1000);
    assert_int_equal(told.failure, DIAL_OK);
    close(fd);
    dial_to(at_name("two", port), 1000);
    assert_int_equal(told.failure, DIAL_REFUSED);
}

static void an_address_that_swallows_everything_leaves_time_for_the_next(void **state) {
    (void)state;
    int port, fillers[8];
    int good = listening(5, &port);
    struct sockaddr_in second = {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1)};
    int bad = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(bad, (struct sockaddr *)&second, sizeof(second)), 0);
    assert_int_equal(listen(bad, 0), 0);
    for (int i = 0; i < 8; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fillers[i], (struct sockaddr *)&second, sizeof(second));
    }
    dial_to(at_name("two", port), 300);
    assert_int_equal(told.failure, DIAL_OK);
    for (int i = 0; i < 8; i++) close(fillers[i]);
    close(bad);
    close(good);
}

static void an_unknown_name_fails_with_its_name_and_is_not_asked_for_again_at_once(void **state) {
    (void)state;
    dial_to(at_name("nowhere", 80), 1000);
    assert_int_equal(told.failure, DIAL_NO_NAME);
    assert_non_null(strstr(told.why, "no address for 'nowhere'"));
    unsigned questions = server.questions;
    dial_to(at_name("nowhere", 80), 1000);
    assert_int_equal(told.failure, DIAL_NO_NAME);
    assert_int_equal(server.questions, questions);
    turn_for_ms(1050);
    dial_to(at_name("nowhere", 80), 1000);
    assert_true(server.questions > questions);
}

static void silent_name_servers_end_in_time(void **state) {
    (void)state;
    server.is_silent = true;
    uint64_t began_us = clock_read_us();
    dial_to(at_name("one", 80), 60);
    assert_true(clock_read_us() - began_us < 1500000);
    assert_int_equal(told.failure, DIAL_NO_NAME);
    assert_non_null(strstr(told.why, "no address for 'one'"));
    assert_non_null(strstr(told.why, "in time"));
}

static void two_dials_for_one_name_share_its_question(void **state) {
    (void)state;
    int port;
    int fd = listening(5, &port);
    struct endpoint to = at_name("one", port);
    start(&to, 1000);
    start(&to, 1000);
    TURN_UNTIL(told.count == 2);
    assert_true(server.questions <= 2); // one for each kind of address
    close(fd);
}

static void a_dial_may_be_cancelled_in_every_state(void **state) {
    (void)state;
    int port, fillers[8];
    int fd = listening(0, &port);
    struct endpoint name = at_name("one", port);
    dial_cancel(start(&name, 1000)); // while the name is asked for
    turn_for_ms(20);
    struct endpoint address = at_port(port);
    dial_cancel(start(&address, 1000)); // while connecting
    struct dial *connected = start(&address, 1000);
    usleep(5000);
    dial_cancel(connected); // connected, not yet told
    int n = fill_backlog(port, fillers);
    struct dial *stuck = start(&address, 1000);
    turn_for_ms(20);
    dial_cancel(stuck); // in the middle
    struct endpoint closed = at_port(free_port());
    dial_cancel(start(&closed, 1000)); // refused, not yet told
    turn_for_ms(20);
    assert_int_equal(told.count, 0);
    while (n > 0) close(fillers[--n]);
    close(fd);
}

static void running_out_of_descriptors_is_not_the_backends_fault(void **state) {
    (void)state;
    int port;
    int fd = listening(5, &port);
    struct rlimit before, tight;
    getrlimit(RLIMIT_NOFILE, &before);
    tight = before;
    tight.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &tight);
    dial_to(at_port(port), 1000);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(told.failure, DIAL_NO_DESCRIPTOR);
    assert_int_equal(told.fd, -1);
    close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_connection_is_non_blocking_and_undelayed),
        TEST(a_refusal_is_told_with_the_place_and_the_reason),
        TEST(a_listener_with_a_full_backlog_ends_in_a_timeout),
        TEST(a_unix_socket_connects_and_one_with_a_full_backlog_is_waited_for),
        TEST(a_name_of_the_hosts_file_is_found_without_a_name_server),
        TEST(a_number_as_a_name_is_not_asked_for),
        TEST(a_name_is_asked_for_once_while_its_ttl_lasts),
        TEST(a_name_without_a_ttl_is_kept_for_a_second),
        TEST(the_next_address_is_tried_when_one_refuses),
        TEST(an_address_that_swallows_everything_leaves_time_for_the_next),
        TEST(an_unknown_name_fails_with_its_name_and_is_not_asked_for_again_at_once),
        TEST(silent_name_servers_end_in_time),
        TEST(two_dials_for_one_name_share_its_question),
        TEST(a_dial_may_be_cancelled_in_every_state),
        TEST(running_out_of_descriptors_is_not_the_backends_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
