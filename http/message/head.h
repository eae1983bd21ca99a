// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/slice.h"
#include "http/message/field.h"

// Why a message was refused: rows of refusals.def.
enum refusal {
#define REFUSAL(id, status, text) REFUSE_##id,
#include "http/message/refusals.def"
#undef REFUSAL
};
int refusal_status(enum refusal r);
const char *refusal_text(enum refusal r);

enum method {
    METHOD_OTHER, // a token that no row of methods.def has: passed on as it is
#define METHOD(id, text, flags) METHOD_##id,
#include "http/message/methods.def"
#undef METHOD
};
enum method_flags { METHOD_IDEMPOTENT = 1, METHOD_SAFE = 2 };
enum method method_of(struct slice text); // case matters (RFC 9110 section 9.1)
bool method_is_idempotent(enum method m); // RFC 9110 section 9.2.2

// How the body of a message is delimited (RFC 9112 section 6.3). The only thing that decides where a message ends.
enum body_kind { BODY_NONE, BODY_LENGTH, BODY_CHUNKED, BODY_UNTIL_CLOSE };
struct framing {
    enum body_kind kind;
    uint64_t length; // of BODY_LENGTH
};

// More than this in the Connection fields of one head is refused: each is compared with each field.
#define CONNECTION_OPTIONS_MAX 32

// One request head. All slices point into the arena it was parsed into.
struct request_head {
    enum method method;
    struct slice method_text;
    struct slice target; // as received, for the log
    struct slice scheme; // "http" or "https" of an absolute-form target; empty otherwise
    struct slice
        authority; // host[:port] as written: from the target if absolute, else the Host field; empty on 1.0 without
    struct slice host;  // normalised by hostname_normalise(); empty if there is no authority
    int port;           // of the authority; 0: none written
    struct slice path;  // raw, begins with '/', or "*" of OPTIONS
    struct slice query; // without '?'
    bool has_query;     // "/?" has an empty one
    int minor_version;  // 0 or 1
    struct fields fields;
    struct framing framing;
    bool is_persistent; // the client wants to keep the connection (RFC 9112 section 9.3)
    bool expects_continue;
    bool counts_hops;   // OPTIONS or TRACE with Max-Forwards (RFC 9110 section 7.6.2)
    uint64_t hops_left; // then: how often it may still be forwarded
    struct slice
        upgrade; // the Upgrade field's value when Connection names it and the method is GET; else empty
};

// One answer head.
struct response_head {
    int status;
    struct slice reason;
    int minor_version;
    struct fields fields;
    struct framing framing;
    bool is_persistent;
    struct slice upgrade; // of a 101
};
