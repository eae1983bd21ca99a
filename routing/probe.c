// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "routing/probe.h"

#include <stdio.h>
#include <string.h>

static bool get_field(void *fields, struct slice name, unsigned nth, struct slice *value);
static void set_field(void *fields, struct slice name, const struct slice *value);
static bool field_at(void *fields, unsigned i, struct slice *name, struct slice *value);
static struct slice encode_wide(struct arena *a, struct slice url);
static bool has_wide_host(const struct route_request *r, struct slice url);
static struct slice host_as_sent(const struct route_request *r, struct arena *a);
static bool split_url(struct route_request *r, struct arena *a, struct slice url);
static const struct listen_conf *listen_of(const struct config *c, int port);
static bool has_https(const struct config *c);

static const struct {
    int status;
    const char *text;
} refusals[] = {
    [REFUSED_NO_SITE] = {404, "there is no site of that name"},
    [REFUSED_NO_PATH] = {404, "no rule of the site fits this path"},
    [REFUSED_DENIED] = {403, "access is denied"},
    [REFUSED_BAD_KEY] = {400, "the key is not a host name"},
    [REFUSED_SCRIPT] = {500, "the function of the rule failed (see the error log)"},
    [REFUSED_BAD_PATH] = {400, "the path can be read in two ways, which fit different rules"},
};

bool probe_init(struct probe *p, struct arena *a, struct slice method, struct slice url,
                const struct address *from, struct text *why) {
    *p = (struct probe){.arena = a};
    p->request = (struct route_request){.id = SLICE("explain"),
                                        .method = method,
                                        .client = &p->client,
                                        .field = get_field,
                                        .set_field = set_field,
                                        .field_at = field_at,
                                        .fields = p};
    if (from)
        p->client = *from;
    else
        address_parse(SLICE("127.0.0.1:0"), &p->client);
    struct route_request *r = &p->request;
    for (size_t i = 0; i < url.len; i++) {
        unsigned char c = (unsigned char)url.at[i];
        if (c > 0x20 && c != 0x7f && c != '#') continue;
        text_printf(why, "a URL has no spaces, no fragment and no control bytes: '%.*s'",
                    SLICE_ARGS(url));
        return false;
    }
    if (method.len == 0 || !split_url(r, a, encode_wide(a, url))) {
        text_printf(why, "'%.*s' is no URL: write http://host/path or https://host/path",
                    SLICE_ARGS(url));
        return false;
    }
    r->host = (struct slice){p->host, hostname_normalise(r->authority, p->host)};
    if (r->host.len == 0) {
        text_printf(why, "'%.*s' is no host name", SLICE_ARGS(r->authority));
        return false;
    }
    if (has_wide_host(r, url)) r->authority = host_as_sent(r, a);
    probe_add_field(p, SLICE("host"), r->authority);
    return true;
}

// What browsers make of a URL in Unicode: the host in its ASCII form, all else in percent.
static struct slice encode_wide(struct arena *a, struct slice url) {
    char *out = arena_alloc(a, 3 * url.len + 1), *end = out;
    for (size_t i = 0; i < url.len; i++) {
        unsigned char c = (unsigned char)url.at[i];
        if (c < 0x80)
            *end++ = (char)c;
        else
            end += sprintf(end, "%%%02X", c);
    }
    return (struct slice){out, (size_t)(end - out)};
}

static bool has_wide_host(const struct route_request *r, struct slice url) {
    struct slice rest = slice_skip(url, r->scheme.len + strlen("://"));
    for (size_t i = 0; i < rest.len && !strchr("/?", rest.at[i]); i++)
        if ((unsigned char)rest.at[i] >= 0x80) return true;
    return false;
}

static struct slice host_as_sent(const struct route_request *r, struct arena *a) {
    ptrdiff_t colon = slice_find(r->authority, ':');
    struct slice port = colon < 0 ? SLICE("") : slice_skip(r->authority, (size_t)colon);
    return arena_printf(a, "%.*s%.*s", SLICE_ARGS(r->host), SLICE_ARGS(port));
}

void probe_add_field(struct probe *p, struct slice name, struct slice value) {
    if (p->field_count < PROBE_FIELDS_MAX)
        p->fields[p->field_count++] = (struct probe_field){name, value, false};
}

const struct listen_conf *probe_moved_by(const struct config *c, const struct probe *p,
                                         const struct route_answer *answer) {
    const struct listen_conf *listen = listen_of(c, p->request.local_port);
    if (p->request.client_tls || !route_may_move(answer)) return NULL;
    return listen && listen->redirects && has_https(c) ? listen : NULL;
}

// The plain listener of the URL's port, else the first one: a port may be another before it gets here.
static const struct listen_conf *listen_of(const struct config *c, int port) {
    const struct listen_conf *first = NULL;
    for (size_t i = 0; i < c->listen_count; i++) {
        const struct listen_conf *l = &c->listens[i];
        if (l->is_tls) continue;
        if (address_port(&l->address) == port) return l;
        if (!first) first = l;
    }
    return first;
}

static bool has_https(const struct config *c) {
    for (size_t i = 0; i < c->listen_count; i++)
        if (c->listens[i].is_tls) return true;
    return false;
}

struct probe_choice probe_choose(const struct route_answer *answer, struct arena *a) {
    struct pool *p = answer->pool;
    const struct view *v = pool_view(p);
    int *credits = arena_alloc(a, (v->all_count + 1) * sizeof *credits);
    uint64_t dice = p->dice;
    for (size_t i = 0; i < v->all_count; i++) credits[i] = v->all[i]->credit;
    struct member *first = pool_choose(p, answer, &(struct left_out){0}, a);
    struct left_out without = {.tried = &first, .tried_count = 1};
    struct probe_choice choice = {first, first ? pool_choose(p, answer, &without, a) : NULL};
    for (size_t i = 0; i < v->all_count; i++) v->all[i]->credit = credits[i];
    p->dice = dice;
    return choice;
}

int refused_status(enum refused why) {
    return refusals[why].status;
}

const char *refused_text(enum refused why) {
    return refusals[why].text;
}

static bool split_url(struct route_request *r, struct arena *a, struct slice url) {
    if (slice_starts_with(url, SLICE("https://")))
        r->scheme = SLICE("https");
    else if (slice_starts_with(url, SLICE("http://")))
        r->scheme = SLICE("http");
    else
        return false;
    struct slice rest = slice_skip(url, r->scheme.len + 3);
    size_t len = 0;
    while (len < rest.len && rest.at[len] != '/' && rest.at[len] != '?') len++;
    r->client_tls = r->scheme.len == 5;
    r->authority = (struct slice){rest.at, len};
    r->uri = slice_skip(rest, len);
    if (r->uri.len == 0 || r->uri.at[0] != '/')
        r->uri = arena_printf(a, "/%.*s", SLICE_ARGS(r->uri));
    r->query = r->uri;
    r->path = slice_cut(&r->query, '?');
    ptrdiff_t colon = slice_find(r->authority, ':');
    uint64_t port;
    r->local_port = r->client_tls ? 443 : 80;
    if (colon >= 0 && r->authority.at[0] != '[' &&
        slice_to_u64(slice_skip(r->authority, (size_t)colon + 1), &port) && port < 65536)
        r->local_port = (int)port;
    return slice_find(r->authority, '@') < 0;
}

static bool get_field(void *fields, struct slice name, unsigned nth, struct slice *value) {
    struct probe *p = fields;
    for (unsigned i = 0; i < p->field_count; i++) {
        if (!p->fields[i].value.at || !slice_equals_nocase(p->fields[i].name, name)) continue;
        if (nth-- > 0) continue;
        *value = p->fields[i].value;
        return true;
    }
    return false;
}

// A removed field stays as one without a value.
static void set_field(void *fields, struct slice name, const struct slice *value) {
    struct probe *p = fields;
    for (unsigned i = 0; i < p->field_count; i++)
        if (slice_equals_nocase(p->fields[i].name, name))
            p->fields[i] = p->fields[--p->field_count], i--;
    probe_add_field(p, name, value ? *value : (struct slice){NULL, 0});
    p->fields[p->field_count - 1].is_set = true;
}

static bool field_at(void *fields, unsigned i, struct slice *name, struct slice *value) {
    struct probe *p = fields;
    for (unsigned j = 0; j < p->field_count; j++) {
        if (!p->fields[j].value.at || i-- > 0) continue;
        *name = p->fields[j].name;
        *value = p->fields[j].value;
        return true;
    }
    return false;
}
