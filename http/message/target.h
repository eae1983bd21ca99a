// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/arena.h"
#include "http/message/head.h"

// The request target (RFC 9112 section 3.2) and the host that a request is for (section 3.2, RFC 9110 section 7.2).
//
// Paths are kept raw. A path with a malformed percent escape, or with an escaped NUL, is refused: whoever decodes
// it behind us (a route's key, a backend) would have to guess, and two guesses are a way around a rule. nginx refuses both as well. A query
// is nobody's path; browsers send lone percent signs there and it is passed on as it is.

struct target {
    struct slice scheme;    // "http" or "https" of the absolute form; else empty
    struct slice authority; // of the absolute form; else empty
    struct slice path;
    struct slice query;
    bool has_query;
};

// The slices point into the text, or to static text. Only OPTIONS may have "*".
enum refusal target_read(struct slice text, enum method method, struct target *out);

// host[:port] to the normalised host, which is copied to the arena where it is spelled otherwise. port 0: none written.
enum refusal authority_read(struct slice authority, struct arena *a, struct slice *host, int *port);

// Fills scheme, authority, host, port, path and query of the head from its target and from its Host fields.
// minor_version and fields must be there.
enum refusal target_apply(const struct target *t, struct arena *a, struct request_head *h);
