// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/notify.h"
#include "tools/rsp.h"

static int start_daemon(struct supervisor_conf *conf);
static int wait_until_it_serves(pid_t child, int from_child);
static void on_served_daemon(void *arg);
static void on_served_foreground(void *arg);
static void leave_terminal(void);

int rsp_serve(const struct rsp_options *options, void (*add_files)(void *arg, struct files *set),
              void *arg) {
    struct supervisor_conf conf = {.path = options->file,
                                   .add_files = add_files,
                                   .add_files_arg = arg,
                                   .default_admin = options->default_admin,
                                   .workers = options->workers,
                                   .pid_file = options->pid_file,
                                   .on_served = on_served_foreground};
    return options->is_foreground ? supervisor_run(&conf) : start_daemon(&conf);
}

static void on_served_foreground(void *arg) {
    (void)arg;
    notify_ready();
}

// The starter stays until the daemon serves, or says why it cannot and ends with its status.
static int start_daemon(struct supervisor_conf *conf) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        fprintf(stderr, "rsp: no pipe: %s\n", strerror(errno));
        return EXIT_FAILED;
    }
    pid_t child = fork();
    if (child < 0) {
        fprintf(stderr, "rsp: cannot fork: %s\n", strerror(errno));
        return EXIT_FAILED;
    }
    if (child > 0) {
        close(ends[1]);
        return wait_until_it_serves(child, ends[0]);
    }
    close(ends[0]);
    setsid();
    conf->on_served = on_served_daemon;
    conf->arg = &ends[1];
    return supervisor_run(conf);
}

static int wait_until_it_serves(pid_t child, int from_child) {
    char word;
    ssize_t n;
    do n = read(from_child, &word, 1);
    while (n < 0 && errno == EINTR);
    if (n == 1) return EXIT_GOOD;
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0) return WEXITSTATUS(status);
    return EXIT_FAILED;
}

static void on_served_daemon(void *arg) {
    int *to_starter = arg;
    leave_terminal();
    if (write(*to_starter, "", 1) == 1) close(*to_starter);
    *to_starter = -1;
}

static void leave_terminal(void) {
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) return;
    for (int fd = 0; fd <= 2; fd++) dup2(null, fd);
    if (null > 2) close(null);
}
