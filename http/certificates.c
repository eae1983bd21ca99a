// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "http/certificates.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"

enum { PROBLEM_MAX = 4096 };

static void keep_old(struct files *files, const struct files *old,
                     const struct tls_identity_conf *identity, struct text *problems);
static void keep_old_rules(struct files *files, const struct files *old,
                           const struct tls_client_rules *rules, struct text *problems);
static bool were_good(const struct files *old, const struct tls_client_rules *rules);
static void list_rules(struct certificates *c);
static char *label_of_rules(const struct config *config, size_t number);
static size_t rules_of(const void *config, struct slice name);
static bool was_good(const struct files *old, const struct tls_identity_conf *identity);
static void restore(struct files *files, const struct files *old, const char *path);
static bool has_path(const char *const *paths, size_t count, const char *path);
static const struct site *site_without(const struct certificates *c, const struct files *old,
                                       const char *path, const struct tls_server *server);

void certificates_init(struct certificates *c, const struct config *config, struct files *files,
                       struct text *problems) {
    const char *chain_dir = config->tls.chain_dir;
    size_t count = 0;
    for (size_t i = 0; i < config->site_count; i++) count += config->sites[i]->tls_count;
    *c = (struct certificates){.config = config};
    c->label = label_new(&config->tls.place, "tls", NULL);
    if (chain_dir) c->chains = tls_chains_new(files, chain_dir, c->label, problems);
    c->at = calloc(count ? count : 1, sizeof *c->at);
    CHECK(c->at);
    for (size_t i = 0; i < config->site_count; i++) {
        const struct site *site = config->sites[i];
        for (size_t k = 0; k < site->tls_count; k++)
            c->at[c->count++] = (struct tls_identity_conf){
                .cert = site->tls[k].cert,
                .key = site->tls[k].key,
                .site = site->name,
                .label = label_new(&site->tls[k].place, "site", site->name),
                .chains = c->chains,
                .allows_weak = site->tls[k].weak == WEAK_WARN,
            };
    }
    list_rules(c);
}

void certificates_fini(struct certificates *c) {
    tls_chains_free(c->chains);
    for (size_t i = 0; i < c->count; i++) free((char *)c->at[i].label);
    free(c->label);
    free(c->at);
    for (size_t i = 0; i < c->config->client_rules_count; i++)
        free((char *)c->client_rules[i].label);
    free(c->client_rules);
    *c = (struct certificates){0};
}

char *label_new(const struct place *place, const char *word, const char *name) {
    if (!place->file) return NULL; // not declared
    struct text label;
    text_init(&label, PROBLEM_MAX);
    text_printf(&label, "%s:%d: %s", place->file, place->line, word);
    if (name) text_printf(&label, " \"%s\"", name);
    text_add(&label, SLICE(": "));
    char *copy = strdup(text_string(&label));
    CHECK(copy);
    text_fini(&label);
    return copy;
}

struct tls_server_conf certificates_conf(const struct certificates *c, void *ticket_keys) {
    const struct tls_conf *tls = &c->config->tls;
    return (struct tls_server_conf){.chains = c->chains,
                                    .certificates = tls->certificates,
                                    .label = c->label,
                                    .identities = c->at,
                                    .identity_count = c->count,
                                    .profile = tls->profile,
                                    .strict_sni = tls->strict_sni,
                                    .default_name = tls->default_name,
                                    .has_tickets = tls->has_tickets,
                                    .ticket_keys = ticket_keys,
                                    .client_rules = c->client_rules,
                                    .client_rules_count = c->config->client_rules_count,
                                    .rules_of = rules_of,
                                    .rules_arg = c->config};
}

static void list_rules(struct certificates *c) {
    const struct config *config = c->config;
    c->client_rules = calloc(config->client_rules_count, sizeof *c->client_rules);
    CHECK(c->client_rules);
    for (size_t i = 0; i < config->client_rules_count; i++) {
        const struct client_rules *r = &config->client_rules[i];
        c->client_rules[i] = (struct tls_client_rules){.asks = (enum tls_client_asks)r->asks,
                                                       .ca_file = r->ca,
                                                       .crl_file = r->crl,
                                                       .intermediates_max = r->depth,
                                                       .label = label_of_rules(config, i)};
    }
}

// Of the site that they were found in first.
static char *label_of_rules(const struct config *config, size_t number) {
    for (size_t i = 0; number > 0 && i < config->site_count; i++) {
        const struct site *site = config->sites[i];
        if (site->clients == &config->client_rules[number])
            return label_new(&site->clients->place, "site", site->name);
    }
    return label_new(&config->tls.place, "tls", NULL);
}

static size_t rules_of(const void *config, struct slice name) {
    return config_client_rules(config, name);
}

void certificates_keep_old(const struct certificates *c, struct files *files,
                           const struct files *old, struct text *problems) {
    for (size_t i = 0; i < c->count; i++) keep_old(files, old, &c->at[i], problems);
    for (size_t i = 0; i < c->config->client_rules_count; i++)
        keep_old_rules(files, old, &c->client_rules[i], problems);
    const char *directory = c->config->tls.certificates;
    if (!directory) return;
    char pattern[PATH_MAX];
    tls_directory_pattern(directory, pattern, sizeof pattern);
    const char *const *paths;
    size_t count = files_glob(files, pattern, &paths);
    for (size_t i = 0; i < count; i++)
        keep_old(
            files, old,
            &(struct tls_identity_conf){.cert = paths[i], .chains = c->chains, .label = c->label},
            problems);
}

static void keep_old(struct files *files, const struct files *old,
                     const struct tls_identity_conf *identity, struct text *problems) {
    struct text why;
    text_init(&why, PROBLEM_MAX);
    if (!tls_identity_check(files, identity, &why) && was_good(old, identity)) {
        restore(files, old, identity->cert);
        if (identity->key) restore(files, old, identity->key);
        text_add(problems, text_slice(&why));
        text_printf(problems, "%s%s: the certificate that was loaded before is kept\n",
                    identity->label ? identity->label : "", identity->cert);
    }
    text_fini(&why);
}

// Asked in a set of its own: `old` stays as it is, and what it does not have is not read from disk.
static bool was_good(const struct files *old, const struct tls_identity_conf *identity) {
    struct slice content;
    if (!files_peek(old, identity->cert, &content)) return false;
    if (identity->key && !files_peek(old, identity->key, &content)) return false;
    struct files *scratch = files_new();
    struct text unused;
    text_init(&unused, PROBLEM_MAX);
    restore(scratch, old, identity->cert);
    if (identity->key) restore(scratch, old, identity->key);
    bool good = tls_identity_check(scratch, identity, &unused);
    text_fini(&unused);
    files_free(scratch);
    return good;
}

// Authorities and revocations as a pair as well: a list that does not fit its authorities would let nobody in.
static void keep_old_rules(struct files *files, const struct files *old,
                           const struct tls_client_rules *rules, struct text *problems) {
    struct text why;
    text_init(&why, PROBLEM_MAX);
    if (!tls_client_rules_check(files, rules, &why) && were_good(old, rules)) {
        restore(files, old, rules->ca_file);
        if (rules->crl_file) restore(files, old, rules->crl_file);
        text_add(problems, text_slice(&why));
        text_printf(problems, "%s%s: what was loaded before is kept\n", rules->label,
                    rules->ca_file);
    }
    text_fini(&why);
}

static bool were_good(const struct files *old, const struct tls_client_rules *rules) {
    struct slice content;
    if (!files_peek(old, rules->ca_file, &content)) return false;
    if (rules->crl_file && !files_peek(old, rules->crl_file, &content)) return false;
    struct files *scratch = files_new();
    struct text unused;
    text_init(&unused, PROBLEM_MAX);
    restore(scratch, old, rules->ca_file);
    if (rules->crl_file) restore(scratch, old, rules->crl_file);
    bool good = tls_client_rules_check(scratch, rules, &unused);
    text_fini(&unused);
    files_free(scratch);
    return good;
}

static void restore(struct files *files, const struct files *old, const char *path) {
    struct slice content;
    CHECK(files_peek(old, path, &content));
    files_replace(files, path, content);
}

// --- files that have gone ---

bool certificates_keep_gone(const struct certificates *c, struct files *files,
                            const struct files *old, const struct tls_server *server,
                            struct text *problems) {
    if (!c->config->tls.certificates) return false;
    char pattern[PATH_MAX];
    tls_directory_pattern(c->config->tls.certificates, pattern, sizeof pattern);
    const char *const *paths, *const *there;
    size_t count = files_peek_glob(old, pattern, &paths);
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        size_t there_count = files_glob(files, pattern, &there);
        if (has_path(there, there_count, paths[i])) continue;
        const struct site *site = site_without(c, old, paths[i], server);
        if (!site) continue;
        restore(files, old, paths[i]);
        files_add_match(files, pattern, paths[i]);
        text_printf(problems,
                    "%s%s: has gone, but site \"%s\" has no other certificate; the one that was "
                    "loaded before is kept\n",
                    c->label ? c->label : "", paths[i], site->name);
        any = true;
    }
    return any;
}

static bool has_path(const char *const *paths, size_t count, const char *path) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(paths[i], path) == 0) return true;
    return false;
}

// A site that this old file has a certificate for and that `server` has none for. NULL: none.
static const struct site *site_without(const struct certificates *c, const struct files *old,
                                       const char *path, const struct tls_server *server) {
    const struct config *config = c->config;
    struct tls_identity_conf identity = {.cert = path, .chains = c->chains};
    if (!was_good(old, &identity)) return NULL;
    struct files *scratch = files_new();
    struct text unused;
    text_init(&unused, PROBLEM_MAX);
    restore(scratch, old, path);
    struct tls_server_conf conf = {.identities = &identity, .identity_count = 1};
    struct tls_server *alone = tls_server_new(scratch, &conf, &unused);
    const struct site *found = NULL;
    for (size_t i = 0; alone && !found && i < config->site_count; i++) {
        struct slice name = slice_of(config->sites[i]->name);
        if (tls_server_has_name(alone, name) && !tls_server_has_name(server, name))
            found = config->sites[i];
    }
    tls_server_free(alone);
    text_fini(&unused);
    files_free(scratch);
    return found;
}
