// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "routing/path.h"
#include "routing/probe.h"
#include "routing/site.h"
#include "routing/template.h"

// `rsp explain`: one line for each thing that was decided.
enum { OVER_MAX = 20 };

static void explain_site(const struct config *c, const struct probe *p,
                         const struct route_answer *answer, struct rule **rule, struct text *out);
static void explain_over(const struct config *c, const struct probe *p, const struct site *site,
                         const struct rule *rule, struct text *out);
static void explain_answer(const struct probe *p, const struct rule *rule,
                           const struct route_answer *answer, struct text *out);
static void explain_https(const struct config *c, const struct probe *p,
                          const struct route_answer *answer, struct text *out);
static void explain_fields(const struct probe *p, const struct route_answer *answer,
                           struct text *out);
static const char *action_text(const struct rule *rule);

bool route_explain(const struct config *c, struct slice method, struct slice url,
                   const struct address *from, struct text *out) {
    struct arena *a = arena_new(4096, 16u << 20);
    struct probe *p = arena_alloc(a, sizeof *p);
    struct route_answer answer;
    char ip[ADDRESS_TEXT_MAX];
    bool is_url = probe_init(p, a, method, url, from, out);
    if (is_url) {
        struct rule *rule = NULL;
        route_decide(c, &p->request, a, &answer);
        text_printf(out, "%.*s %.*s from %s\n", SLICE_ARGS(method), SLICE_ARGS(url),
                    address_format_ip(&p->client, ip));
        text_printf(out, "  host     %.*s\n", SLICE_ARGS(p->request.host));
        explain_site(c, p, &answer, &rule, out);
        explain_https(c, p, &answer, out);
        explain_answer(p, rule, &answer, out);
    }
    arena_free(a);
    return is_url;
}

static void explain_site(const struct config *c, const struct probe *p,
                         const struct route_answer *answer, struct rule **rule, struct text *out) {
    const struct site *site = answer->site;
    if (!site) return;
    text_printf(out, "  site     \"%s\" (%s:%d)\n", site->name, site->place.file, site->place.line);
    *rule = site->rule;
    if (site->rule->action == ACTION_PATHS) {
        struct captures captures;
        struct arena *a = p->arena;
        enum path_match match =
            path_tree_find(site->rule->paths, a, p->request.path, rule, &captures);
        if (match != PATH_FOUND) *rule = NULL;
        if (*rule)
            text_printf(out, "  path     \"%s\" (%s:%d)\n", (*rule)->pattern, (*rule)->place.file,
                        (*rule)->place.line);
        for (unsigned i = 0; *rule && i < captures.count; i++)
            text_printf(out, "  {%.*s}%*s%.*s\n", SLICE_ARGS(captures.at[i].name),
                        captures.at[i].name.len < 6 ? 7 - (int)captures.at[i].name.len : 1, "",
                        SLICE_ARGS(captures.at[i].raw));
    }
    explain_over(c, p, site, *rule, out);
}

// Whoever else would have taken it.
static void explain_over(const struct config *c, const struct probe *p, const struct site *site,
                         const struct rule *rule, struct text *out) {
    struct rule *fitting[OVER_MAX];
    size_t count = 0;
    if (site->rule->action == ACTION_PATHS)
        count = path_tree_list(site->rule->paths, p->arena, p->request.path, fitting, OVER_MAX);
    for (size_t i = 0; i < count; i++)
        if (fitting[i] != rule)
            text_printf(out, "  over     path \"%s\" (%s:%d)\n", fitting[i]->pattern,
                        fitting[i]->place.file, fitting[i]->place.line);
    const struct host_table *hosts = c->router->hosts;
    for (const struct site *s = site; (s = host_table_next(hosts, p->request.host, s));)
        text_printf(out, "  over     site \"%s\" (%s:%d)\n", s->name, s->place.file, s->place.line);
}

// Certificates are not known here: what a plain port does for names that have one is said as a condition.
static void explain_https(const struct config *c, const struct probe *p,
                          const struct route_answer *answer, struct text *out) {
    const struct listen_conf *listen = probe_moved_by(c, p, answer);
    if (!listen) return;
    struct route_answer moved = *answer;
    route_to_https(c, &p->request, p->arena, &moved);
    text_printf(out, "  first    %d to %.*s if the name has a certificate (listen, %s:%d)\n",
                moved.status, SLICE_ARGS(moved.location), listen->place.file, listen->place.line);
}

static void explain_answer(const struct probe *p, const struct rule *rule,
                           const struct route_answer *answer, struct text *out) {
    if (rule) text_printf(out, "  does     %s\n", action_text(rule));
    switch (answer->kind) {
    case ANSWER_POOL:
        explain_pool(p, rule, answer, out);
        explain_fields(p, answer, out);
        break;
    case ANSWER_RESPOND:
        text_printf(out, "  answer   %d, %zu bytes\n", answer->status, answer->body.len);
        break;
    case ANSWER_REDIRECT:
        text_printf(out, "  answer   %d, location: %.*s\n", answer->status,
                    SLICE_ARGS(answer->location));
        break;
    case ANSWER_REFUSED:
        text_printf(out, "  answer   %d: %s\n", refused_status(answer->refused),
                    refused_text(answer->refused));
        break;
    }
}

static void explain_fields(const struct probe *p, const struct route_answer *answer,
                           struct text *out) {
    char ip[ADDRESS_TEXT_MAX];
    const struct route_request *r = &p->request;
    text_printf(out, "  adds     x-forwarded-for: %s\n", address_format_ip(r->client, ip));
    text_printf(out, "  adds     x-forwarded-proto: %.*s\n", SLICE_ARGS(r->scheme));
    text_printf(out, "  adds     x-forwarded-host: %.*s\n", SLICE_ARGS(r->authority));
    text_add(out, SLICE("  adds     x-request-id, via\n"));
    if (answer->policy->adds_forwarded) text_add(out, SLICE("  adds     forwarded\n"));
    for (unsigned i = 0; i < p->field_count; i++) {
        const struct probe_field *f = &p->fields[i];
        if (f->is_set && f->value.at)
            text_printf(out, "  sets     %.*s: %.*s\n", SLICE_ARGS(f->name), SLICE_ARGS(f->value));
        else if (f->is_set)
            text_printf(out, "  removes  %.*s\n", SLICE_ARGS(f->name));
    }
}

static const char *action_text(const struct rule *rule) {
    switch (rule->action) {
    case ACTION_POOL: return "to";
    case ACTION_REDIRECT: return "redirect";
    case ACTION_RESPOND: return "respond";
    case ACTION_ROUTE: return "route (a function)";
    case ACTION_PATHS: return "paths";
    case ACTION_NONE: return "nothing";
    }
    return "";
}
