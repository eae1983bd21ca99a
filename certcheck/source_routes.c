// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <stdio.h>
#include <stdlib.h>

#include "certcheck/target_parts.h"
#include "core/check.h"
#include "routing/config.h"
#include "tls/certificate.h"
#include "tls/chain/load.h"
#include "tls/chains.h"

// Every certificate of a route file, as rsp would come to serve or to trust it.

#define ERRORS_BYTES_MAX 65536
#define PATH_BYTES_MAX   4096

// A route file while its certificates are collected.
struct routes {
    struct targets *targets;
    size_t first; // its targets begin there
    const struct config *config;
    const struct tls_chains *chains;
};

static void add_sites(const struct routes *r);
static void add_directory(const struct routes *r);
static bool is_of_site(const struct config *c, const char *path);
static void add_sites_named_in(const struct routes *r, struct target *one);
static void add_trusted(const struct routes *r);
static void add_trust(const struct routes *r, const char *path);
static struct target *add(const struct routes *r, const char *cert, const char *key);
static void add_site_host(struct target *one, const char *site);
static void add_extra(const struct routes *r, struct target *one);

void targets_add_routes(struct targets *t, const char *path) {
    struct text errors;
    text_init(&errors, ERRORS_BYTES_MAX);
    size_t first = t->count;
    struct config *config = config_load(t->files, path, &errors);
    struct tls_chains *chains = NULL;
    if (config && config->tls.chain_dir)
        chains = tls_chains_new(t->files, config->tls.chain_dir, NULL, &errors);
    struct routes r = {.targets = t, .first = first, .config = config, .chains = chains};
    if (config) {
        add_sites(&r);
        add_directory(&r);
        add_trusted(&r);
    }
    if (config && t->count == first) text_printf(&errors, "%s: names no certificate\n", path);
    if (errors.len > 0)
        text_add(&targets_add_new(t, TARGET_SITE, path)->problems, text_slice(&errors));
    if (t->conf->fetches_issuers) source_add_issuers(t, first);
    tls_chains_free(chains);
    config_free(config);
    text_fini(&errors);
}

static void add_sites(const struct routes *r) {
    for (size_t i = 0; i < r->config->site_count; i++) {
        const struct site *site = r->config->sites[i];
        for (size_t k = 0; k < site->tls_count; k++) {
            struct target *one = add(r, site->tls[k].cert, site->tls[k].key);
            if (!r->targets->conf->host) add_site_host(one, site->name);
        }
    }
}

static void add_directory(const struct routes *r) {
    const char *directory = r->config->tls.certificates;
    char pattern[PATH_BYTES_MAX];
    const char *const *paths;
    if (!directory || !*directory) return;
    tls_directory_pattern(directory, pattern, sizeof pattern);
    size_t count = files_glob(r->targets->files, pattern, &paths);
    for (size_t i = 0; i < count; i++) {
        if (is_of_site(r->config, paths[i])) continue;
        struct target *one = add(r, paths[i], NULL);
        if (!r->targets->conf->host) add_sites_named_in(r, one);
    }
}

static bool is_of_site(const struct config *c, const char *path) {
    for (size_t i = 0; i < c->site_count; i++)
        for (size_t k = 0; k < c->sites[i]->tls_count; k++)
            if (strcmp(c->sites[i]->tls[k].cert, path) == 0) return true;
    return false;
}

// While the names of one certificate are gone through.
struct naming {
    const struct routes *routes;
    struct target *one;
};

// rsp picks by the name asked for: of these sites it is the certificate.
static void on_name(void *arg, struct slice name) {
    struct naming *n = arg;
    const struct config *c = n->routes->config;
    for (size_t i = 0; i < c->site_count; i++) {
        const struct site *site = c->sites[i];
        struct slice asked = slice_of(site->name);
        struct slice above = slice_of(strchr(site->name, '.'));
        bool is_wild =
            slice_starts_with(name, SLICE("*.")) && slice_equals(slice_skip(name, 1), above);
        if (site->tls_count == 0 && (slice_equals(name, asked) || is_wild))
            add_site_host(n->one, site->name);
    }
}

static void add_sites_named_in(const struct routes *r, struct target *one) {
    struct naming n = {.routes = r, .one = one};
    if (sk_X509_num(one->sent) > 0) certificate_each_name(sk_X509_value(one->sent, 0), on_name, &n);
}

// Whom pools and sites believe; one file may serve many of them.
static void add_trusted(const struct routes *r) {
    const struct config *c = r->config;
    for (size_t i = 0; i < c->pool_count; i++) add_trust(r, c->pools[i]->backend.tls_ca);
    for (size_t i = 0; i < c->client_rules_count; i++) add_trust(r, c->client_rules[i].ca);
}

static void add_trust(const struct routes *r, const char *path) {
    if (!path) return;
    for (size_t i = r->first; i < r->targets->count; i++) {
        const struct target *other = r->targets->list[i];
        if (other->kind == TARGET_TRUSTED && strcmp(other->name, path) == 0) return;
    }
    struct target *one = targets_add_new(r->targets, TARGET_TRUSTED, path);
    source_read(r->targets, one, path, LOAD_CERTIFICATES);
}

static struct target *add(const struct routes *r, const char *cert, const char *key) {
    struct target *one = targets_add_new(r->targets, TARGET_SITE, cert);
    source_read(r->targets, one, cert, LOAD_CERTIFICATES | LOAD_KEYS);
    if (key) source_read(r->targets, one, key, LOAD_KEYS);
    add_extra(r, one);
    return one;
}

// "*" is for nobody in particular; a wildcard must hold for any name below.
static void add_site_host(struct target *one, const char *site) {
    char name[300];
    if (strcmp(site, "*") == 0) return;
    snprintf(name, sizeof name, "%s%s", site[0] == '*' ? "any" : "",
             site[0] == '*' ? site + 1 : site);
    for (size_t i = 0; i < one->host_count; i++)
        if (strcmp(one->hosts[i], name) == 0) return;
    target_add_host(one, name);
}

static void add_extra(const struct routes *r, struct target *one) {
    if (!r->chains) return;
    STACK_OF(X509) *pool = X509_chain_up_ref(one->sent);
    CHECK(pool);
    int sent = sk_X509_num(pool);
    chains_complete(r->chains, pool);
    for (int i = sent; i < sk_X509_num(pool); i++) {
        X509_up_ref(sk_X509_value(pool, i));
        CHECK(sk_X509_push(one->extra, sk_X509_value(pool, i)) > 0);
    }
    sk_X509_pop_free(pool, X509_free);
}
