// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/chains.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/check.h"
#include "tls/chain/load.h"

#define PATH_BYTES_MAX     4096
#define PROBLEMS_BYTES_MAX 16000
#define CHAINS_MAX         2000 // certificates: each is held by each process

struct tls_chains {
    STACK_OF(X509) * certs;
    const char **paths; // of each; the set of files has them
};

static const char *const endings[] = {"pem", "crt", "cer", "der", "p7b", "p7c"};

static void load_file(struct tls_chains *c, struct files *files, const char *path,
                      struct text *problems);
static void add(struct tls_chains *c, X509 *cert, const char *path);
static bool has(const STACK_OF(X509) * certs, const X509 *cert);

struct tls_chains *tls_chains_new(struct files *files, const char *directory, const char *label,
                                  struct text *problems) {
    struct text said;
    text_init(&said, PROBLEMS_BYTES_MAX);
    struct tls_chains *c = calloc(1, sizeof *c);
    char pattern[PATH_BYTES_MAX];
    bool has_slash = *directory && directory[strlen(directory) - 1] == '/';
    size_t found = 0;
    CHECK(c && (c->certs = sk_X509_new_null()));
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        const char *const *paths = NULL;
        snprintf(pattern, sizeof pattern, "%s%s*.%s", directory, has_slash ? "" : "/", endings[i]);
        size_t count = files_glob(files, pattern, &paths);
        for (size_t k = 0; k < count; k++) load_file(c, files, paths[k], &said);
        found += count;
    }
    if (found == 0)
        text_printf(&said,
                    "%s: no file with intermediate certificates in it (*.pem, *.crt, *.cer, "
                    "*.der, *.p7b, *.p7c); put them there or leave chain_dir out\n",
                    directory);
    text_add_lines(problems, label, text_slice(&said));
    text_fini(&said);
    return c;
}

void tls_chains_free(struct tls_chains *c) {
    if (!c) return;
    sk_X509_pop_free(c->certs, X509_free);
    free(c->paths);
    free(c);
}

void chains_complete(const struct tls_chains *c, STACK_OF(X509) * pool) {
    int max = sk_X509_num(pool) + CHAINS_ADDED_MAX;
    for (int i = 0; c && i < sk_X509_num(pool); i++) { // it grows meanwhile
        const X509_NAME *issuer = X509_get_issuer_name(sk_X509_value(pool, i));
        for (int k = 0; k < sk_X509_num(c->certs) && sk_X509_num(pool) < max; k++) {
            X509 *candidate = sk_X509_value(c->certs, k);
            if (X509_NAME_cmp(X509_get_subject_name(candidate), issuer) != 0) continue;
            if (has(pool, candidate)) continue;
            X509_up_ref(candidate);
            CHECK(sk_X509_push(pool, candidate) > 0);
        }
    }
}

const char *chains_path_of(const struct tls_chains *c, const X509 *cert) {
    for (int i = 0; c && i < sk_X509_num(c->certs); i++)
        if (X509_cmp(sk_X509_value(c->certs, i), cert) == 0) return c->paths[i];
    return NULL;
}

static void load_file(struct tls_chains *c, struct files *files, const char *path,
                      struct text *problems) {
    STACK_OF(X509) * certs;
    struct slice content;
    char why[300];
    if (!files_read(files, path, &content, why, sizeof why)) {
        text_printf(problems, "%s\n", why);
        return;
    }
    load_certificates(content, path, &certs, problems);
    int count = sk_X509_num(certs), room = CHAINS_MAX - sk_X509_num(c->certs);
    if (count > room)
        text_printf(problems,
                    "%s: chain_dir holds more than %d certificates; the rest is left out\n", path,
                    CHAINS_MAX);
    for (int i = 0; i < count && i < room; i++) add(c, sk_X509_value(certs, i), path);
    sk_X509_pop_free(certs, X509_free);
}

static void add(struct tls_chains *c, X509 *cert, const char *path) {
    size_t count = (size_t)sk_X509_num(c->certs);
    if (has(c->certs, cert)) return;
    X509_up_ref(cert);
    CHECK(sk_X509_push(c->certs, cert) > 0);
    c->paths = realloc(c->paths, (count + 1) * sizeof *c->paths);
    CHECK(c->paths);
    c->paths[count] = path;
}

static bool has(const STACK_OF(X509) * certs, const X509 *cert) {
    for (int i = 0; i < sk_X509_num(certs); i++)
        if (X509_cmp(sk_X509_value(certs, i), cert) == 0) return true;
    return false;
}
