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

// One backend is one member, however it is written: lists have it in one spelling. Addresses as inet_ntop() writes them (IPv4 in IPv6
// as IPv4), names in small letters without a final dot, the port always, a scheme only where it is https://.
#define MEMBER_TEXT_MAX 272 // with its NUL
bool member_spell(struct slice text, char out[MEMBER_TEXT_MAX], struct text *why);
// Is it spelled so? False and `why` otherwise.
bool member_is_spelled(struct slice text, struct text *why);
