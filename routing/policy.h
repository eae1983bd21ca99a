// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Which fields of RFC 9440 the backend gets; as in settings.def.
enum client_cert_fields { CLIENT_CERT_OFF, CLIENT_CERT_LEAF, CLIENT_CERT_CHAIN };

// Limits and times of a site or path, after inheritance (HTTP-RULES, "Limits and times").
struct policy {
    unsigned connect_ms, first_byte_ms, between_bytes_ms;
    unsigned body_idle_ms, tunnel_idle_ms;
    unsigned slowest_rate; // bytes per second, after slowest_after_ms
    unsigned slowest_after_ms;
    uint64_t body_max_bytes;      // UINT64_MAX: unlimited
    size_t low_bytes, high_bytes; // buffered per direction
    uint64_t splice_bytes;        // what is left of a body to make splicing worth while; 0: never
    unsigned retries;             // more attempts after the first one
    bool adds_forwarded;          // RFC 7239 Forwarded as well
    bool keeps_host;              // the backend sees the client's Host (default true)
    int client_cert;              // enum client_cert_fields
    const struct respond *down;   // the answer when its backends fail; NULL: a short page of rsp's
};

// How to speak to the members of a pool.
struct backend_conf {
    char *tls_ca;      // CA file; NULL: the system's store
    char *tls_name;    // name to verify and for SNI; NULL: the member's host
    bool tls_verifies; // default true
    int proxy_header;  // 0 none, 1, 2: PROXY protocol version sent
    unsigned idle_ms;  // how long an idle connection is kept (default 60 s)
    unsigned max_idle; // idle connections kept per member and worker
};

// A set of statuses, 100 to 599: bit 0 of the first is 100.
struct statuses {
    uint64_t bits[8];
};
static inline bool statuses_has(const struct statuses *s, int status) {
    unsigned at = (unsigned)status - 100;
    return at < 500 && (s->bits[at / 64] >> at % 64 & 1);
}

// How control asks the members of a pool whether they are well.
struct check_conf {
    bool is_tcp; // a connection (and the TLS handshake of https:// members) is enough
    char *get;   // path and query to GET; NULL and not is_tcp: there are no checks
    char *host;  // Host field; NULL: the name that TLS verifies, or the member's address
    char *body;  // text that the answer must contain; NULL: any
    struct statuses statuses; // that are good
    unsigned port;            // 0: the member's; not for unix sockets
    unsigned every_ms, timeout_ms;
    unsigned fall, rise; // results in a row that make it down, or up
};
static inline bool check_is_on(const struct check_conf *c) {
    return c->is_tcp || c->get;
}

// What requests find out: so many faults within a time eject a member.
struct passive_conf {
    bool is_on;
    unsigned fails, within_ms;
    unsigned ejects_ms;       // the first time; the n-th time n times as long, up to 10 times
    struct statuses statuses; // answers that are faults
};
enum { PASSIVE_FAILS_MAX = 50, EJECTS_TIMES_MAX = 10 };
