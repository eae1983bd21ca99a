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
