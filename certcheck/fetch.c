// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "certcheck/fetch.h"

#include "certcheck/link.h"
#include "core/arena.h"
#include "core/check.h"
#include "core/hostname.h"
#include "http/message/parser.h"

#define URL_BYTES_MAX 2048
#define ARENA_MAX     (4u << 20)

struct url {
    char host[HOSTNAME_MAX + 1]; // normalised
    int port;
    struct slice authority, path; // as written
};

// One exchange.
struct fetching {
    struct link *link;
    struct parser *parser;
    struct response_head head;
    struct text *out, *why;
    char *next; // where a redirect leads to; URL_BYTES_MAX
};
enum fetch_result { FETCH_DONE, FETCH_REDIRECTED, FETCH_FAILED };

static enum fetch_result fetch_once(const struct fetch_conf *conf, char *url, struct text *out,
                                    struct text *why);
static bool parse_url(struct url *u, const char *text, struct text *why);
static bool choose_address(const struct fetch_conf *conf, const struct url *u,
                           char address[ADDRESS_TEXT_MAX], struct text *why);
static enum fetch_result converse(struct link *l, const struct url *u, char *url, struct text *out,
                                  struct text *why);
static bool ask(struct link *l, const struct url *u, struct text *why);
static enum fetch_result receive(struct fetching *f);
static enum parse_event feed(struct fetching *f, struct slice *in);
static enum fetch_result take_head(struct fetching *f);
static bool take_body(struct fetching *f, struct slice bytes);
static enum fetch_result end(struct fetching *f, enum parse_event event);

// Who has these is not on the public internet (RFC 6890 and its registries).
static const char *const closed_networks[] = {
    "0.0.0.0/8",     "10.0.0.0/8",      "100.64.0.0/10",  "127.0.0.0/8",    "169.254.0.0/16",
    "172.16.0.0/12", "192.0.0.0/24",    "192.0.2.0/24",   "192.88.99.0/24", "192.168.0.0/16",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",    "::/96",
    "64:ff9b::/96",  "64:ff9b:1::/48",  "100::/64",       "2001::/23",      "2001:db8::/32",
    "2002::/16",     "fc00::/7",        "fe80::/10",      "fec0::/10",      "ff00::/8",
};

bool fetch(const struct fetch_conf *conf, const char *url, struct text *out, struct text *why) {
    char at[URL_BYTES_MAX];
    enum fetch_result result = FETCH_REDIRECTED;
    if (strlen(url) >= sizeof at) {
        text_add(why, SLICE("the URL is too long"));
        return false;
    }
    strcpy(at, url);
    for (int i = 0; i <= FETCH_REDIRECTS_MAX && result == FETCH_REDIRECTED; i++)
        result = fetch_once(conf, at, out, why);
    if (result == FETCH_REDIRECTED) text_add(why, SLICE("it is redirected again and again"));
    return result == FETCH_DONE;
}

bool fetch_is_public(const struct address *a) {
    struct network n;
    if (a->any.sa_family != AF_INET && a->any.sa_family != AF_INET6) return false;
    for (size_t i = 0; i < sizeof closed_networks / sizeof *closed_networks; i++) {
        CHECK(network_parse(slice_of(closed_networks[i]), &n));
        if (network_has(&n, a)) return false;
    }
    return true;
}

static enum fetch_result fetch_once(const struct fetch_conf *conf, char *url, struct text *out,
                                    struct text *why) {
    struct url u;
    struct link l;
    char address[ADDRESS_TEXT_MAX];
    if (!parse_url(&u, url, why) || !choose_address(conf, &u, address, why)) return FETCH_FAILED;
    if (!link_open(&l, address, u.port, conf->timeout_ms, why)) return FETCH_FAILED;
    l.in_max = FETCH_BYTES_MAX + (64u << 10);
    enum fetch_result result = converse(&l, &u, url, out, why);
    link_close(&l);
    return result;
}

// http://host[:port]/path; nothing in it may end the request line or hide another host.
static bool parse_url(struct url *u, const char *text, struct text *why) {
    struct slice rest = slice_of(text), scheme = SLICE("http://");
    uint64_t port = 80;
    *u = (struct url){.port = 80};
    bool is_plain =
        rest.len > scheme.len && slice_equals_nocase((struct slice){rest.at, scheme.len}, scheme);
    for (size_t i = 0; i < rest.len; i++)
        if (rest.at[i] <= ' ' || rest.at[i] >= 0x7f || rest.at[i] == '@') is_plain = false;
    if (!is_plain) {
        text_add(why, SLICE("only plain http:// is fetched"));
        return false;
    }
    rest = slice_skip(rest, scheme.len);
    ptrdiff_t slash = slice_find(rest, '/');
    size_t len = slash >= 0 ? (size_t)slash : rest.len;
    u->authority = (struct slice){rest.at, len};
    u->path = slash >= 0 ? slice_skip(rest, len) : SLICE("/");
    struct slice after = u->authority;
    ptrdiff_t bracket = slice_find(after, ']');
    if (bracket >= 0) after = slice_skip(after, (size_t)bracket);
    ptrdiff_t colon = slice_find(after, ':');
    bool is_good = colon < 0 || slice_to_u64(slice_skip(after, (size_t)colon + 1), &port);
    size_t host_len = u->authority.len - (colon >= 0 ? after.len - (size_t)colon : 0);
    is_good = is_good && port > 0 && port < 65536 &&
              hostname_normalise((struct slice){u->authority.at, host_len}, u->host) > 0;
    size_t name_len = strlen(u->host);
    if (u->host[0] == '[') { // of an IPv6 address
        memmove(u->host, u->host + 1, name_len - 2);
        u->host[name_len - 2] = '\0';
    }
    u->port = (int)port;
    if (!is_good) text_add(why, SLICE("the URL names no host"));
    return is_good;
}

// The first one that may be asked; connected to as it is, so that no second resolution can give another.
static bool choose_address(const struct fetch_conf *conf, const struct url *u,
                           char address[ADDRESS_TEXT_MAX], struct text *why) {
    struct address found[LINK_ADDRESSES_MAX];
    size_t count = link_resolve(u->host, conf->timeout_ms, found, why);
    if (count == 0) return false;
    for (size_t i = 0; i < count; i++) {
        if (!conf->allows_private && !fetch_is_public(&found[i])) continue;
        address_format_ip(&found[i], address);
        return true;
    }
    text_printf(why, "the address of %s is not a public one (--aia-allow-private)", u->host);
    return false;
}

static enum fetch_result converse(struct link *l, const struct url *u, char *url, struct text *out,
                                  struct text *why) {
    struct fetching f = {.link = l, .parser = parser_new(), .out = out, .why = why, .next = url};
    struct arena *a = arena_new(16384, ARENA_MAX);
    parser_begin_response(f.parser, &f.head, METHOD_GET, a, &RESPONSE_LIMITS);
    enum fetch_result result = ask(l, u, why) ? receive(&f) : FETCH_FAILED;
    parser_free(f.parser);
    arena_free(a);
    return result;
}

// As of version 1.0, so that the answer ends with the connection and has no chunks; they would be understood.
static bool ask(struct link *l, const struct url *u, struct text *why) {
    struct text request;
    text_init(&request, URL_BYTES_MAX + 300);
    text_printf(&request,
                "GET %.*s HTTP/1.0\r\nHost: %.*s\r\nAccept: */*\r\nUser-Agent: rsp-certcheck\r\n"
                "Connection: close\r\n\r\n",
                SLICE_ARGS(u->path), SLICE_ARGS(u->authority));
    bool is_sent = link_write(l, text_slice(&request), why);
    text_fini(&request);
    return is_sent;
}

static enum fetch_result receive(struct fetching *f) {
    for (;;) {
        struct slice in;
        if (!link_read_some(f->link, &in, f->why)) {
            if (!f->link->has_ended) return FETCH_FAILED;
            return end(f, parser_feed_end(f->parser));
        }
        enum parse_event event;
        while ((event = feed(f, &in)) != PARSE_MORE) {
            enum fetch_result result = FETCH_DONE;
            if (event == PARSE_HEAD && (result = take_head(f)) != FETCH_DONE) return result;
            if (event == PARSE_END || event == PARSE_REFUSED) return end(f, event);
        }
    }
}

// Uses up what was read; a body that grows too large is refused like a broken message.
static enum parse_event feed(struct fetching *f, struct slice *in) {
    struct fed fed;
    enum parse_event event = parser_feed(f->parser, *in, &fed);
    struct slice body = {in->at ? in->at + fed.skip : NULL, fed.body};
    if (event == PARSE_BODY && !take_body(f, body)) return PARSE_REFUSED;
    if (event != PARSE_REFUSED) *in = slice_skip(*in, fed.skip + fed.body);
    return event;
}

// FETCH_DONE: go on and read the body.
static enum fetch_result take_head(struct fetching *f) {
    const struct field *to = fields_find_name(&f->head.fields, SLICE("location"));
    int status = f->head.status;
    bool is_redirect =
        status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
    if (status == 200) return FETCH_DONE;
    if (is_redirect && to && to->value.len < URL_BYTES_MAX) {
        snprintf(f->next, URL_BYTES_MAX, "%.*s", SLICE_ARGS(to->value));
        return FETCH_REDIRECTED;
    }
    text_printf(f->why, "the answer has status %d", status);
    return FETCH_FAILED;
}

static bool take_body(struct fetching *f, struct slice bytes) {
    if (f->out->len + bytes.len > FETCH_BYTES_MAX) {
        text_add(f->why, SLICE("the answer is larger than 256 KiB"));
        return false;
    }
    text_add(f->out, bytes);
    return true;
}

static enum fetch_result end(struct fetching *f, enum parse_event event) {
    if (event == PARSE_END) return FETCH_DONE;
    if (f->why->len > 0) return FETCH_FAILED;
    if (event == PARSE_REFUSED)
        text_printf(f->why, "what came is no good HTTP answer (%s)",
                    refusal_text(parser_refusal(f->parser)));
    else
        text_add(f->why, SLICE("the answer is cut"));
    return FETCH_FAILED;
}
