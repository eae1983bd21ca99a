// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "core/slice.h"

// A socket address: IPv4, IPv6 or a unix path.
struct address {
    socklen_t len;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
    };
};

// "127.0.0.1:80", "[::1]:80", "unix:/path". No names. False when it is none of them.
bool address_parse(struct slice text, struct address *out);
// A bare IPv4 or IPv6 address without a port.
bool address_parse_ip(struct slice text, int port, struct address *out);
#define ADDRESS_TEXT_MAX 128
// "127.0.0.1:80", "[::1]:80", "unix:/path" (a client of a unix socket is "unix:"); returns buf.
const char *address_format(const struct address *a, char buf[ADDRESS_TEXT_MAX]);
// Only the IP ("127.0.0.1", "::1"; v4-mapped as v4), "unix:" for unix sockets.
const char *address_format_ip(const struct address *a, char buf[ADDRESS_TEXT_MAX]);
int address_port(const struct address *a); // 0 for unix
bool address_equals(const struct address *a, const struct address *b);

// A network, "10.0.0.0/8", "2001:db8::/32", a single address, or "unix:" (every unix client).
struct network {
    int family;
    unsigned char bytes[16];
    int bits;
};
bool network_parse(struct slice text, struct network *out);         // host bits set: refused
bool network_has(const struct network *n, const struct address *a); // v4-mapped v6 counts as v4
