// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/check.h"
#include "routing/loader.h"
#include "routing/site.h"

// What is asked of clients' certificates: of `tls`, and of the sites that say something else.

enum { RULES_MAX = 1000 };

static void resolve(struct loader *l, struct client_rules *r, const char *site);
static void complete(struct client_rules *r, const struct client_rules *general);
static const struct client_rules *unique(struct loader *l, const struct client_rules *r);
static bool is_alike(const struct client_rules *a, const struct client_rules *b);
static bool is_same(const char *a, const char *b);

void loader_finish_client_rules(struct loader *l) {
    struct config *c = l->config;
    c->client_rules = arena_zalloc(l->arena, RULES_MAX * sizeof *c->client_rules);
    c->client_rules_count = 1;
    c->client_rules[0] = c->tls.clients;
    c->client_rules[0].place = c->tls.place;
    resolve(l, &c->client_rules[0], NULL);
    c->tls.clients = c->client_rules[0];
    for (size_t i = 0; i < c->site_count; i++) {
        struct site *site = c->sites[i];
        struct client_rules own = site->clients ? *site->clients : c->client_rules[0];
        if (site->clients) {
            complete(&own, &c->client_rules[0]);
            resolve(l, &own, site->name);
        }
        site->clients = unique(l, &own);
    }
}

size_t config_client_rules(const struct config *c, struct slice host) {
    const struct site *site = host_table_find(c->router->hosts, host);
    return site ? (size_t)(site->clients - c->client_rules) : 0;
}

// A list of revoked certificates belongs to its authorities: who names others does not inherit it.
static void complete(struct client_rules *r, const struct client_rules *general) {
    if (!r->asks_word) r->asks_word = general->asks_word;
    if (r->depth == CLIENT_DEPTH_UNSET) r->depth = general->depth;
    if (is_same(r->asks_word, "none")) return;
    if (!r->ca && !r->crl) r->crl = general->crl;
    if (!r->ca) r->ca = general->ca;
}

static void resolve(struct loader *l, struct client_rules *r, const char *site) {
    static const char *const words[] = {"none", "request", "require"};
    struct conf_spot declaration = {
        .file = r->place.file, .line = r->place.line, .word = site ? "site" : "tls", .name = site};
    for (int i = 0; i < 3; i++)
        if (is_same(r->asks_word, words[i])) r->asks = (enum client_asks)i;
    if (r->asks == ASKS_NOTHING && (r->ca || r->crl))
        conf_error(l->conf, &declaration,
                   "client_ca and client_crl need client = \"require\" or \"request\" beside them");
    if (r->asks != ASKS_NOTHING && !r->ca)
        conf_error(l->conf, &declaration,
                   "client = \"%s\" needs client_ca = \"FILE\", the authorities of the clients",
                   r->asks_word);
}

static const struct client_rules *unique(struct loader *l, const struct client_rules *r) {
    struct config *c = l->config;
    for (size_t i = 0; i < c->client_rules_count; i++)
        if (is_alike(&c->client_rules[i], r)) return &c->client_rules[i];
    if (c->client_rules_count == RULES_MAX) {
        struct conf_spot spot = {.file = r->place.file, .line = r->place.line, .word = "site"};
        conf_error(l->conf, &spot, "is the one with more than %d different rules for clients",
                   RULES_MAX);
        return &c->client_rules[0];
    }
    c->client_rules[c->client_rules_count] = *r;
    return &c->client_rules[c->client_rules_count++];
}

static bool is_alike(const struct client_rules *a, const struct client_rules *b) {
    if (a->asks != b->asks) return false;
    if (a->asks == ASKS_NOTHING) return true;
    return a->depth == b->depth && is_same(a->ca, b->ca) && is_same(a->crl, b->crl);
}

static bool is_same(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}
