// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/address.h"
#include "core/arena.h"
#include "http/message/head.h"

// What is passed on and what is not (HTTP-RULES 6, 8, 9; RFC 9110 section 7.6). Pure functions from head to head; framing and
// connection fields of the result are made anew, nothing of the sender's framing is copied.

struct forward_options {
    struct slice client_ip;  // text, for X-Forwarded-For and Forwarded
    struct slice scheme;     // "http" or "https" as the client used it
    struct slice request_id; // X-Request-Id when the client sent none that we believe
    struct slice via_name;   // our pseudonym in Via
    struct slice
        host; // replaces Host when not empty; give it where a 1.0 client named no host: an empty Host is legal but few like it
    bool
        is_trusted; // the client's own X-Forwarded-*, Forwarded and X-Request-Id are kept and added to
    bool adds_forwarded; // RFC 7239
    bool
        owns_client_cert; // Client-Cert and Client-Cert-Chain (RFC 9440) are ours, whoever the client is
    struct slice client_cert, client_cert_chain; // their values; empty: none
    bool keeps_upgrade;    // Connection: Upgrade and Upgrade go to the backend
    bool expects_continue; // pass Expect on
    bool is_chunked;       // the body goes in chunks, whatever its length
    bool closes;           // Connection: close to the backend
};
// The request as it goes to the backend: origin-form target, HTTP/1.1. BROKEN rules were refused by the parser already.
// One that request_ends_here() must not come here. False: the request has passed here before (our name stands in Via too often): a loop.
bool forward_request(const struct request_head *in, const struct forward_options *options,
                     struct arena *a, struct request_head *out);

struct answer_options {
    enum method method;    // what it answers
    int client_minor;      // 0: the client speaks HTTP/1.0
    bool is_persistent;    // we would keep the client's connection
    struct slice via_name; // empty: no Via
};
// The answer as it goes to the client: its framing is chosen for the client's version (RFC 9112 section 6). out->is_persistent
// says whether the connection can be kept. A 1xx keeps its fields but hop-by-hop ones; a 101 keeps Connection and Upgrade.
void forward_response(const struct response_head *in, const struct answer_options *options,
                      struct arena *a, struct response_head *out);

// What of the trailers may be passed on (HTTP-RULES 9).
void forward_trailers(const struct fields *in, struct arena *a, struct fields *out);
