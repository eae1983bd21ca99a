// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/process.h"

#include <errno.h>
#include <event2/event.h>
#include <grp.h>
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
#include "core/check.h"
#include "core/log.h"

enum { KEEP_MAX = 1024, BACKOFF_FIRST_MS = 100, BACKOFF_MAX_MS = 5000, BACKOFF_CALM_MS = 60000 };

struct process {
    struct process *next;
    pid_t pid;
    exited_fn *on_exit;
    void *owner;
};

struct processes {
    struct loop *loop;
    struct watch *sigchld;
    struct process *first;
    size_t count;
};

// Where ps looks; the command line was written there.
static struct {
    char *at;
    size_t len;
} title_place;

static void on_sigchld(void *arg);
static struct process *take_dead(struct processes *set, int *wait_status);
static _Noreturn void live(const struct processes *set, const struct process_plan *plan,
                           int channel_fd, pid_t parent, const sigset_t *mask);
static void reset_signals(void);
static void leave_loop(struct loop *parents);
static void die_with(pid_t parent);
static void close_others(const struct process_plan *plan, int channel_fd);
static void become_role(const char *role);
static bool become_user(const char *user, char *why, size_t why_max);

struct processes *processes_new(struct loop *loop) {
    struct processes *set = calloc(1, sizeof *set);
    CHECK(set);
    set->loop = loop;
    set->sigchld = loop_watch_signal(loop, SIGCHLD, on_sigchld, set);
    CHECK(set->sigchld);
    return set;
}

void processes_free(struct processes *set) {
    if (!set) return;
    while (set->first) {
        struct process *p = set->first;
        set->first = p->next;
        free(p);
    }
    loop_unwatch(set->sigchld);
    free(set);
}

struct process *process_spawn(struct processes *set, const struct process_plan *plan,
                              int *channel_fd) {
    int ends[2];
    sigset_t all, mask;
    if (set->count >= PROCESSES_MAX) {
        errno = EAGAIN;
        return NULL;
    }
    if (!channel_pair(ends)) return NULL;
    fflush(NULL); // or both processes would write what is buffered
    // A signal to the child must not reach the parent's handlers, which it has until it resets them.
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &mask);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) live(set, plan, ends[1], parent, &mask);
    int saved = errno;
    sigprocmask(SIG_SETMASK, &mask, NULL);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        errno = saved;
        return NULL;
    }
    struct process *p = malloc(sizeof *p);
    CHECK(p);
    *p = (struct process){set->first, pid, plan->on_exit, plan->owner};
    set->first = p;
    set->count++;
    *channel_fd = ends[0];
    return p;
}

pid_t process_pid(const struct process *p) {
    return p->pid;
}

// The pid is still the child's: it was not waited for.
void process_signal(const struct process *p, int signal_number) {
    kill(p->pid, signal_number);
}

size_t processes_count(const struct processes *set) {
    return set->count;
}

const char *process_end_text(int wait_status, char buf[PROCESS_END_MAX]) {
    if (WIFSIGNALED(wait_status)) {
        const char *name = sigabbrev_np(WTERMSIG(wait_status));
        snprintf(buf, PROCESS_END_MAX, "killed by SIG%s%s", name ? name : "?",
                 WCOREDUMP(wait_status) ? ", core dumped" : "");
    } else {
        snprintf(buf, PROCESS_END_MAX, "exit %d", WEXITSTATUS(wait_status));
    }
    return buf;
}

uint64_t backoff_after_death(struct backoff *b, uint64_t now_ms) {
    if (now_ms - b->last_ms > BACKOFF_CALM_MS) b->deaths = 0;
    b->last_ms = now_ms;
    unsigned before = b->deaths++;
    if (before == 0) return 0;
    uint64_t delay = BACKOFF_FIRST_MS;
    for (unsigned i = 1; i < before && delay < BACKOFF_MAX_MS; i++) delay *= 2;
    return delay < BACKOFF_MAX_MS ? delay : BACKOFF_MAX_MS;
}

void process_keep_title(int argc, char **argv) {
    char *end = argv[0];
    for (int i = 0; i < argc && argv[i] == end; i++) end += strlen(end) + 1;
    title_place.at = argv[0];
    title_place.len = (size_t)(end - argv[0]);
}

void process_set_title(const char *title) {
    prctl(PR_SET_NAME, title);
    if (title_place.len == 0) return;
    memset(title_place.at, 0, title_place.len);
    snprintf(title_place.at, title_place.len, "%s", title);
}

bool process_drop_privileges(const char *user, char *why, size_t why_max) {
    pid_t parent = getppid();
    int death_signal = 0;
    prctl(PR_GET_PDEATHSIG, &death_signal);
    if (user && !become_user(user, why, why_max)) return false;
    if (death_signal != 0) die_with(parent); // becoming somebody else has cleared it
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) return true;
    snprintf(why, why_max, "no_new_privs: %s", strerror(errno));
    return false;
}

uint64_t process_raise_descriptors(void) {
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before;
}

// One signal may stand for several deaths.
static void on_sigchld(void *arg) {
    struct processes *set = arg;
    struct process *p;
    int wait_status;
    while ((p = take_dead(set, &wait_status))) {
        p->on_exit(p->owner, p, wait_status);
        free(p);
    }
}

static struct process *take_dead(struct processes *set, int *wait_status) {
    for (struct process **at = &set->first; *at; at = &(*at)->next) {
        struct process *p = *at;
        if (waitpid(p->pid, wait_status, WNOHANG) != p->pid) continue;
        *at = p->next;
        set->count--;
        return p;
    }
    return NULL;
}

// The child, from its first instruction to its last.
static _Noreturn void live(const struct processes *set, const struct process_plan *plan,
                           int channel_fd, pid_t parent, const sigset_t *mask) {
    die_with(parent);
    leave_loop(set->loop);
    reset_signals();
    close_others(plan, channel_fd);
    become_role(plan->role);
    sigprocmask(SIG_SETMASK, mask, NULL);
    exit(plan->run(plan->arg, channel_fd));
}

// Those that a program takes for itself; not SIGSEGV and its like, which sanitizers need.
static void reset_signals(void) {
    static const int taken[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,
                                SIGUSR1, SIGUSR2, SIGCHLD, SIGALRM};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) signal(taken[i], SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
}

// Forgets the parent's events without touching its epoll set, which both processes have. libevent keeps the signals of
// one base only: the child's loop could not have any while this one lives.
static void leave_loop(struct loop *parents) {
    struct event_base *base = loop_base(parents);
    CHECK(event_reinit(base) == 0);
    event_base_free(base);
}

static void die_with(pid_t parent) {
    CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
    if (getppid() != parent) _exit(1); // it died before
}

static int compare_ints(const void *a, const void *b) {
    int x = *(const int *)a;
    int y = *(const int *)b;
    return (x > y) - (x < y);
}

static void close_others(const struct process_plan *plan, int channel_fd) {
    int kept[KEEP_MAX + 1];
    CHECK(plan->keep_count <= KEEP_MAX);
    if (plan->keep_count > 0) memcpy(kept, plan->keep, plan->keep_count * sizeof *kept);
    kept[plan->keep_count] = channel_fd;
    qsort(kept, plan->keep_count + 1, sizeof *kept, compare_ints);
    unsigned first = STDERR_FILENO + 1;
    for (size_t i = 0; i <= plan->keep_count; i++) {
        if (kept[i] < (int)first) continue; // none (-1), a standard one, or named twice
        if (kept[i] > (int)first) close_range(first, (unsigned)kept[i] - 1, 0);
        first = (unsigned)kept[i] + 1;
    }
    CHECK(close_range(first, ~0u, 0) == 0);
}

static void become_role(const char *role) {
    static char kept[PROCESS_ROLE_MAX];
    snprintf(kept, sizeof kept, "%s", role);
    log_set_role(kept);
    char title[PROCESS_ROLE_MAX + 8];
    snprintf(title, sizeof title, "rsp: %s", kept);
    process_set_title(title);
}

static bool become_user(const char *user, char *why, size_t why_max) {
    struct passwd *pw = getpwnam(user);
    if (!pw) {
        snprintf(why, why_max, "there is no user '%s'", user);
        return false;
    }
    if (pw->pw_uid == geteuid() && pw->pw_uid == getuid()) return true;
    if (geteuid() != 0) {
        snprintf(why, why_max, "only root can become '%s'", user);
        return false;
    }
    if (initgroups(user, pw->pw_gid) != 0 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) != 0 ||
        setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) != 0) {
        snprintf(why, why_max, "cannot become '%s': %s", user, strerror(errno));
        return false;
    }
    CHECK(setuid(0) != 0); // there is no way back
    return true;
}
