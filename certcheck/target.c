// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "certcheck/target_parts.h"

#include <netinet/in.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/check.h"

#define PROBLEMS_BYTES_MAX 16384
#define DEFAULT_TIMEOUT_MS 10000

static bool is_file_name(const char *word);
static void free_target(struct target *t);

struct targets *targets_new(const struct target_conf *conf) {
    struct targets *t = calloc(1, sizeof *t);
    CHECK(t);
    *t = (struct targets){.conf = conf, .files = files_new(), .decoded = decoded_new()};
    t->today = OSSL_PROVIDER_load(NULL, "default"); // the other one alone would take its place
    t->legacy = OSSL_PROVIDER_load(NULL, "legacy");
    ERR_clear_error();
    return t;
}

void targets_free(struct targets *t) {
    if (!t) return;
    for (size_t i = 0; i < t->count; i++) free_target(t->list[i]);
    free(t->list);
    issuers_free(t->issuers);
    files_free(t->files);
    decoded_free(t->decoded);
    if (t->legacy) OSSL_PROVIDER_unload(t->legacy);
    if (t->today) OSSL_PROVIDER_unload(t->today);
    free(t);
}

// What is there wins; a name that only a file can have is one that is missing.
void targets_add(struct targets *t, const char *word) {
    struct stat st;
    size_t first = t->count;
    bool is_there = stat(word, &st) == 0;
    if (strcmp(word, "-") == 0 || (is_there && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
        source_add_input(t, word);
    else if (is_there && S_ISDIR(st.st_mode))
        source_add_directory(t, word);
    else if (target_is_live(word))
        source_add_live(t, word);
    else
        source_add_file(t, word);
    if (t->conf->fetches_issuers) source_add_issuers(t, first);
}

bool target_is_live(const char *word) {
    struct stat st;
    return strcmp(word, "-") != 0 && !is_file_name(word) && stat(word, &st) != 0;
}

static bool is_file_name(const char *word) {
    static const char *const ends[] = {".pem",   ".crt", ".cer", ".cert", ".der", ".key",
                                       ".chain", ".p7b", ".p7c", ".p7s",  ".p12", ".pfx"};
    size_t len = strlen(word);
    if (strncmp(word, "https://", 8) == 0) return false;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t end = strlen(ends[i]);
        if (len > end && strcasecmp(word + len - end, ends[i]) == 0) return true;
    }
    return strchr(word, '/') != NULL || word[0] == '-';
}

size_t targets_count(const struct targets *t) {
    return t->count;
}

struct target *targets_at(const struct targets *t, size_t i) {
    CHECK(i < t->count);
    return t->list[i];
}

struct target *targets_add_new(struct targets *t, enum target_kind kind, const char *name) {
    if (t->count == TARGETS_MAX) {
        struct target *last = t->list[t->count - 1];
        text_printf(&last->problems, "%s: more than %d targets; check the rest apart\n", name,
                    TARGETS_MAX);
        return last;
    }
    if ((t->count & (t->count - 1)) == 0) {
        t->list = realloc(t->list, (t->count > 0 ? 2 * t->count : 1) * sizeof *t->list);
        CHECK(t->list);
    }
    struct target *one = calloc(1, sizeof *one);
    CHECK(one);
    *one = (struct target){.kind = kind,
                           .name = target_copy_string(name),
                           .sent = sk_X509_new_null(),
                           .extra = sk_X509_new_null()};
    CHECK(one->sent && one->extra);
    text_init(&one->problems, PROBLEMS_BYTES_MAX);
    one->is_for_web = t->conf->host != NULL;
    if (t->conf->host) target_add_host(one, t->conf->host);
    t->list[t->count++] = one;
    return one;
}

size_t target_normalise_host(struct slice name, char out[HOSTNAME_MAX + 1]) {
    char bracketed[INET6_ADDRSTRLEN + 3];
    bool is_bare_v6 =
        slice_find(name, ':') >= 0 && name.len < INET6_ADDRSTRLEN && name.at[0] != '[';
    if (!is_bare_v6) return hostname_normalise(name, out);
    snprintf(bracketed, sizeof bracketed, "[%.*s]", SLICE_ARGS(name));
    return hostname_normalise(slice_of(bracketed), out);
}

void target_add_host(struct target *t, const char *name) {
    char host[HOSTNAME_MAX + 1];
    if (target_normalise_host(slice_of(name), host) == 0) {
        text_printf(&t->problems, "%s: no host can have the name '%.200s'\n", t->name, name);
        return;
    }
    t->hosts = realloc(t->hosts, (t->host_count + 1) * sizeof *t->hosts);
    CHECK(t->hosts);
    t->hosts[t->host_count++] = target_copy_string(host);
}

unsigned targets_timeout_ms(const struct targets *t) {
    return t->conf->timeout_ms > 0 ? t->conf->timeout_ms : DEFAULT_TIMEOUT_MS;
}

static void free_target(struct target *t) {
    sk_X509_pop_free(t->sent, X509_free);
    sk_X509_pop_free(t->extra, X509_free);
    EVP_PKEY_free(t->key);
    for (size_t i = 0; i < t->host_count; i++) free(t->hosts[i]);
    free(t->hosts);
    text_fini(&t->problems);
    target_live_fini(&t->live);
    free(t->name);
    free(t);
}

void target_live_fini(struct target_live *live) {
    free(live->address);
    free(live->sni);
    free(live->starttls);
    free(live->tls_version);
    free(live->cipher);
    free(live->signature);
    free(live->probes);
    free(live->unasked);
    *live = (struct target_live){0};
}

char *target_copy_string(const char *s) {
    char *copy = strdup(s);
    CHECK(copy);
    return copy;
}
