// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/loop.h"

// Role processes: forked without exec, each with a channel to the process that made it. What the roles do and when
// one is started again is the caller's.
struct processes; // the children of this process
struct process;   // one of them, until its end was reported

#define PROCESSES_MAX    1024
#define PROCESS_ROLE_MAX 40

// The child is gone; wait_status as of waitpid(2). The process is freed after the call.
typedef void exited_fn(void *owner, struct process *p, int wait_status);

struct process_plan {
    const char *role; // "worker 3": for the log and for ps; copied
    // The life of the child; what it returns becomes its exit status. It has the channel's other end, must make a
    // loop of its own, and must not touch (nor free) the parent's.
    int (*run)(void *arg, int channel_fd);
    void *arg;
    // Descriptors that the child keeps besides 0, 1, 2 and its channel; all others are closed in it.
    const int *keep;
    size_t keep_count;
    exited_fn *on_exit; // in the parent, from the loop
    void *owner;
};

struct processes *processes_new(struct loop *loop);
void processes_free(struct processes *set); // leaves the children alone
// Forks. In the child all signals have their default action (SIGPIPE is ignored), and it is killed when its parent
// dies. NULL and errno on failure, otherwise *channel_fd is the caller's end (for channel_new).
struct process *process_spawn(struct processes *set, const struct process_plan *plan,
                              int *channel_fd);
pid_t process_pid(const struct process *p);
void process_signal(const struct process *p, int signal_number);
size_t processes_count(const struct processes *set);

#define PROCESS_END_MAX 64
// "exit 1", "killed by SIGSEGV"; returns buf.
const char *process_end_text(int wait_status, char buf[PROCESS_END_MAX]);

// How long to wait before a role that died is started again: not at all the first time, then from 100 ms doubled
// up to 5 s; a minute without a death begins anew. Zero-initialised.
struct backoff {
    unsigned deaths;
    uint64_t last_ms;
};
uint64_t backoff_after_death(struct backoff *b, uint64_t now_ms);

// --- what a process does to itself ---
// Remembers where ps finds the command line: the strings of argv, which process_set_title() overwrites (in every child,
// too). Before that only the name of the thread is set.
void process_keep_title(int argc, char **argv);
void process_set_title(const char *title); // "rsp: worker 3"
// Becomes the user for good (groups too) and can gain no privileges any more. A user of NULL, or the present one, only
// does the latter. False and why: not root, no such user.
bool process_drop_privileges(const char *user, char *why, size_t why_max);
// Raises the soft limit of descriptors to the hard one; returns what holds now.
uint64_t process_raise_descriptors(void);
