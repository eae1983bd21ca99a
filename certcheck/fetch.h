// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>

#include "core/text.h"

// One GET over plain HTTP, for --aia. Not libcurl: the address must be judged between its resolution and the connection, the strict parser of
// http/message/ is here already, and nothing else of HTTP is wanted (no proxy, no cookies, no TLS, no other scheme).

#define FETCH_BYTES_MAX     (256u << 10)
#define FETCH_REDIRECTS_MAX 3

struct fetch_conf {
    unsigned timeout_ms; // of each connection
    bool
        allows_private; // addresses that are not on the public internet: loopback, private and link-local ones, ...
};

// The body is added to `out` (which must hold FETCH_BYTES_MAX). False, and one line without newline in `why`.
bool fetch(const struct fetch_conf *conf, const char *url, struct text *out, struct text *why);
// Is it an address that anybody on the internet has?
struct address;
bool fetch_is_public(const struct address *a);
