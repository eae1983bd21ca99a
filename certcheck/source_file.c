// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "certcheck/out.h"
#include "certcheck/target_parts.h"
#include "core/check.h"
#include "core/clock.h"
#include "tls/chain/load.h"

// Certificates of files and directories.

#define PATH_BYTES_MAX 4096

static void take(struct targets *t, struct target *one, const char *path, unsigned wanted,
                 struct slice content);
static const char *read_all(int fd, uint64_t end_ms, struct text *content);
static bool wait_for(int fd, uint64_t end_ms);
static void add_problem(struct target *one, const char *path, const char *why);
static int is_shown(const struct dirent *entry);
static bool is_file(const char *path);

void source_add_file(struct targets *t, const char *path) {
    source_read(t, targets_add_new(t, TARGET_FILE, path), path, LOAD_ALL);
}

void source_read(struct targets *t, struct target *one, const char *path, unsigned wanted) {
    struct slice content;
    char why[PATH_BYTES_MAX + 300];
    if (files_read(t->files, path, &content, why, sizeof why))
        take(t, one, path, wanted, content);
    else
        add_problem(one, path, why + strlen(path) + strlen(": "));
}

// Read to its end, or as much as a file may have and one byte more. A FIFO that nobody writes into must not stop us.
void source_add_input(struct targets *t, const char *path) {
    struct target *one = targets_add_new(t, TARGET_FILE, path);
    bool is_stdin = strcmp(path, "-") == 0;
    int fd =
        is_stdin ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    uint64_t end_ms = is_stdin ? UINT64_MAX : clock_read_us() / 1000 + targets_timeout_ms(t);
    struct text content;
    text_init(&content, FILES_ONE_MAX + 1);
    const char *why = fd < 0 ? strerror(errno) : read_all(fd, end_ms, &content);
    if (fd >= 0) close(fd);
    if (why)
        add_problem(one, is_stdin ? "standard input" : path, why);
    else
        take(t, one, path, LOAD_ALL, text_slice(&content));
    if (content.at) explicit_bzero(content.at, content.len); // there may be a key in it
    text_fini(&content);
}

// NULL, or why not.
static const char *read_all(int fd, uint64_t end_ms, struct text *content) {
    char piece[65536];
    while (wait_for(fd, end_ms)) {
        ssize_t n = read(fd, piece, sizeof piece);
        if (n == 0) return NULL;
        if (n < 0 && errno != EINTR && errno != EAGAIN) return strerror(errno);
        if (n < 0) continue;
        text_add(content, (struct slice){piece, (size_t)n});
        if (content->len > FILES_ONE_MAX) return "larger than 32 MiB";
    }
    return content->len > 0 ? "has not come to its end in time (--timeout)"
                            : "nothing came in time (--timeout)";
}

// For something to read, or the end.
static bool wait_for(int fd, uint64_t end_ms) {
    struct pollfd one = {.fd = fd, .events = POLLIN};
    for (;;) {
        uint64_t now_ms = clock_read_us() / 1000;
        if (now_ms >= end_ms) return false;
        bool is_bounded = end_ms - now_ms < INT_MAX;
        int n = poll(&one, 1, is_bounded ? (int)(end_ms - now_ms) : -1);
        if (n > 0 || (n < 0 && errno != EINTR)) return true;
    }
}

// By name, not what lies deeper.
void source_add_directory(struct targets *t, const char *path) {
    struct dirent **entries;
    char whole[PATH_BYTES_MAX];
    size_t before = t->count;
    bool has_slash = path[strlen(path) - 1] == '/';
    int count = scandir(path, &entries, is_shown, alphasort), problem = errno;
    for (int i = 0; i < count; i++) {
        snprintf(whole, sizeof whole, "%s%s%s", path, has_slash ? "" : "/", entries[i]->d_name);
        if (is_file(whole)) source_add_file(t, whole);
        free(entries[i]);
    }
    if (count >= 0) free(entries);
    if (t->count > before) return;
    struct target *none = targets_add_new(t, TARGET_FILE, path);
    add_problem(none, path, count < 0 ? strerror(problem) : "the directory holds no file");
}

// One line, whatever the name of the file has in it.
static void add_problem(struct target *one, const char *path, const char *why) {
    out_add_clean(&one->problems, slice_of(path));
    text_printf(&one->problems, ": %s\n", why);
}

static void take(struct targets *t, struct target *one, const char *path, unsigned wanted,
                 struct slice content) {
    struct text shown;
    text_init(&shown, PATH_BYTES_MAX);
    out_add_clean(&shown, slice_of(path));
    struct load_conf conf = {.path = text_string(&shown),
                             .password = t->conf->password,
                             .wanted = wanted,
                             .decoded = t->decoded};
    struct bundle b;
    size_t failed = bundle_load(&b, content, &conf, &one->problems);
    bool is_empty = sk_X509_num(b.certificates) == 0 && (wanted & LOAD_CERTIFICATES);
    if (failed == 0 && (is_empty || (wanted == LOAD_KEYS && b.key_count == 0)))
        add_problem(one, path, is_empty ? "holds no certificate" : "holds no private key");
    text_fini(&shown);
    for (int i = 0; i < sk_X509_num(b.certificates); i++) {
        X509 *cert = sk_X509_value(b.certificates, i);
        X509_up_ref(cert);
        CHECK(sk_X509_push(one->sent, cert) > 0);
    }
    if (b.key_count > 0) { // of two files the later one has the key that counts
        EVP_PKEY_free(one->key);
        one->key = b.key;
        one->key_count = b.key_count;
        b.key = NULL;
    }
    bundle_fini(&b);
}

static int is_shown(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

static bool is_file(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}
