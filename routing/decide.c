// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "routing/decide.h"

#include "core/hostname.h"
#include "routing/balance.h"
#include "routing/lua_route.h"
#include "routing/path.h"
#include "routing/site.h"
#include "routing/template.h"

static struct rule *find_rule(struct site *site, const struct route_request *r, struct arena *a,
                              struct captures *captures, struct route_answer *out);
static void read_sticky(const struct route_request *r, struct route_answer *out);
static void answer_redirect(const struct rule *rule, const struct route_request *r,
                            const struct captures *captures, struct arena *a,
                            struct route_answer *out);
static void answer_respond(const struct rule *rule, struct route_answer *out);
static void refuse(struct route_answer *out, enum refused why);

enum progress route_decide(const struct config *c, const struct route_request *r, struct arena *a,
                           struct route_answer *out) {
    *out = (struct route_answer){.kind = ANSWER_REFUSED, .policy = &DEFAULT_POLICY};
    struct site *site = host_table_find(c->router->hosts, r->host);
    if (!site) {
        refuse(out, REFUSED_NO_SITE);
        return READY;
    }
    out->site = site;
    out->policy = site->rule->policy;
    struct captures captures = {.count = 0};
    struct rule *rule = find_rule(site, r, a, &captures, out);
    if (!rule) return READY;
    out->policy = rule->policy;
    if (!access_allows(rule->access, r->client)) {
        refuse(out, REFUSED_DENIED);
        return READY;
    }
    switch (rule->action) {
    case ACTION_POOL:
        answer_set_pool_by(out, rule->pool, rule->key ? rule->key : rule->pool->key,
                           &(struct lua_request){r, &captures, a});
        break;
    case ACTION_REDIRECT: answer_redirect(rule, r, &captures, a, out); break;
    case ACTION_RESPOND: answer_respond(rule, out); break;
    case ACTION_ROUTE: lua_route(c, rule, r, &captures, a, out); break;
    case ACTION_PATHS:
    case ACTION_NONE: refuse(out, REFUSED_NO_PATH); break;
    }
    if (out->kind == ANSWER_POOL && out->pool->sticky.cookie) read_sticky(r, out);
    return READY;
}

void answer_set_pool(struct route_answer *out, struct pool *pool, struct slice key,
                     struct arena *a) {
    out->kind = ANSWER_POOL;
    out->pool = pool;
    if (!key.at) return;
    if (pool->key_is_host) {
        char *name = arena_alloc(a, HOSTNAME_MAX + 1);
        key = (struct slice){name, hostname_normalise(key, name)};
        if (key.len == 0) {
            refuse(out, REFUSED_BAD_KEY);
            return;
        }
    }
    out->key = key;
    out->key_hash = balance_key_hash(key);
}

// A pool of host names decodes by itself, so captures go to it as they came.
void answer_set_pool_by(struct route_answer *out, struct pool *pool,
                        const struct key_template *template, const struct lua_request *r) {
    struct slice key = {NULL, 0};
    if (pool->balance == BALANCE_HASH && template_is_host(template)) {
        // The request's host is normalised already.
        out->kind = ANSWER_POOL;
        out->pool = pool;
        if (r->request->host.len == 0) return;
        out->key = r->request->host;
        out->key_hash = balance_key_hash(out->key);
        return;
    }
    if (pool->balance == BALANCE_HASH &&
        !template_key(template, r->request, r->captures, pool->key_is_host, r->arena, &key)) {
        refuse(out, REFUSED_BAD_KEY);
        return;
    }
    answer_set_pool(out, pool, key, r->arena);
}

static struct rule *find_rule(struct site *site, const struct route_request *r, struct arena *a,
                              struct captures *captures, struct route_answer *out) {
    struct rule *rule = site->rule;
    if (rule->action != ACTION_PATHS) return rule;
    enum path_match match = path_tree_find(rule->paths, a, r->path, &rule, captures);
    if (match == PATH_FOUND) return rule;
    refuse(out, match == PATH_NONE ? REFUSED_NO_PATH : REFUSED_BAD_PATH);
    return NULL;
}

static void read_sticky(const struct route_request *r, struct route_answer *out) {
    struct slice value;
    if (out->fixed.at) return;
    if (request_cookie(r, slice_of(out->pool->sticky.cookie), 0, &value))
        out->clings_to = sticky_parse(value);
}

static void answer_redirect(const struct rule *rule, const struct route_request *r,
                            const struct captures *captures, struct arena *a,
                            struct route_answer *out) {
    out->kind = ANSWER_REDIRECT;
    out->status = rule->redirect->status;
    out->location = template_location(rule->redirect->location, r, captures, a);
}

static void answer_respond(const struct rule *rule, struct route_answer *out) {
    const struct respond *respond = rule->respond;
    out->kind = ANSWER_RESPOND;
    out->status = respond->status;
    out->body = respond->body;
    out->fields = respond->fields;
    out->field_count = respond->field_count;
}

static void refuse(struct route_answer *out, enum refused why) {
    out->kind = ANSWER_REFUSED;
    out->refused = why;
}
