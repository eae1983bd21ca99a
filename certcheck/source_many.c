// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "certcheck/out.h"
#include "certcheck/target_parts.h"
#include "core/check.h"

// Many servers are asked at the same time, each by a process of its own: the conversation with one stays as simple as it is, and one that
// is slow or that brings the process down costs the others nothing. The answers go through pipes and are taken in the order of the words.

#define ASKED_AT_ONCE    16
#define ANSWER_BYTES_MAX (64u << 20)

// One server that is being asked, or was.
struct asking {
    pid_t pid; // 0: nobody was sent
    int fd;
    struct text answer;
};

static bool start(struct targets *t, struct asking *a, const char *word);
static void answer(struct targets *t, const char *word, int fd);
static size_t listen_to(struct asking **running, size_t count);
static bool has_more(struct asking *a);
static void take(struct targets *t, struct asking *a, const char *word);
static void add_target(struct target *one, struct text *out);
static bool take_targets(struct targets *t, struct slice rest);
static bool take_target(struct targets *t, struct slice *rest);
static bool take_certificates(struct targets *t, struct target *one, struct slice *rest);
static char **live_string(struct target_live *live, size_t i);
static void add_number(struct text *out, size_t n);
static bool take_number(struct slice *rest, uint32_t *n);
static void add_string(struct text *out, const char *s);
static bool take_string(struct slice *rest, char **s);

void targets_add_all(struct targets *t, char *const *words, size_t count) {
    struct asking *all = calloc(count + 1, sizeof *all), *running[ASKED_AT_ONCE];
    size_t next = 0, busy = 0;
    CHECK(all);
    while (count > 1 && (busy > 0 || next < count)) {
        for (; busy < ASKED_AT_ONCE && next < count; next++)
            if (start(t, &all[next], words[next])) running[busy++] = &all[next];
        busy = listen_to(running, busy);
    }
    for (size_t i = 0; i < count; i++)
        if (all[i].pid > 0)
            take(t, &all[i], words[i]);
        else
            targets_add(t, words[i]);
    free(all);
}

// False: it is no server, or no process could be had; it is then looked at when its turn comes.
static bool start(struct targets *t, struct asking *a, const char *word) {
    int ends[2];
    if (!target_is_live(word) || pipe2(ends, O_CLOEXEC) != 0) return false;
    a->pid = fork();
    if (a->pid == 0) {
        close(ends[0]);
        answer(t, word, ends[1]);
    }
    close(ends[1]);
    if (a->pid < 0) close(ends[0]);
    if (a->pid < 0) return false;
    a->fd = ends[0];
    text_init(&a->answer, ANSWER_BYTES_MAX);
    return true;
}

// In the new process, which ends here.
static void answer(struct targets *t, const char *word, int fd) {
    size_t first = t->count;
    struct text out;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    source_add_live(t, word);
    text_init(&out, ANSWER_BYTES_MAX);
    add_number(&out, t->count - first);
    for (size_t i = first; i < t->count; i++) add_target(t->list[i], &out);
    _exit(out_write_all(fd, text_slice(&out)) ? 0 : 1);
}

// Until something came. Returns how many are still at it; the others have ended.
static size_t listen_to(struct asking **running, size_t count) {
    struct pollfd all[ASKED_AT_ONCE];
    size_t left = 0;
    for (size_t i = 0; i < count; i++)
        all[i] = (struct pollfd){.fd = running[i]->fd, .events = POLLIN};
    if (count == 0 || poll(all, count, -1) < 0) return count; // by a signal
    for (size_t i = 0; i < count; i++)
        if (all[i].revents == 0 || has_more(running[i])) running[left++] = running[i];
    return left;
}

static bool has_more(struct asking *a) {
    char piece[65536];
    ssize_t n = read(a->fd, piece, sizeof piece);
    if (n > 0) text_add(&a->answer, (struct slice){piece, (size_t)n});
    if (n > 0 || (n < 0 && errno == EINTR)) return true;
    close(a->fd);
    while (waitpid(a->pid, NULL, 0) < 0 && errno == EINTR) {}
    return false;
}

static void take(struct targets *t, struct asking *a, const char *word) {
    size_t first = t->count;
    if (!take_targets(t, text_slice(&a->answer))) {
        struct target *one = targets_add_new(t, TARGET_LIVE, word);
        out_add_clean(&one->problems, slice_of(word));
        text_add(&one->problems, SLICE(": who asked it has ended before all was said\n"));
    }
    text_fini(&a->answer);
    if (t->conf->fetches_issuers) source_add_issuers(t, first);
}

static void add_target(struct target *one, struct text *out) {
    add_string(out, one->name);
    add_string(out, text_string(&one->problems));
    for (size_t i = 0; live_string(&one->live, i); i++)
        add_string(out, *live_string(&one->live, i));
    add_string(out, one->host_count > 0 ? one->hosts[0] : NULL); // a live one has one at most
    add_number(out, (size_t)sk_X509_num(one->sent));
    for (int i = 0; i < sk_X509_num(one->sent); i++) {
        unsigned char *der = NULL;
        int len = i2d_X509(sk_X509_value(one->sent, i), &der);
        CHECK(len > 0);
        add_number(out, (size_t)len);
        text_add(out, (struct slice){(char *)der, (size_t)len});
        OPENSSL_free(der);
    }
}

// False: it is not whole.
static bool take_targets(struct targets *t, struct slice rest) {
    uint32_t count = 0;
    bool is_whole = take_number(&rest, &count);
    for (uint32_t i = 0; is_whole && i < count; i++) is_whole = take_target(t, &rest);
    return is_whole && rest.len == 0;
}

static bool take_target(struct targets *t, struct slice *rest) {
    char *name, *problems = NULL, *host = NULL;
    if (!take_string(rest, &name) || !name) return false;
    struct target *one = targets_add_new(t, TARGET_LIVE, name);
    free(name);
    bool is_whole = take_string(rest, &problems);
    if (problems) text_add(&one->problems, slice_of(problems));
    free(problems);
    for (size_t i = 0; is_whole && live_string(&one->live, i); i++)
        is_whole = take_string(rest, live_string(&one->live, i));
    is_whole = is_whole && take_string(rest, &host);
    if (host && !t->conf->host) target_add_host(one, host);
    free(host);
    return is_whole && take_certificates(t, one, rest);
}

static bool take_certificates(struct targets *t, struct target *one, struct slice *rest) {
    uint32_t count, len;
    if (!take_number(rest, &count)) return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!take_number(rest, &len) || len > rest->len) return false;
        const unsigned char *at = (const unsigned char *)rest->at;
        X509 *cert = decoded_take(t->decoded, &at, (long)len);
        if (!cert) return false;
        CHECK(sk_X509_push(one->sent, cert) > 0);
        *rest = slice_skip(*rest, len);
    }
    return true;
}

// All of them in turn; NULL: no more.
static char **live_string(struct target_live *live, size_t i) {
    char **const all[] = {&live->address, &live->sni,       &live->starttls, &live->tls_version,
                          &live->cipher,  &live->signature, &live->probes,   &live->unasked};
    return i < sizeof all / sizeof *all ? all[i] : NULL;
}

static void add_number(struct text *out, size_t n) {
    uint32_t number = (uint32_t)n;
    text_add(out, (struct slice){(const char *)&number, sizeof number});
}

static bool take_number(struct slice *rest, uint32_t *n) {
    if (rest->len < sizeof *n) return false;
    memcpy(n, rest->at, sizeof *n);
    *rest = slice_skip(*rest, sizeof *n);
    return true;
}

// NULL is not the empty one.
static void add_string(struct text *out, const char *s) {
    add_number(out, s ? strlen(s) : UINT32_MAX);
    if (s) text_add(out, slice_of(s));
}

static bool take_string(struct slice *rest, char **s) {
    uint32_t len;
    *s = NULL;
    if (!take_number(rest, &len)) return false;
    if (len == UINT32_MAX) return true;
    if (len > rest->len) return false;
    *s = strndup(rest->at, len);
    CHECK(*s);
    *rest = slice_skip(*rest, len);
    return true;
}
