// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "routing/template.h"

#include "core/suggest.h"

enum piece_kind {
    PIECE_TEXT,
    PIECE_CAPTURE,
    PIECE_HEADER,
    PIECE_COOKIE,
    PIECE_QUERY,
    PIECE_HOST,
    PIECE_PATH,
    PIECE_CLIENT_IP,
    PIECE_URI,
    PIECE_SCHEME,
    PIECE_METHOD
};

struct piece {
    enum piece_kind kind;
    struct slice text; // of TEXT; the name of CAPTURE, HEADER, COOKIE and QUERY
};

struct key_template {
    const char *text;
    struct piece *pieces;
    size_t count;
};

struct filling {
    const struct route_request *request;
    const struct captures *captures;
    struct arena *arena;
};

static const struct {
    const char *name;
    enum piece_kind kind;
    bool is_of_redirects;
} simple[] = {
    {"host", PIECE_HOST, false},           {"path", PIECE_PATH, false},
    {"client.ip", PIECE_CLIENT_IP, false}, {"uri", PIECE_URI, true},
    {"scheme", PIECE_SCHEME, true},        {"method", PIECE_METHOD, true},
};

static bool parse_piece(struct arena *a, struct slice name, enum template_use use,
                        const char *pattern, struct piece *out, struct text *why);
static struct slice fill(const struct piece *p, const struct filling *f);
static struct slice capture_named(const struct captures *captures, struct slice name);
static size_t encoded_length(struct slice s);
static char *add_encoded(char *to, struct slice s);
static bool is_url_byte(unsigned char c);
static struct slice decode_parameter(struct arena *a, struct slice s);

struct key_template *template_parse(struct arena *a, struct slice text, enum template_use use,
                                    const char *pattern, struct text *why) {
    size_t most = 1;
    for (size_t i = 0; i < text.len; i++) most += text.at[i] == '{' ? 2 : 0;
    struct key_template *t = arena_zalloc(a, sizeof *t);
    struct slice rest = arena_copy(a, text);
    t->text = arena_string(a, text);
    t->pieces = arena_alloc(a, most * sizeof *t->pieces);
    while (rest.len > 0) {
        ptrdiff_t open = slice_find(rest, '{');
        struct slice plain = open < 0 ? rest : (struct slice){rest.at, (size_t)open};
        if (slice_find(plain, '}') >= 0) {
            text_printf(why, "'}' without '{'");
            return NULL;
        }
        if (plain.len > 0) t->pieces[t->count++] = (struct piece){PIECE_TEXT, plain};
        rest = slice_skip(rest, plain.len);
        if (rest.len == 0) break;
        ptrdiff_t close = slice_find(rest, '}');
        if (close < 0) {
            text_printf(why, "'{' without '}'");
            return NULL;
        }
        struct slice name = {rest.at + 1, (size_t)close - 1};
        if (!parse_piece(a, name, use, pattern, &t->pieces[t->count++], why)) return NULL;
        rest = slice_skip(rest, (size_t)close + 1);
    }
    return t;
}

const char *template_text(const struct key_template *t) {
    return t->text;
}

bool template_is_host(const struct key_template *t) {
    return t->count == 1 && t->pieces[0].kind == PIECE_HOST;
}

bool template_key(const struct key_template *t, const struct route_request *r,
                  const struct captures *captures, bool raw_captures, struct arena *a,
                  struct slice *out) {
    struct filling filling = {r, captures, a};
    struct slice parts[16], *part = parts;
    size_t len = 0;
    bool has_value = false, has_place = false;
    if (t->count > 16) part = arena_alloc(a, t->count * sizeof *part);
    for (size_t i = 0; i < t->count; i++) {
        const struct piece *p = &t->pieces[i];
        part[i] = fill(p, &filling);
        if (p->kind == PIECE_CAPTURE && !raw_captures && !path_decode(a, part[i], &part[i]))
            return false;
        has_place |= p->kind != PIECE_TEXT;
        has_value |= p->kind != PIECE_TEXT && part[i].len > 0;
        len += part[i].len;
    }
    *out = (struct slice){NULL, 0};
    if (has_place && !has_value) return true;
    if (t->count == 1) {
        *out = part[0];
        return true;
    }
    char *at = arena_alloc(a, len + 1), *to = at;
    for (size_t i = 0; i < t->count; i++) {
        if (part[i].len > 0) memcpy(to, part[i].at, part[i].len);
        to += part[i].len;
    }
    *out = (struct slice){at, len};
    return true;
}

struct slice template_location(const struct key_template *t, const struct route_request *r,
                               const struct captures *captures, struct arena *a) {
    struct filling filling = {r, captures, a};
    size_t len = 1;
    for (size_t i = 0; i < t->count; i++) len += encoded_length(fill(&t->pieces[i], &filling));
    char *at = arena_alloc(a, len), *to = at;
    for (size_t i = 0; i < t->count; i++) to = add_encoded(to, fill(&t->pieces[i], &filling));
    struct slice location = slice_from(at, to);
    bool may_be_relative = t->count > 0 && t->pieces[0].kind == PIECE_TEXT;
    while (!may_be_relative && location.len > 1 && location.at[0] == '/' &&
           (location.at[1] == '/' || location.at[1] == '\\'))
        location = slice_skip(location, 1);
    return location;
}

struct slice location_clean(struct arena *a, struct slice location) {
    size_t len = encoded_length(location);
    char *at = arena_alloc(a, len + 1);
    add_encoded(at, location);
    return (struct slice){at, len};
}

bool request_cookie(const struct route_request *r, struct slice name, unsigned nth,
                    struct slice *value) {
    struct slice field;
    for (unsigned i = 0; r->field(r->fields, SLICE("cookie"), i, &field); i++) {
        for (struct slice rest = field; rest.at;) {
            struct slice pair = slice_trim(slice_cut(&rest, ';')), after = pair;
            struct slice found = slice_cut(&after, '=');
            if (!after.at || !slice_equals(found, name) || nth-- > 0) continue;
            if (after.len >= 2 && after.at[0] == '"' && after.at[after.len - 1] == '"')
                after = (struct slice){after.at + 1, after.len - 2};
            *value = after;
            return true;
        }
    }
    return false;
}

bool request_parameter(const struct route_request *r, struct slice name, unsigned nth,
                       struct arena *a, struct slice *value) {
    for (struct slice rest = r->query; rest.at;) {
        struct slice after = slice_cut(&rest, '&'), found = slice_cut(&after, '=');
        if (!slice_equals(decode_parameter(a, found), name) || nth-- > 0) continue;
        *value = after.at ? decode_parameter(a, after) : SLICE("");
        return true;
    }
    return false;
}

static bool parse_piece(struct arena *a, struct slice name, enum template_use use,
                        const char *pattern, struct piece *out, struct text *why) {
    static const struct {
        struct slice prefix;
        enum piece_kind kind;
    } named[] = {{{"header.", 7}, PIECE_HEADER},
                 {{"cookie.", 7}, PIECE_COOKIE},
                 {{"query.", 6}, PIECE_QUERY}};
    struct suggestion suggestion = {.wrong = arena_string(a, name)};
    char buf[SUGGEST_MAX];
    if (pattern && path_pattern_captures(slice_of(pattern), name)) {
        *out = (struct piece){PIECE_CAPTURE, name};
        return true;
    }
    for (size_t i = 0; i < sizeof simple / sizeof *simple; i++) {
        if (simple[i].is_of_redirects && use != TEMPLATE_REDIRECT) continue;
        suggest_try(&suggestion, simple[i].name);
        if (!slice_equals(name, slice_of(simple[i].name))) continue;
        *out = (struct piece){.kind = simple[i].kind};
        return true;
    }
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
        if (!slice_starts_with(name, named[i].prefix) || name.len == named[i].prefix.len) continue;
        *out = (struct piece){named[i].kind, slice_skip(name, named[i].prefix.len)};
        return true;
    }
    text_printf(why, "unknown placeholder '{%.*s}'%s", SLICE_ARGS(name),
                suggest_text(&suggestion, buf));
    return false;
}

static struct slice fill(const struct piece *p, const struct filling *f) {
    const struct route_request *r = f->request;
    struct slice value = {NULL, 0};
    switch (p->kind) {
    case PIECE_TEXT: return p->text;
    case PIECE_CAPTURE: return capture_named(f->captures, p->text);
    case PIECE_HEADER: r->field(r->fields, p->text, 0, &value); return value;
    case PIECE_COOKIE: request_cookie(r, p->text, 0, &value); return value;
    case PIECE_QUERY: request_parameter(r, p->text, 0, f->arena, &value); return value;
    case PIECE_HOST: return r->host;
    case PIECE_PATH: return r->path;
    case PIECE_URI: return r->uri.len > 0 && r->uri.at[0] == '/' ? r->uri : SLICE("/");
    case PIECE_SCHEME: return r->scheme;
    case PIECE_METHOD: return r->method;
    case PIECE_CLIENT_IP: {
        char *buf = arena_alloc(f->arena, ADDRESS_TEXT_MAX);
        return slice_of(address_format_ip(r->client, buf));
    }
    }
    return value;
}

static struct slice capture_named(const struct captures *captures, struct slice name) {
    for (unsigned i = 0; captures && i < captures->count; i++)
        if (slice_equals(captures->at[i].name, name)) return captures->at[i].raw;
    return (struct slice){NULL, 0};
}

static size_t encoded_length(struct slice s) {
    size_t len = 0;
    for (size_t i = 0; i < s.len; i++) len += is_url_byte((unsigned char)s.at[i]) ? 1 : 3;
    return len;
}

static char *add_encoded(char *to, struct slice s) {
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (is_url_byte(c)) {
            *to++ = (char)c;
            continue;
        }
        *to++ = '%';
        *to++ = "0123456789ABCDEF"[c >> 4];
        *to++ = "0123456789ABCDEF"[c & 15];
    }
    return to;
}

static bool is_url_byte(unsigned char c) {
    return c > 0x20 && c < 0x7f && c != '"' && c != '<' && c != '>' && c != '\\' && c != '^' &&
           c != '`' && c != '{' && c != '|' && c != '}';
}

// Like forms: "+" is a space. What is no escape stays as it is.
static struct slice decode_parameter(struct arena *a, struct slice s) {
    if (slice_find(s, '%') < 0 && slice_find(s, '+') < 0) return s;
    struct slice copy = arena_copy(a, s), decoded;
    char *at = (char *)copy.at;
    for (size_t i = 0; i < copy.len; i++)
        if (at[i] == '+') at[i] = ' ';
    return path_decode(a, copy, &decoded) ? decoded : copy;
}
