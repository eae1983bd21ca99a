// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "certcheck/out.h"
#include "certcheck/target_parts.h"
#include "core/check.h"

// Many servers are asked at the same time by a few processes: the conversation with one stays as simple as it is, and one that is slow
// or that brings a process down costs the others nothing. Each process takes the next word until there is none, and writes what it was told
// into its pipe; the answers are taken in the order of the words.

#define ASKERS_MAX        16
#define ANSWERS_BYTES_MAX (256u << 20) // of one process

struct asker {
    pid_t pid;
    int fd;
    struct text answers; // each: the word's number, a length, and so many bytes
};
struct crew {
    struct targets *targets;
    char *const *words;
    size_t count;
    atomic_size_t *next; // of the words; shared with the processes
    struct asker askers[ASKERS_MAX];
    size_t asker_count;
};

static size_t count_live(char *const *words, size_t count);
static bool start(struct crew *c);
static void ask_on(struct crew *c, int fd);
static void answer(struct crew *c, size_t number, int fd);
static void listen_to_all(struct crew *c);
static bool has_more(struct asker *a);
static void sort(const struct crew *c, struct slice *answers);
static void take(struct targets *t, struct slice answer, const char *word);
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
    size_t wanted = count_live(words, count), taken = 0;
    struct slice *answers = calloc(count + 1, sizeof *answers);
    struct crew c = {.targets = t, .words = words, .count = count};
    c.next = mmap(NULL, sizeof *c.next, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(answers && c.next != MAP_FAILED);
    while (wanted > 1 && c.asker_count < wanted && c.asker_count < ASKERS_MAX && start(&c)) {}
    listen_to_all(&c);
    if (c.asker_count > 0) taken = *c.next;
    sort(&c, answers);
    for (size_t i = 0; i < count; i++)
        if (i < taken && target_is_live(words[i]))
            take(t, answers[i], words[i]);
        else
            targets_add(t, words[i]);
    for (size_t i = 0; i < c.asker_count; i++) text_fini(&c.askers[i].answers);
    munmap(c.next, sizeof *c.next);
    free(answers);
}

static size_t count_live(char *const *words, size_t count) {
    size_t live = 0;
    for (size_t i = 0; i < count; i++) live += target_is_live(words[i]);
    return live;
}

// False: no process could be had. With none at all the words are looked at one after the other.
static bool start(struct crew *c) {
    struct asker *a = &c->askers[c->asker_count];
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return false;
    a->pid = fork();
    if (a->pid == 0) ask_on(c, ends[1]);
    close(ends[1]);
    if (a->pid < 0) close(ends[0]);
    if (a->pid < 0) return false;
    a->fd = ends[0];
    text_init(&a->answers, ANSWERS_BYTES_MAX);
    c->asker_count++;
    return true;
}

// In the new process, which ends here.
static void ask_on(struct crew *c, int fd) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    for (size_t i; (i = atomic_fetch_add(c->next, 1)) < c->count;)
        if (target_is_live(c->words[i])) answer(c, i, fd);
    _exit(0);
}

static void answer(struct crew *c, size_t number, int fd) {
    struct targets *t = c->targets;
    size_t first = t->count;
    struct text head, out;
    text_init(&out, ANSWERS_BYTES_MAX);
    text_init(&head, 100);
    source_add_live(t, c->words[number]);
    add_number(&out, t->count - first);
    for (size_t i = first; i < t->count; i++) add_target(t->list[i], &out);
    add_number(&head, number);
    add_number(&head, out.len);
    if (!out_write_all(fd, text_slice(&head)) || !out_write_all(fd, text_slice(&out))) _exit(1);
    text_fini(&out);
    text_fini(&head);
}

// Until all of them have ended.
static void listen_to_all(struct crew *c) {
    struct asker *running[ASKERS_MAX];
    struct pollfd polled[ASKERS_MAX];
    size_t count = c->asker_count, left;
    for (size_t i = 0; i < count; i++) running[i] = &c->askers[i];
    for (; count > 0; count = left) {
        for (size_t i = 0; i < count; i++)
            polled[i] = (struct pollfd){.fd = running[i]->fd, .events = POLLIN};
        bool has_news = poll(polled, count, -1) > 0; // or it was a signal
        left = 0;
        for (size_t i = 0; i < count; i++)
            if (!has_news || polled[i].revents == 0 || has_more(running[i]))
                running[left++] = running[i];
    }
}

static bool has_more(struct asker *a) {
    char piece[65536];
    ssize_t n = read(a->fd, piece, sizeof piece);
    if (n > 0) text_add(&a->answers, (struct slice){piece, (size_t)n});
    if (n > 0 || (n < 0 && errno == EINTR)) return true;
    close(a->fd);
    while (waitpid(a->pid, NULL, 0) < 0 && errno == EINTR) {}
    return false;
}

// To the words that they belong to. What is not whole belongs to none.
static void sort(const struct crew *c, struct slice *answers) {
    for (size_t i = 0; i < c->asker_count; i++) {
        struct slice rest = text_slice(&c->askers[i].answers);
        uint32_t number, len;
        while (take_number(&rest, &number) && take_number(&rest, &len) && len <= rest.len) {
            CHECK(number < c->count);
            answers[number] = (struct slice){rest.at, len};
            rest = slice_skip(rest, len);
        }
    }
}

static void take(struct targets *t, struct slice answer, const char *word) {
    size_t first = t->count;
    if (!take_targets(t, answer)) {
        struct target *one = targets_add_new(t, TARGET_LIVE, word);
        out_add_clean(&one->problems, slice_of(word));
        text_add(&one->problems, SLICE(": who asked it has ended before all was said\n"));
    }
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
