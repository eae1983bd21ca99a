// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/address.h"

#include <arpa/inet.h>
#include <stdio.h>

static bool parse_port(struct slice text, int *port);
static bool parse_unix(struct slice path, struct address *out);
static bool set_v4(struct slice text, int port, struct address *out);
static bool set_v6(struct slice text, int port, struct address *out);
static bool copy_bounded(struct slice text, char *buf, size_t size);
static struct network network_of(const struct address *a);
static bool host_bits_are_clear(const struct network *n);
static void unmap(struct network *n);

static const struct slice unix_prefix = {"unix:", 5};

bool address_parse(struct slice text, struct address *out) {
    if (slice_starts_with(text, unix_prefix))
        return parse_unix(slice_skip(text, unix_prefix.len), out);
    size_t colon = text.len;
    while (colon > 0 && text.at[colon - 1] != ':') colon--;
    int port;
    if (colon == 0 || !parse_port(slice_skip(text, colon), &port)) return false;
    struct slice ip = {text.at, colon - 1};
    if (ip.len < 2 || ip.at[0] != '[') return set_v4(ip, port, out);
    return ip.at[ip.len - 1] == ']' && set_v6((struct slice){ip.at + 1, ip.len - 2}, port, out);
}

bool address_parse_ip(struct slice text, int port, struct address *out) {
    return set_v4(text, port, out) || set_v6(text, port, out);
}

const char *address_format(const struct address *a, char buf[ADDRESS_TEXT_MAX]) {
    if (a->any.sa_family == AF_UNIX) {
        const char *path = a->local.sun_path;
        size_t start = offsetof(struct sockaddr_un, sun_path);
        size_t len = a->len > start ? strnlen(path, a->len - start) : 0;
        snprintf(buf, ADDRESS_TEXT_MAX, "unix:%.*s", (int)len, path);
        return buf;
    }
    char ip[ADDRESS_TEXT_MAX];
    address_format_ip(a, ip);
    snprintf(buf, ADDRESS_TEXT_MAX, strchr(ip, ':') ? "[%.60s]:%d" : "%.60s:%d", ip,
             address_port(a));
    return buf;
}

const char *address_format_ip(const struct address *a, char buf[ADDRESS_TEXT_MAX]) {
    struct network n = network_of(a);
    if (n.family == AF_UNIX || !inet_ntop(n.family, n.bytes, buf, ADDRESS_TEXT_MAX))
        memcpy(buf, "unix:", 6);
    return buf;
}

int address_port(const struct address *a) {
    if (a->any.sa_family == AF_INET) return ntohs(a->v4.sin_port);
    if (a->any.sa_family == AF_INET6) return ntohs(a->v6.sin6_port);
    return 0;
}

bool address_equals(const struct address *a, const struct address *b) {
    if (a->any.sa_family != b->any.sa_family || address_port(a) != address_port(b)) return false;
    if (a->any.sa_family == AF_INET) return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
    if (a->any.sa_family == AF_INET6)
        return memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr) == 0 &&
               a->v6.sin6_scope_id == b->v6.sin6_scope_id;
    char a_text[ADDRESS_TEXT_MAX], b_text[ADDRESS_TEXT_MAX];
    return strcmp(address_format(a, a_text), address_format(b, b_text)) == 0;
}

bool network_parse(struct slice text, struct network *out) {
    *out = (struct network){.family = AF_UNIX};
    if (slice_equals(text, unix_prefix)) return true;
    struct slice bits = text;
    struct slice ip = slice_cut(&bits, '/');
    struct address a;
    if (!address_parse_ip(ip, 0, &a)) return false;
    out->family = a.any.sa_family;
    bool is_v4 = out->family == AF_INET;
    if (is_v4)
        memcpy(out->bytes, &a.v4.sin_addr, 4);
    else
        memcpy(out->bytes, &a.v6.sin6_addr, 16);
    uint64_t n = is_v4 ? 32 : 128;
    if (bits.at && (!slice_to_u64(bits, &n) || n > (is_v4 ? 32 : 128))) return false;
    out->bits = (int)n;
    if (!host_bits_are_clear(out)) return false;
    if (out->bits >= 96) unmap(out);
    return true;
}

bool network_has(const struct network *n, const struct address *a) {
    struct network one = network_of(a);
    if (one.family != n->family) return false;
    size_t whole = (size_t)n->bits / 8;
    if (memcmp(one.bytes, n->bytes, whole) != 0) return false;
    if (n->bits % 8 == 0) return true;
    unsigned mask = 0xff00u >> (n->bits % 8);
    return ((one.bytes[whole] ^ n->bytes[whole]) & mask & 0xffu) == 0;
}

static bool parse_port(struct slice text, int *port) {
    uint64_t n;
    if (text.len > 5 || !slice_to_u64(text, &n) || n > 65535) return false;
    *port = (int)n;
    return true;
}

static bool parse_unix(struct slice path, struct address *out) {
    *out = (struct address){.local = {.sun_family = AF_UNIX}};
    if (path.len == 0 || path.at[0] != '/') return false;
    if (!copy_bounded(path, out->local.sun_path, sizeof out->local.sun_path)) return false;
    out->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len + 1);
    return true;
}

static bool set_v4(struct slice text, int port, struct address *out) {
    char ip[INET_ADDRSTRLEN];
    *out = (struct address){.len = sizeof out->v4, .v4 = {.sin_family = AF_INET}};
    out->v4.sin_port = htons((uint16_t)port);
    return copy_bounded(text, ip, sizeof ip) && inet_pton(AF_INET, ip, &out->v4.sin_addr) == 1;
}

static bool set_v6(struct slice text, int port, struct address *out) {
    char ip[INET6_ADDRSTRLEN];
    *out = (struct address){.len = sizeof out->v6, .v6 = {.sin6_family = AF_INET6}};
    out->v6.sin6_port = htons((uint16_t)port);
    return copy_bounded(text, ip, sizeof ip) && inet_pton(AF_INET6, ip, &out->v6.sin6_addr) == 1;
}

// False when it does not fit or holds a NUL.
static bool copy_bounded(struct slice text, char *buf, size_t size) {
    if (text.len >= size || slice_find(text, '\0') >= 0) return false;
    if (text.len > 0) memcpy(buf, text.at, text.len);
    buf[text.len] = '\0';
    return true;
}

// The network of this one address; a mapped IPv4 address as what it is.
static struct network network_of(const struct address *a) {
    struct network n = {.family = a->any.sa_family};
    if (n.family == AF_INET) {
        n.bits = 32;
        memcpy(n.bytes, &a->v4.sin_addr, 4);
    } else if (n.family == AF_INET6) {
        n.bits = 128;
        memcpy(n.bytes, &a->v6.sin6_addr, 16);
        unmap(&n);
    } else {
        n.family = AF_UNIX;
    }
    return n;
}

static bool host_bits_are_clear(const struct network *n) {
    int size = n->family == AF_INET ? 32 : 128;
    for (int i = n->bits; i < size; i++)
        if (n->bytes[i / 8] & (0x80 >> (i % 8))) return false;
    return true;
}

// ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2) becomes a.b.c.d; needs at least 96 bits.
static void unmap(struct network *n) {
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (n->family != AF_INET6 || memcmp(n->bytes, mapped, 12) != 0) return;
    struct network v4 = {.family = AF_INET, .bits = n->bits - 96};
    memcpy(v4.bytes, n->bytes + 12, 4);
    *n = v4;
}
