// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/arena.h"
#include "core/dial.h"
#include "core/text.h"

// How addresses are written in a route file and to the admin API.

// "127.0.0.1:80", ":80", "80", "unix:/path" to an address to listen on. A port alone is "[::]:port", which takes IPv4 as well; on a
// system without IPv6 it is "0.0.0.0:port".
bool listen_address_parse(struct slice text, struct address *out);
// A backend: "host:port", "[v6]:port", "unix:/path", with http:// or https:// before it. False and `why`. Strings are the arena's.
bool member_parse(struct arena *a, struct slice text, struct endpoint *out, bool *is_tls,
                  struct text *why);
