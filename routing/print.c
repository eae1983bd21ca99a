// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "routing/path.h"
#include "routing/settings.h"
#include "routing/site.h"
#include "routing/template.h"

// rsp -T: what was loaded, with every default, as a route file (functions as comments).

enum { PART_MAX = 64 << 10 };

static void print_listen(const struct listen_conf *l, struct text *out);
static bool is_address_pool(const struct pool *p);
static void print_part(const struct conf_table *t, const void *from, bool all, const char *before,
                       const char *after, struct text *out);
static void print_health(const struct pool *p, struct text *out);
static void print_statuses(const struct statuses *s, struct text *out);
static void print_members(const struct pool *p, struct text *out);
static void print_member(const struct member_conf *m, struct text *out);
static void print_site(const struct site *site, struct text *out);
static void print_rule(const struct rule *rule, const char *indent, struct text *out);
static void print_action(const struct rule *rule, struct text *out);
static void print_to(const struct rule *rule, struct text *out);
static void print_respond(const char *name, const struct respond *respond, struct text *out);
static void print_table(const char *name, const struct conf_table *t, const void *from,
                        struct text *out);

void config_print(const struct config *c, struct text *out) {
    for (size_t i = 0; i < GLOBAL_SETTINGS.count; i++) {
        struct conf_table one = {.fields = &GLOBAL_SETTINGS.fields[i], .count = 1};
        print_part(&one, c, true, "", "\n", out);
    }
    for (size_t i = 0; i < c->listen_count; i++) print_listen(&c->listens[i], out);
    print_table("tls", &TLS_SETTINGS, &c->tls, out);
    print_table("log", &LOG_SETTINGS, &c->log, out);
    print_table("admin", &ADMIN_SETTINGS, &c->admin, out);
    struct cluster_conf cluster = c->cluster;
    if (cluster.password) cluster.password = "(not shown)";
    if (cluster.redis) print_table("cluster", &CLUSTER_SETTINGS, &cluster, out);
    for (size_t i = 0; i < c->pool_count; i++)
        if (!is_address_pool(c->pools[i])) config_print_pool(c->pools[i], true, out);
    for (size_t i = 0; i < c->site_count; i++) print_site(c->sites[i], out);
}

static void print_table(const char *name, const struct conf_table *t, const void *from,
                        struct text *out) {
    text_printf(out, "%s { ", name);
    conf_print(t, from, true, out);
    text_add(out, SLICE(" }\n"));
}

static void print_listen(const struct listen_conf *l, struct text *out) {
    text_printf(out, "listen { %s = ", l->is_tls ? "https" : "http");
    conf_print_string(out, slice_of(l->text));
    text_add(out, SLICE(", "));
    conf_print(&LISTEN_SETTINGS, l, true, out);
    if (l->address.any.sa_family == AF_UNIX) text_printf(out, ", mode = \"%04o\"", l->mode);
    text_add(out, SLICE(",\n  limits = { "));
    conf_print(&LISTEN_LIMITS_SETTINGS, l, true, out);
    text_add(out, SLICE(" },\n  timeout = { "));
    conf_print(&LISTEN_TIMEOUT_SETTINGS, l, true, out);
    text_printf(out, " } } -- %s:%d\n", l->place.file, l->place.line);
}

// A pool of the addresses that a site gave has their text as its name.
static bool is_address_pool(const struct pool *p) {
    if (p->configured_count == 0) return false;
    struct slice name = slice_of(p->name), first = slice_of(p->configured[0].text);
    return slice_starts_with(name, first) && p->balance == BALANCE_ROUND_ROBIN;
}

void config_print_pool(const struct pool *p, bool all, struct text *out) {
    text_add(out, SLICE("pool "));
    conf_print_string(out, slice_of(p->name));
    text_add(out, SLICE(" { "));
    print_members(p, out);
    print_part(&POOL_SETTINGS, p, all, "", ", ", out);
    if (p->key) {
        text_add(out, SLICE("key = "));
        conf_print_string(out, slice_of(template_text(p->key)));
        text_add(out, SLICE(", "));
    }
    print_part(&POOL_QUEUE_SETTINGS, &p->queue, all, "queue = { ", " }, ", out);
    if (p->sticky.cookie)
        print_part(&POOL_STICKY_SETTINGS, &p->sticky, true, "sticky = { ", " }, ", out);
    print_health(p, out);
    print_part(&POOL_TLS_SETTINGS, &p->backend, all, "tls = { ", " } ", out);
    text_printf(out, "} -- %s:%d\n", p->place.file, p->place.line);
}

// Nothing where there is nothing to print.
static void print_part(const struct conf_table *t, const void *from, bool all, const char *before,
                       const char *after, struct text *out) {
    struct text part;
    text_init(&part, PART_MAX);
    conf_print(t, from, all, &part);
    if (part.len > 0) text_printf(out, "%s%s%s", before, text_string(&part), after);
    text_fini(&part);
}

static void print_health(const struct pool *p, struct text *out) {
    if (check_is_on(&p->check)) {
        text_add(out, SLICE("health = { "));
        conf_print(&POOL_HEALTH_SETTINGS, &p->check, true, out);
        if (p->check.get) print_statuses(&p->check.statuses, out);
        text_add(out, SLICE(" }, "));
    }
    if (!p->passive.is_on) return;
    text_add(out, SLICE("passive = { "));
    conf_print(&POOL_PASSIVE_SETTINGS, &p->passive, true, out);
    print_statuses(&p->passive.statuses, out);
    text_add(out, SLICE(" }, "));
}

// , status = { "2xx", 301 }
static void print_statuses(const struct statuses *s, struct text *out) {
    const char *before = ", status = { ";
    for (int of = 100; of < 600; of += 100) {
        int count = 0;
        for (int i = of; i < of + 100; i++) count += statuses_has(s, i);
        if (count == 100) text_printf(out, "%s\"%dxx\"", before, of / 100);
        for (int i = of; i < of + 100 && count < 100; i++) {
            if (!statuses_has(s, i)) continue;
            text_printf(out, "%s%d", before, i);
            before = ", ";
        }
        if (count == 100) before = ", ";
    }
    if (before[2] == '\0') text_add(out, SLICE(" }"));
}

static void print_members(const struct pool *p, struct text *out) {
    for (size_t i = 0; i < p->configured_count; i++) {
        print_member(&p->configured[i], out);
        text_add(out, SLICE(", "));
    }
}

static void print_member(const struct member_conf *m, struct text *out) {
    const struct table_settings plain = {.weight = 1};
    bool has_settings = memcmp(&m->settings, &plain, sizeof plain) != 0;
    bool is_service = m->resolve == RESOLVE_SERVICE;
    if (!has_settings && m->resolve == RESOLVE_ONE) {
        conf_print_string(out, slice_of(m->text));
        return;
    }
    text_add(out, is_service ? SLICE("{ srv = ") : SLICE("{ "));
    conf_print_string(out, slice_of(is_service ? m->text + strlen("srv:") : m->text));
    if (m->resolve == RESOLVE_EACH) text_add(out, SLICE(", resolve = \"each\""));
    if (has_settings) {
        text_add(out, SLICE(", "));
        conf_print(&MEMBER_SETTINGS, &m->settings, false, out);
    }
    text_add(out, SLICE(" }"));
}

static void print_site(const struct site *site, struct text *out) {
    text_add(out, SLICE("site "));
    conf_print_string(out, slice_of(site->name));
    text_printf(out, " { -- %s:%d\n", site->place.file, site->place.line);
    text_add(out, SLICE("  tls = { "));
    for (size_t i = 0; i < site->tls_count; i++) {
        text_add(out, SLICE("{ "));
        conf_print(&SITE_CERT_SETTINGS, &site->tls[i], true, out);
        text_add(out, SLICE(" }, "));
    }
    conf_print(&SITE_CLIENT_SETTINGS, &(struct site_tls){.clients = *site->clients}, true, out);
    text_add(out, SLICE(" },\n"));
    print_rule(site->rule, "  ", out);
    text_add(out, SLICE("}\n"));
}

static void print_rule(const struct rule *rule, const char *indent, struct text *out) {
    if (rule->action == ACTION_PATHS) {
        text_printf(out, "%spaths = {\n", indent);
        for (size_t i = 0; i < path_tree_count(rule->paths); i++) {
            const struct rule *path = path_tree_rule(rule->paths, i);
            text_printf(out, "%s  [", indent);
            conf_print_string(out, slice_of(path->pattern));
            text_printf(out, "] = { -- %s:%d\n", path->place.file, path->place.line);
            print_rule(path, "      ", out);
            text_printf(out, "%s  },\n", indent);
        }
        text_printf(out, "%s},\n", indent);
    } else {
        text_add(out, slice_of(indent));
        print_action(rule, out);
        text_add(out, SLICE(",\n"));
    }
    const struct access *access = rule->access;
    if (access) {
        text_add(out, slice_of(indent));
        conf_print(&RULE_SETTINGS, access, false, out);
        text_add(out, SLICE(",\n"));
    }
    text_printf(out, "%stimeout = { ", indent);
    conf_print(&POLICY_TIMEOUT_SETTINGS, rule->policy, true, out);
    text_printf(out, " },\n%slimits = { ", indent);
    conf_print(&POLICY_LIMITS_SETTINGS, rule->policy, true, out);
    text_printf(out, " },\n%s", indent);
    conf_print(&POLICY_SETTINGS, rule->policy, true, out);
    text_add(out, SLICE(",\n"));
    if (!rule->policy->down) return;
    text_add(out, slice_of(indent));
    print_respond("down", rule->policy->down, out);
    text_add(out, SLICE(",\n"));
}

static void print_action(const struct rule *rule, struct text *out) {
    switch (rule->action) {
    case ACTION_POOL: print_to(rule, out); break;
    case ACTION_REDIRECT:
        text_printf(out, "redirect = { %d, ", rule->redirect->status);
        conf_print_string(out, slice_of(template_text(rule->redirect->location)));
        text_add(out, SLICE(" }"));
        break;
    case ACTION_RESPOND: print_respond("respond", rule->respond, out); break;
    case ACTION_ROUTE:
        text_printf(out, "route = function(req) --[[ %s:%d ]] end", rule->place.file,
                    rule->place.line);
        break;
    case ACTION_PATHS:
    case ACTION_NONE: text_add(out, SLICE("respond = { 404 }")); break;
    }
}

static void print_to(const struct rule *rule, struct text *out) {
    const struct pool *p = rule->pool;
    if (is_address_pool(p)) {
        text_add(out, SLICE("to = { "));
        print_members(p, out);
        text_add(out, SLICE("}"));
    } else {
        text_add(out, SLICE("to = pool "));
        conf_print_string(out, slice_of(p->name));
    }
    if (!rule->key) return;
    text_add(out, SLICE(", key = "));
    conf_print_string(out, slice_of(template_text(rule->key)));
}

static void print_respond(const char *name, const struct respond *respond, struct text *out) {
    text_printf(out, "%s = { %d, ", name, respond->status);
    conf_print_string(out, respond->body);
    for (unsigned i = 0; i < respond->field_count; i++) {
        text_add(out, SLICE(", ["));
        conf_print_string(out, respond->fields[i].name);
        text_add(out, SLICE("] = "));
        conf_print_string(out, respond->fields[i].value);
    }
    text_add(out, SLICE(" }"));
}
