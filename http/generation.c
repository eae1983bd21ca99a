// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "http/generation.h"

#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "http/certificates.h"

enum { PROBLEMS_MAX = 256 << 10 };

static bool build_tls(struct generation *g, const struct files *old, void *ticket_keys,
                      struct text *errors, struct text *problems);
static const struct listen_conf *tls_listener(const struct config *c);
static void build_clients(struct generation *g, const struct files *old, struct text *problems);
static struct tls_client *new_client(struct generation *g, const struct pool *p,
                                     const struct files *old, struct text *problems);
static struct tls_client *find_alike(const struct generation *g, size_t pool);
static bool speaks_tls(const struct pool *p);
static void free_generation(struct generation *g);

struct generation *generation_build(struct files *files, const char *path, unsigned number,
                                    const struct files *old, void *ticket_keys, struct text *errors,
                                    struct text *problems) {
    struct generation *g = calloc(1, sizeof *g);
    CHECK(g);
    *g = (struct generation){.number = number, .refs = 1, .files = files};
    g->config = config_load(files, path, errors);
    if (!g->config || !build_tls(g, old, ticket_keys, errors, problems)) {
        free_generation(g);
        return NULL;
    }
    build_clients(g, old, problems);
    return g;
}

struct generation *generation_ref(struct generation *g) {
    g->refs++;
    return g;
}

void generation_unref(struct generation *g) {
    if (!g) return;
    CHECK(g->refs > 0);
    if (--g->refs == 0) free_generation(g);
}

struct tls_client *generation_client(const struct generation *g, const struct pool *p) {
    for (size_t i = 0; i < g->config->pool_count; i++)
        if (g->config->pools[i] == p) return g->clients[i];
    return NULL;
}

// --- as a server ---

static bool build_tls(struct generation *g, const struct files *old, void *ticket_keys,
                      struct text *errors, struct text *problems) {
    if (!tls_listener(g->config)) return true;
    struct certificates named;
    struct text said;
    text_init(&said, PROBLEMS_MAX);
    certificates_init(&named, g->config, g->files, problems);
    struct tls_server_conf conf = certificates_conf(&named, ticket_keys);
    conf.logs_notes = !files_is_unpacked(g->files);
    if (old) certificates_keep_old(&named, g->files, old, problems);
    g->tls = tls_server_new(g->files, &conf, &said);
    if (g->tls && old && certificates_keep_gone(&named, g->files, old, g->tls, problems)) {
        tls_server_free(g->tls);
        text_clear(&said); // it was about what is there again
        g->tls = tls_server_new(g->files, &conf, &said);
    }
    const struct place *place = &tls_listener(g->config)->place;
    if (g->tls && tls_server_count(g->tls) == 0 && said.len == 0)
        text_printf(&said,
                    "%s:%d: listen: https has no certificate to offer; name their folder in tls { "
                    "certificates = ... }, or those of a site\n",
                    place->file, place->line);
    text_add(problems, text_slice(&said));
    text_fini(&said);
    certificates_fini(&named);
    if (!g->tls) {
        text_printf(errors, "%s: TLS could not be set up\n", g->config->path);
        return false;
    }
    return true;
}

static const struct listen_conf *tls_listener(const struct config *c) {
    for (size_t i = 0; i < c->listen_count; i++)
        if (c->listens[i].is_tls) return &c->listens[i];
    return c->admin.remote;
}

// --- as a client of backends ---

static void build_clients(struct generation *g, const struct files *old, struct text *problems) {
    size_t count = g->config->pool_count;
    g->clients = calloc(count ? count : 1, sizeof(struct tls_client *));
    CHECK(g->clients);
    for (size_t i = 0; i < count; i++) {
        const struct pool *p = g->config->pools[i];
        if (!speaks_tls(p)) continue;
        g->clients[i] = find_alike(g, i);
        if (!g->clients[i]) g->clients[i] = new_client(g, p, old, problems);
    }
}

// Authorities that went bad keep their old bytes, as certificates do. NULL: there are none, and the pool's backends are down.
static struct tls_client *new_client(struct generation *g, const struct pool *p,
                                     const struct files *old, struct text *problems) {
    char *label = label_new(&p->place, "pool", p->name);
    const char *ca = p->backend.tls_ca;
    struct tls_client_conf conf = {
        .ca_file = ca, .label = label, .verifies = p->backend.tls_verifies};
    struct slice content;
    struct tls_client *made = tls_client_new(g->files, &conf, problems);
    if (!made && old && ca && files_peek(old, ca, &content) && content.len > 0) {
        files_replace(g->files, ca, content);
        made = tls_client_new(g->files, &conf, problems);
        if (made)
            text_printf(problems, "%s%s: those that were loaded before are kept\n", label, ca);
    }
    free(label);
    return made;
}

static bool is_same(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

// Pools that verify in the same way share one: it holds a whole store of CA certificates.
static struct tls_client *find_alike(const struct generation *g, size_t pool) {
    const struct backend_conf *want = &g->config->pools[pool]->backend;
    for (size_t i = 0; i < pool; i++) {
        const struct backend_conf *b = &g->config->pools[i]->backend;
        if (g->clients[i] && b->tls_verifies == want->tls_verifies &&
            is_same(b->tls_ca, want->tls_ca))
            return g->clients[i];
    }
    return NULL;
}

static bool speaks_tls(const struct pool *p) {
    for (size_t i = 0; i < p->configured_count; i++)
        if (p->configured[i].is_tls) return true;
    return p->is_live; // who knows what will come
}

// --- the end ---

static void free_clients(struct generation *g) {
    if (!g->clients) return;
    for (size_t i = 0; i < g->config->pool_count; i++) {
        struct tls_client *mine = g->clients[i];
        if (!mine) continue;
        for (size_t k = i; k < g->config->pool_count; k++)
            if (g->clients[k] == mine) g->clients[k] = NULL;
        tls_client_free(mine);
    }
    free(g->clients);
}

static void free_generation(struct generation *g) {
    free_clients(g);
    if (g->tls) tls_server_free(g->tls);
    config_free(g->config);
    files_free(g->files);
    free(g);
}
