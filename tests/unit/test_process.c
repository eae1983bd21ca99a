// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/channel.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/process.h"

enum { SPAWNED_MAX = 64 };

static struct loop *loop;
static struct processes *set;
static int ends_count;
static int last_status;
static pid_t last_pid;

static void on_exit_count(void *owner, struct process *p, int wait_status) {
    assert_ptr_equal(owner, &last_status);
    ends_count++;
    last_status = wait_status;
    last_pid = process_pid(p);
}

static int open_set(void **state) {
    (void)state;
    loop = loop_new();
    set = processes_new(loop);
    ends_count = 0;
    return 0;
}

static int close_set(void **state) {
    (void)state;
    processes_free(set);
    loop_free(loop);
    return 0;
}

static struct process *spawn(int (*run)(void *, int), void *arg, int *channel_fd) {
    const struct process_plan plan = {.role = "worker 3",
                                      .run = run,
                                      .arg = arg,
                                      .on_exit = on_exit_count,
                                      .owner = &last_status};
    struct process *p = process_spawn(set, &plan, channel_fd);
    assert_non_null(p);
    return p;
}

static void wait_for_ends(int wanted) {
    for (int i = 0; i < 1000 && ends_count < wanted; i++) loop_turn(loop, 10);
    assert_int_equal(ends_count, wanted);
}

static int return_number(void *arg, int channel_fd) {
    (void)channel_fd;
    return *(int *)arg;
}

static void an_end_is_reported_with_its_status(void **state) {
    (void)state;
    int fd, number = 42;
    pid_t pid = process_pid(spawn(return_number, &number, &fd));
    assert_int_equal(processes_count(set), 1);
    wait_for_ends(1);
    assert_int_equal(last_pid, pid);
    assert_true(WIFEXITED(last_status) && WEXITSTATUS(last_status) == 42);
    assert_int_equal(processes_count(set), 0);
    close(fd);
}

static void every_end_is_reported_however_many_at_once(void **state) {
    (void)state;
    int fds[SPAWNED_MAX], zero = 0;
    for (int i = 0; i < 20; i++) spawn(return_number, &zero, &fds[i]);
    usleep(200000); // all of them are dead: one signal for many
    wait_for_ends(20);
    for (int i = 0; i < 20; i++) close(fds[i]);
}

static int wait_for_signal(void *arg, int channel_fd) {
    (void)arg;
    if (write(channel_fd, "up", 2) != 2) return 1;
    for (;;) pause();
}

static void wait_until_up(int channel_fd) {
    char up[8];
    for (int i = 0; i < 1000 && read(channel_fd, up, sizeof up) != 2; i++) usleep(10000);
}

static void a_child_has_default_signals(void **state) {
    (void)state;
    struct watch *w = loop_watch_signal(loop, SIGTERM, NULL, NULL);
    int fd;
    struct process *p = spawn(wait_for_signal, NULL, &fd);
    wait_until_up(fd);
    process_signal(p, SIGTERM);
    wait_for_ends(1);
    char text[PROCESS_END_MAX];
    assert_string_equal(process_end_text(last_status, text), "killed by SIGTERM");
    loop_unwatch(w);
    close(fd);
}

// Reports what it sees of its descriptors: one letter per one that is open.
static int report_descriptors(void *arg, int channel_fd) {
    const int *kept = arg;
    char open_ones[1000];
    ssize_t n = 0;
    for (int fd = 3; fd < 1000; fd++) {
        if (fcntl(fd, F_GETFD) < 0) continue;
        open_ones[n++] = fd == kept[0] || fd == kept[1] ? 'k' : fd == channel_fd ? 'c' : 'x';
    }
    return write(channel_fd, open_ones, (size_t)n) == n ? 0 : 1;
}

static void a_child_has_only_what_it_may_keep(void **state) {
    (void)state;
    int kept[] = {open("/", O_RDONLY | O_CLOEXEC), dup(1), -1, 2};
    int other = dup(1);
    int late = fcntl(1, F_DUPFD, 500);
    const struct process_plan plan = {.role = "worker 1",
                                      .run = report_descriptors,
                                      .arg = kept,
                                      .keep = kept,
                                      .keep_count = 4,
                                      .on_exit = on_exit_count,
                                      .owner = &last_status};
    int fd;
    assert_non_null(process_spawn(set, &plan, &fd));
    wait_for_ends(1);
    assert_int_equal(last_status, 0);
    char seen[1000] = "";
    assert_int_equal(read(fd, seen, sizeof seen), 3);
    assert_string_equal(seen, "kkc");
    close(kept[0]);
    close(kept[1]);
    close(other);
    close(late);
    close(fd);
}

static void on_echo(void *arg, unsigned type, struct slice body, int *fds, size_t fd_count) {
    assert_int_equal(fd_count, 0);
    struct channel **c = arg;
    channel_send(*c, type + 1, body, fds, 0);
}

static void on_gone(void *arg) {
    (void)arg;
    loop_stop(loop);
}

static int turns;

static void on_child(void *arg) {
    (void)arg;
    turns++;
    loop_stop(loop);
}

// A child with a loop, signals and children of its own.
static int echo_until_closed(void *arg, int channel_fd) {
    (void)arg;
    struct channel *c;
    const struct channel_conf conf = {on_echo, on_gone, &c};
    loop = loop_new();
    struct watch *w = loop_watch_signal(loop, SIGUSR1, on_child, NULL);
    c = channel_new(loop, channel_fd, &conf);
    loop_run(loop);
    loop_unwatch(w);
    channel_free(c);
    loop_free(loop);
    return turns == 0 ? 0 : 10;
}

static size_t answers;

static void on_answer(void *arg, unsigned type, struct slice body, int *fds, size_t fd_count) {
    (void)arg, (void)fds, (void)fd_count;
    assert_int_equal(type, 8);
    assert_true(slice_equals(body, SLICE("hello")));
    answers++;
}

static void a_child_talks_through_a_loop_of_its_own(void **state) {
    (void)state;
    int fd;
    spawn(echo_until_closed, NULL, &fd);
    const struct channel_conf conf = {on_answer, on_gone, NULL};
    struct channel *c = channel_new(loop, fd, &conf);
    assert_true(channel_send(c, 7, SLICE("hello"), NULL, 0));
    for (int i = 0; i < 1000 && answers == 0; i++) loop_turn(loop, 10);
    assert_int_equal(answers, 1);
    channel_free(c);
    wait_for_ends(1);
    assert_int_equal(last_status, 0);
}

static void a_signal_in_the_child_reaches_its_own_loop_only(void **state) {
    (void)state;
    int fd, before = turns;
    struct watch *w = loop_watch_signal(loop, SIGUSR1, on_child, NULL);
    struct process *p = spawn(echo_until_closed, NULL, &fd);
    const struct channel_conf conf = {on_answer, on_gone, NULL};
    struct channel *c = channel_new(loop, fd, &conf);
    answers = 0;
    channel_send(c, 7, SLICE("hello"), NULL, 0);
    for (int i = 0; i < 1000 && answers == 0; i++) loop_turn(loop, 10);
    process_signal(p, SIGUSR1);
    wait_for_ends(1);
    assert_int_equal(WEXITSTATUS(last_status), 10);
    assert_int_equal(turns, before);
    channel_free(c);
    loop_unwatch(w);
}

// A parent of its own, so that it can be killed.
static int be_a_parent(void *arg, int channel_fd) {
    (void)arg;
    loop = loop_new();
    set = processes_new(loop);
    int fd;
    pid_t pid = process_pid(spawn(wait_for_signal, NULL, &fd));
    wait_until_up(fd);
    if (write(channel_fd, &pid, sizeof pid) != sizeof pid) return 1;
    for (;;) pause();
}

static void a_child_does_not_outlive_its_parent(void **state) {
    (void)state;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    int fd;
    struct process *p = spawn(be_a_parent, NULL, &fd);
    pid_t grandchild = 0;
    for (int i = 0; i < 1000 && read(fd, &grandchild, sizeof grandchild) < 0; i++) usleep(10000);
    assert_true(grandchild > 0);
    process_signal(p, SIGKILL);
    wait_for_ends(1);
    int status;
    assert_int_equal(waitpid(grandchild, &status, 0), grandchild); // it is ours now, and dead
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    close(fd);
}

// Bit by bit what did not hold.
static int become_nobody(void *arg, int channel_fd) {
    (void)arg, (void)channel_fd;
    char why[128], name[17] = "";
    int death = 0, wrong = 0;
    if (!process_drop_privileges("nobody", why, sizeof why)) return 1;
    prctl(PR_GET_PDEATHSIG, &death);
    prctl(PR_GET_NAME, name);
    struct passwd *pw = getpwnam("nobody");
    gid_t groups[64];
    int n = getgroups(64, groups);
    wrong |= getuid() == pw->pw_uid && geteuid() == pw->pw_uid && getgid() == pw->pw_gid ? 0 : 2;
    wrong |= n == 0 || (n == 1 && groups[0] == pw->pw_gid) ? 0 : 4;
    wrong |= setuid(0) != 0 && open("/etc/shadow", O_RDONLY) < 0 ? 0 : 8;
    wrong |= death == SIGKILL ? 0 : 16;
    wrong |= prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 32;
    wrong |= strcmp(name, "rsp: worker 3") == 0 ? 0 : 64;
    return wrong;
}

static void dropped_privileges_never_come_back(void **state) {
    (void)state;
    if (geteuid() != 0) skip();
    int fd;
    spawn(become_nobody, NULL, &fd);
    wait_for_ends(1);
    assert_int_equal(last_status, 0);
    close(fd);
}

static int become_unknown(void *arg, int channel_fd) {
    (void)arg, (void)channel_fd;
    char why[128];
    if (process_drop_privileges("no-such-user", why, sizeof why)) return 1;
    if (strcmp(why, "there is no user 'no-such-user'") != 0) return 2;
    if (!process_drop_privileges(NULL, why, sizeof why)) return 3;
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 4;
}

static void an_unknown_user_is_refused(void **state) {
    (void)state;
    int fd;
    spawn(become_unknown, NULL, &fd);
    wait_for_ends(1);
    assert_int_equal(last_status, 0);
    close(fd);
}

static void a_role_that_dies_again_and_again_has_to_wait(void **state) {
    (void)state;
    static const unsigned wanted[] = {0, 100, 200, 400, 800, 1600, 3200, 5000, 5000};
    struct backoff b = {0};
    uint64_t now_ms = 1000;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        assert_int_equal(backoff_after_death(&b, now_ms), wanted[i]);
        now_ms += 60000;
    }
    assert_int_equal(backoff_after_death(&b, now_ms + 1), 0);
    assert_int_equal(backoff_after_death(&b, now_ms + 2), 100);
}

static void the_limit_of_descriptors_is_raised(void **state) {
    (void)state;
    struct rlimit old, limit;
    getrlimit(RLIMIT_NOFILE, &old);
    limit = (struct rlimit){64, old.rlim_max};
    setrlimit(RLIMIT_NOFILE, &limit);
    assert_true(process_raise_descriptors() == old.rlim_max);
    getrlimit(RLIMIT_NOFILE, &limit);
    assert_true(limit.rlim_cur == old.rlim_max);
    setrlimit(RLIMIT_NOFILE, &old);
}

static void a_title_takes_the_place_of_the_command_line(void **state) {
    (void)state;
    char line[] = "rsp\0-c\0f", shown[9];
    char *arguments[] = {line, line + 4, line + 7};
    process_keep_title(3, arguments);
    process_set_title("rsp: worker 12");
    memcpy(shown, line, sizeof shown);
    assert_memory_equal(shown, "rsp: wor", 9);
    process_set_title("x");
    assert_memory_equal(line, "x\0\0\0\0\0\0\0", 9);
    process_keep_title(0, arguments);
}

int main(void) {
#define WITH_A_SET(test) cmocka_unit_test_setup_teardown(test, open_set, close_set)
    const struct CMUnitTest tests[] = {
        WITH_A_SET(an_end_is_reported_with_its_status),
        WITH_A_SET(every_end_is_reported_however_many_at_once),
        WITH_A_SET(a_child_has_default_signals),
        WITH_A_SET(a_child_has_only_what_it_may_keep),
        WITH_A_SET(a_child_talks_through_a_loop_of_its_own),
        WITH_A_SET(a_signal_in_the_child_reaches_its_own_loop_only),
        WITH_A_SET(a_child_does_not_outlive_its_parent),
        WITH_A_SET(dropped_privileges_never_come_back),
        WITH_A_SET(an_unknown_user_is_refused),
        cmocka_unit_test(a_role_that_dies_again_and_again_has_to_wait),
        cmocka_unit_test(the_limit_of_descriptors_is_raised),
        cmocka_unit_test(a_title_takes_the_place_of_the_command_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
