// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/listener.h"
#include "core/log.h"
#include "tests/unit/turns.h"

static struct loop *loop;
static char directory[64];
static int accepted[64];
static unsigned accepted_count;
static struct address last_client;

static int set_up(void **state) {
    (void)state;
    loop = loop_new();
    accepted_count = 0;
    strcpy(directory, "/tmp/rsp-listener-XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    for (unsigned i = 0; i < accepted_count; i++) close(accepted[i]);
    loop_free(loop);
    return rmdir(directory);
}

static void turn_for_ms(unsigned ms) {
    uint64_t began = clock_read_us();
    while (clock_read_us() - began < ms * 1000ull) loop_turn(loop, 5);
}

static void on_accepted(void *arg, int fd, const struct address *client) {
    (void)arg;
    assert_true(accepted_count < 64);
    accepted[accepted_count++] = fd;
    last_client = *client;
}

static struct address parsed(const char *text) {
    struct address a;
    assert_true(address_parse(slice_of(text), &a));
    return a;
}

// Opens on a free port and tells the address that came of it.
static int open_on(const char *text, struct address *bound) {
    char why[200] = "";
    *bound = parsed(text);
    int fd = listener_open(bound, 64, why, sizeof(why));
    if (fd < 0 && bound->any.sa_family == AF_INET6) skip(); // no IPv6 here
    assert_string_equal(why, "");
    if (bound->any.sa_family != AF_UNIX)
        assert_int_equal(getsockname(fd, &bound->any, &bound->len), 0);
    return fd;
}

static int connect_to(const struct address *a) {
    int fd = socket(a->any.sa_family, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, &a->any, a->len), 0);
    return fd;
}

static void accepts_on(const char *text) {
    struct address at;
    int fd = open_on(text, &at);
    struct listener *l = listener_new(loop, fd, on_accepted, NULL);
    accepted_count = 0;
    int a = connect_to(&at);
    int b = connect_to(&at);
    TURN_UNTIL(accepted_count == 2);
    int flags = fcntl(accepted[0], F_GETFL);
    assert_true(flags & O_NONBLOCK);
    assert_true(fcntl(accepted[0], F_GETFD) & FD_CLOEXEC);
    assert_int_equal(last_client.any.sa_family, at.any.sa_family);
    if (at.any.sa_family != AF_UNIX) {
        int is_on = 0;
        socklen_t len = sizeof(is_on);
        getsockopt(accepted[0], IPPROTO_TCP, TCP_NODELAY, &is_on, &len);
        assert_true(is_on);
        assert_int_not_equal(address_port(&last_client), 0);
    }
    close(a);
    close(b);
    listener_free(l);
    close(fd);
}

static void connections_are_accepted_on_every_kind_of_address(void **state) {
    (void)state;
    char text[128];
    snprintf(text, sizeof(text), "unix:%s/socket", directory);
    accepts_on("127.0.0.1:0");
    accepts_on(text);
    unlink(text + 5);
    accepts_on("[::1]:0");
}

static void an_address_in_use_is_refused_with_its_name(void **state) {
    (void)state;
    struct address at;
    char why[200], text[ADDRESS_TEXT_MAX];
    int fd = open_on("127.0.0.1:0", &at);
    assert_int_equal(listener_open(&at, 64, why, sizeof(why)), -1);
    assert_non_null(strstr(why, address_format(&at, text)));
    assert_non_null(strstr(why, "in use"));
    close(fd);
}

static void a_dead_unix_socket_is_replaced_and_a_living_one_is_not(void **state) {
    (void)state;
    char text[128], why[200];
    struct address at;
    snprintf(text, sizeof(text), "unix:%s/socket", directory);
    int fd = open_on(text, &at);
    assert_int_equal(listener_open(&at, 64, why, sizeof(why)), -1);
    assert_non_null(strstr(why, "in use"));
    close(fd);
    fd = open_on(text, &at); // nobody answers on it any more
    close(connect_to(&at));
    close(fd);
    unlink(text + 5);
}

static void a_file_that_is_no_socket_is_never_removed(void **state) {
    (void)state;
    char text[128], why[200];
    snprintf(text, sizeof(text), "unix:%s/file", directory);
    struct address at = parsed(text);
    close(open(text + 5, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(listener_open(&at, 64, why, sizeof(why)), -1);
    assert_int_equal(access(text + 5, F_OK), 0);
    unlink(text + 5);
}

static void a_paused_listener_leaves_connections_waiting(void **state) {
    (void)state;
    struct address at;
    int fd = open_on("127.0.0.1:0", &at);
    struct listener *l = listener_new(loop, fd, on_accepted, NULL);
    listener_pause(l);
    int client = connect_to(&at);
    turn_for_ms(20);
    assert_int_equal(accepted_count, 0);
    listener_resume(l);
    TURN_UNTIL(accepted_count == 1);
    close(client);
    listener_free(l);
    close(fd);
}

static struct listener *self;

static void pause_after_one(void *arg, int fd, const struct address *client) {
    on_accepted(arg, fd, client);
    listener_pause(self);
}

static void a_listener_paused_while_it_accepts_takes_no_more(void **state) {
    (void)state;
    struct address at;
    int fd = open_on("127.0.0.1:0", &at);
    int a = connect_to(&at);
    int b = connect_to(&at);
    self = listener_new(loop, fd, pause_after_one, NULL);
    turn_for_ms(20);
    assert_int_equal(accepted_count, 1);
    listener_free(self);
    close(a);
    close(b);
    close(fd);
}

static size_t lines_in(int fd, const char *word) {
    char text[8192] = "";
    size_t lines = 0;
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    assert_true(n >= 0);
    for (const char *at = text; (at = strstr(at, word)); at++) lines++;
    return lines;
}

static void at_the_descriptor_limit_accepting_pauses_with_one_line_and_resumes_by_itself(
    void **state) {
    (void)state;
    struct address at;
    struct rlimit before, tight;
    char log_path[128];
    snprintf(log_path, sizeof(log_path), "%s/log", directory);
    int log_fd = open(log_path, O_CREAT | O_RDWR, 0600);
    unlink(log_path);
    int fd = open_on("127.0.0.1:0", &at);
    struct listener *l = listener_new(loop, fd, on_accepted, NULL);
    int a = connect_to(&at);
    int b = connect_to(&at);
    int highest = dup(b); // so the limit leaves no number free
    getrlimit(RLIMIT_NOFILE, &before);
    tight = before;
    tight.rlim_cur = (rlim_t)highest + 1;
    setrlimit(RLIMIT_NOFILE, &tight);
    log_set_fd(log_fd);
    uint64_t cpu_before = (uint64_t)clock();
    turn_for_ms(350);
    uint64_t cpu_us = ((uint64_t)clock() - cpu_before) * 1000000 / CLOCKS_PER_SEC;
    assert_int_equal(accepted_count, 0);
    assert_int_equal(lines_in(log_fd, "accepting pauses"), 1);
    assert_true(cpu_us < 200000); // it does not spin
    setrlimit(RLIMIT_NOFILE, &before);
    TURN_UNTIL(accepted_count == 2);
    log_set_fd(-1);
    listener_free(l);
    close(a), close(b), close(highest), close(fd), close(log_fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(connections_are_accepted_on_every_kind_of_address),
        TEST(an_address_in_use_is_refused_with_its_name),
        TEST(a_dead_unix_socket_is_replaced_and_a_living_one_is_not),
        TEST(a_file_that_is_no_socket_is_never_removed),
        TEST(a_paused_listener_leaves_connections_waiting),
        TEST(a_listener_paused_while_it_accepts_takes_no_more),
        TEST(at_the_descriptor_limit_accepting_pauses_with_one_line_and_resumes_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
