// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>

#include "core/check.h"
#include "http/message/proxy_header.h"

// One end of a TCP connection; an IPv4 address as ::ffff:a.b.c.d.
struct end {
    unsigned char ip[16];
    uint16_t port_net;
};

static bool is_tcp(const struct address *a);
static struct end end_of(const struct address *a);
static bool is_v4(const struct end *e);
static size_t write_v1(char *to, const struct end *client, const struct end *local);
static const char *format_ip(const struct end *e, bool as_v4, char buf[INET6_ADDRSTRLEN]);
static size_t write_v2(char *to, const struct end *client, const struct end *local);
static size_t write_v2_unix(char *to, const struct address *client, const struct address *local);
static char *begin_v2(char *to, int command, int family, size_t rest_len);
static char *put(char *to, const void *bytes, size_t len);

size_t proxy_header_write(char to[PROXY_HEADER_MAX], int version, const struct address *client,
                          const struct address *local) {
    CHECK(version == 1 || version == 2);
    if (is_tcp(client)) {
        struct address nowhere = {.any = {.sa_family = client->any.sa_family}};
        struct end ends[2] = {end_of(client), end_of(is_tcp(local) ? local : &nowhere)};
        return (version == 1 ? write_v1 : write_v2)(to, &ends[0], &ends[1]);
    }
    if (version == 1) return (size_t)(put(to, "PROXY UNKNOWN\r\n", 15) - to);
    if (client->any.sa_family == AF_UNIX) return write_v2_unix(to, client, local);
    return (size_t)(begin_v2(to, 0, 0, 0) - to);
}

static bool is_tcp(const struct address *a) {
    return a->any.sa_family == AF_INET || a->any.sa_family == AF_INET6;
}

static struct end end_of(const struct address *a) {
    struct end e = {.ip = {[10] = 0xff, [11] = 0xff}};
    if (a->any.sa_family == AF_INET) {
        memcpy(e.ip + 12, &a->v4.sin_addr, 4);
        e.port_net = a->v4.sin_port;
    } else {
        memcpy(e.ip, &a->v6.sin6_addr, 16);
        e.port_net = a->v6.sin6_port;
    }
    return e;
}

static bool is_v4(const struct end *e) {
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(e->ip, mapped, sizeof mapped) == 0;
}

static size_t write_v1(char *to, const struct end *client, const struct end *local) {
    char client_ip[INET6_ADDRSTRLEN], local_ip[INET6_ADDRSTRLEN];
    bool as_v4 = is_v4(client) && is_v4(local);
    int len = snprintf(to, PROXY_HEADER_MAX, "PROXY %s %s %s %u %u\r\n", as_v4 ? "TCP4" : "TCP6",
                       format_ip(client, as_v4, client_ip), format_ip(local, as_v4, local_ip),
                       ntohs(client->port_net), ntohs(local->port_net));
    CHECK(len > 0 && len < PROXY_HEADER_MAX);
    return (size_t)len;
}

// The specification knows no IPv6 address that ends like an IPv4 one, as inet_ntop() has it.
static const char *format_ip(const struct end *e, bool as_v4, char buf[INET6_ADDRSTRLEN]) {
    const unsigned char *ip = as_v4 ? e->ip + 12 : e->ip;
    CHECK(inet_ntop(as_v4 ? AF_INET : AF_INET6, ip, buf, INET6_ADDRSTRLEN));
    if (as_v4 || !strchr(buf, '.')) return buf;
    size_t len = 0;
    for (int i = 0; i < 16; i += 2)
        len += (size_t)snprintf(buf + len, INET6_ADDRSTRLEN - len, "%s%x", i > 0 ? ":" : "",
                                ip[i] << 8 | ip[i + 1]);
    return buf;
}

static size_t write_v2(char *to, const struct end *client, const struct end *local) {
    bool as_v4 = is_v4(client) && is_v4(local);
    size_t skip = as_v4 ? 12 : 0, ip_len = 16 - skip;
    char *at = begin_v2(to, 1, as_v4 ? 0x11 : 0x21, 2 * ip_len + 4);
    at = put(at, client->ip + skip, ip_len);
    at = put(at, local->ip + skip, ip_len);
    at = put(at, &client->port_net, 2);
    at = put(at, &local->port_net, 2);
    return (size_t)(at - to);
}

static size_t write_v2_unix(char *to, const struct address *client, const struct address *local) {
    enum { PATH_BYTES = 108 };
    const struct address *ends[2] = {client, local};
    char *at = begin_v2(to, 1, 0x31, sizeof ends / sizeof ends[0] * PATH_BYTES);
    for (int i = 0; i < 2; i++) {
        size_t head = offsetof(struct sockaddr_un, sun_path);
        bool has_path = ends[i]->any.sa_family == AF_UNIX && ends[i]->len > head;
        size_t len = has_path ? strnlen(ends[i]->local.sun_path, ends[i]->len - head) : 0;
        memset(at, 0, PATH_BYTES);
        memcpy(at, ends[i]->local.sun_path, len);
        at += PATH_BYTES;
    }
    return (size_t)(at - to);
}

static char *begin_v2(char *to, int command, int family, size_t rest_len) {
    to = put(to, "\r\n\r\n\0\r\nQUIT\n", 12);
    *to++ = (char)(0x20 | command);
    *to++ = (char)family;
    *to++ = (char)(rest_len >> 8);
    *to++ = (char)(rest_len & 0xff);
    return to;
}

static char *put(char *to, const void *bytes, size_t len) {
    memcpy(to, bytes, len);
    return to + len;
}
