// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "http/message/target.h"

#include "core/hostname.h"

static enum refusal origin_form(struct slice text, struct target *out);
static enum refusal absolute_form(struct slice text, enum method method, struct target *out);
static enum refusal check_bytes(struct slice text);
static enum refusal check_escapes(struct slice path);
static bool cut_port(struct slice authority, struct slice *host, int *port);
static enum refusal host_field(const struct fields *f, int minor_version, struct slice *host);

enum refusal target_apply(const struct target *t, struct arena *a, struct request_head *h) {
    struct slice host;
    enum refusal why = host_field(&h->fields, h->minor_version, &host);
    if (why != REFUSE_NONE) return why;
    h->scheme = t->scheme;
    h->path = t->path;
    h->query = t->query;
    h->has_query = t->has_query;
    h->authority = host;
    if (host.len > 0) why = authority_read(host, a, &h->host, &h->port);
    if (why != REFUSE_NONE || t->authority.len == 0) return why;
    h->authority = t->authority; // RFC 9112 section 3.2.2: what the Host field says is ignored
    return authority_read(t->authority, a, &h->host, &h->port);
}

static enum refusal host_field(const struct fields *f, int minor_version, struct slice *host) {
    *host = (struct slice){NULL, 0};
    const struct field *field = fields_find(f, FIELD_HOST);
    if (!field) return minor_version == 0 ? REFUSE_NONE : REFUSE_NO_HOST;
    if (fields_find_next(f, field)) return REFUSE_SEVERAL_HOSTS;
    *host = field->value;
    return host->len > 0 ? REFUSE_NONE : REFUSE_BAD_HOST;
}

enum refusal target_read(struct slice text, enum method method, struct target *out) {
    *out = (struct target){.path = text};
    if (text.len == 0) return REFUSE_BAD_TARGET;
    enum refusal why = check_bytes(text);
    if (why != REFUSE_NONE) return why;
    if (text.at[0] == '/') return origin_form(text, out);
    if (slice_equals(text, SLICE("*")))
        return method == METHOD_OPTIONS ? REFUSE_NONE : REFUSE_ASTERISK;
    return absolute_form(text, method, out);
}

static enum refusal check_bytes(struct slice text) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c <= ' ' || c >= 0x7f) return REFUSE_BAD_TARGET;
        if (c == '#') return REFUSE_FRAGMENT;
    }
    return REFUSE_NONE;
}

static enum refusal origin_form(struct slice text, struct target *out) {
    ptrdiff_t mark = slice_find(text, '?');
    out->has_query = mark >= 0;
    out->path = text;
    if (out->has_query) {
        out->path.len = (size_t)mark;
        out->query = slice_skip(text, (size_t)mark + 1);
    }
    return check_escapes(out->path);
}

static enum refusal check_escapes(struct slice path) {
    while (path.len > 0) {
        ptrdiff_t mark = slice_find(path, '%');
        if (mark < 0) return REFUSE_NONE;
        path = slice_skip(path, (size_t)mark);
        if (slice_hex_byte(slice_skip(path, 1)) <= 0) return REFUSE_BAD_ESCAPE;
        path = slice_skip(path, 3);
    }
    return REFUSE_NONE;
}

static enum refusal absolute_form(struct slice text, enum method method, struct target *out) {
    ptrdiff_t colon = slice_find(text, ':');
    if (colon < 0) return REFUSE_BAD_TARGET;
    struct slice scheme = {text.at, (size_t)colon};
    struct slice rest = slice_skip(text, scheme.len);
    if (!slice_starts_with(rest, SLICE("://"))) return REFUSE_BAD_TARGET;
    if (slice_equals_nocase(scheme, SLICE("http")))
        out->scheme = SLICE("http");
    else if (slice_equals_nocase(scheme, SLICE("https")))
        out->scheme = SLICE("https");
    else
        return REFUSE_BAD_SCHEME;
    rest = slice_skip(rest, 3);
    size_t n = 0;
    while (n < rest.len && rest.at[n] != '/' && rest.at[n] != '?') n++;
    out->authority = (struct slice){rest.at, n};
    if (slice_find(out->authority, '@') >= 0) return REFUSE_USERINFO;
    if (n == 0) return REFUSE_BAD_HOST;
    rest = slice_skip(rest, n);
    if (rest.len > 0 && rest.at[0] == '/') return origin_form(rest, out);
    enum refusal why = origin_form(rest, out);
    bool asks_for_server = method == METHOD_OPTIONS && !out->has_query; // RFC 9112 section 3.2.4
    out->path = asks_for_server ? SLICE("*") : SLICE("/");
    return why;
}

enum refusal authority_read(struct slice authority, struct arena *a, struct slice *host,
                            int *port) {
    if (slice_find(authority, '@') >= 0) return REFUSE_USERINFO;
    struct slice name;
    if (check_bytes(authority) != REFUSE_NONE || !cut_port(authority, &name, port))
        return REFUSE_BAD_HOST;
    char normal[HOSTNAME_MAX + 1];
    size_t len = hostname_normalise(name, normal);
    if (len == 0) return REFUSE_BAD_HOST;
    struct slice found = {normal, len};
    *host = slice_equals(found, name) ? name : arena_copy(a, found);
    return REFUSE_NONE;
}

// "name:8080", "name:", "name", "[::1]:8080". Port 0 is nobody's port and is refused.
static bool cut_port(struct slice authority, struct slice *host, int *port) {
    *port = 0;
    *host = authority;
    size_t end = 0;
    if (authority.len > 0 && authority.at[0] == '[') {
        ptrdiff_t bracket = slice_find(authority, ']');
        if (bracket < 0) return false;
        end = (size_t)bracket + 1;
    } else {
        ptrdiff_t colon = slice_find(authority, ':');
        end = colon < 0 ? authority.len : (size_t)colon;
    }
    host->len = end;
    if (end == authority.len) return end > 0;
    if (end == 0 || authority.at[end] != ':') return false;
    struct slice digits = slice_skip(authority, end + 1);
    uint64_t number;
    if (digits.len == 0) return true;
    if (digits.len > 5 || !slice_to_u64(digits, &number) || number == 0 || number > 65535)
        return false;
    *port = (int)number;
    return true;
}
