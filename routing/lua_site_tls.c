// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <lauxlib.h>
#include <lua.h>

#include "routing/loader.h"
#include "routing/settings.h"

// `tls` of a site: { cert = ..., key = ... } or a list of these, and what it says of its clients' certificates.

static bool read_certificate(struct loader *l, lua_State *L, const struct conf_spot *at,
                             const struct conf_table *t, struct site_tls *out);
static bool says_something(const struct client_rules *r);
static const struct client_rules *keep_rules(struct loader *l, const struct conf_spot *at,
                                             const struct client_rules *said);

void site_read_tls(struct loader *l, lua_State *L, const struct conf_spot *at, struct site *site) {
    struct conf_spot spot = {.up = at, .key = "tls"};
    size_t count = lua_type(L, -1) == LUA_TTABLE ? lua_rawlen(L, -1) : 0;
    site->tls = arena_zalloc(l->arena, (count + 1) * sizeof *site->tls);
    struct site_tls whole = {.place = {at->file, conf_line(l->conf, &spot)}};
    conf_set_defaults(&SITE_TLS_SETTINGS, &whole);
    if (count == 0) {
        if (!read_certificate(l, L, &spot, &SITE_TLS_SETTINGS, &whole)) return;
        bool has_certificate = whole.cert || whole.key;
        if (!whole.cert && (has_certificate || !says_something(&whole.clients)))
            conf_error(l->conf, &spot, "needs cert = \"FILE\"");
        if (has_certificate) site->tls[site->tls_count++] = whole;
    } else {
        conf_read(l->conf, L, -1, &spot, &SITE_CLIENT_SETTINGS, &whole);
    }
    for (size_t i = 0; i < count; i++) {
        struct conf_spot item = {.up = &spot, .item = (int)i + 1};
        struct site_tls *tls = &site->tls[site->tls_count++];
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        if (read_certificate(l, L, &item, &SITE_CERT_SETTINGS, tls) && !tls->cert)
            conf_error(l->conf, &item, "needs cert = \"FILE\"");
        lua_pop(L, 1);
    }
    if (says_something(&whole.clients)) site->clients = keep_rules(l, &spot, &whole.clients);
}

static bool read_certificate(struct loader *l, lua_State *L, const struct conf_spot *at,
                             const struct conf_table *t, struct site_tls *out) {
    bool is_good = conf_read(l->conf, L, -1, at, t, out);
    const struct conf_spot *root = at;
    while (root->up) root = root->up;
    out->place = (struct place){root->file, conf_line(l->conf, at)};
    if (out->cert) out->cert = loader_beside(l, out->cert);
    if (out->key) out->key = loader_beside(l, out->key);
    return is_good;
}

static bool says_something(const struct client_rules *r) {
    return r->asks_word || r->ca || r->crl || r->depth != CLIENT_DEPTH_UNSET;
}

static const struct client_rules *keep_rules(struct loader *l, const struct conf_spot *at,
                                             const struct client_rules *said) {
    struct client_rules *kept = arena_alloc(l->arena, sizeof *kept);
    *kept = *said;
    kept->place = (struct place){at->up->file, conf_line(l->conf, at)};
    if (kept->ca) kept->ca = loader_beside(l, kept->ca);
    if (kept->crl) kept->crl = loader_beside(l, kept->crl);
    return kept;
}
