// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/arena.h"
#include "core/text.h"
#include "routing/decide.h"
#include "routing/path.h"

// Texts with {placeholders}, of keys and of redirects:
// {host} {path} {NAME of a capture} {client.ip} {header.NAME} {cookie.NAME} {query.NAME}; redirects also {uri} {scheme} {method}.
struct key_template;
enum template_use { TEMPLATE_KEY, TEMPLATE_REDIRECT };

// `pattern` is the path whose captures can be named (NULL: none). NULL and `why`.
struct key_template *template_parse(struct arena *a, struct slice text, enum template_use use,
                                    const char *pattern, struct text *why);
const char *template_text(const struct key_template *t);
bool template_is_host(const struct key_template *t); // exactly "{host}"

// A key: what is missing is empty; when all placeholders are, there is no key (at is NULL). Captures are percent-decoded unless
// `raw_captures` (a pool of host names decodes by itself). False on a broken escape.
bool template_key(const struct key_template *t, const struct route_request *r,
                  const struct captures *captures, bool raw_captures, struct arena *a,
                  struct slice *out);
// A Location: what was put in has bytes that no URL has percent-encoded (so no line can be broken), and it does not begin with "//"
// unless the template does.
struct slice template_location(const struct key_template *t, const struct route_request *r,
                               const struct captures *captures, struct arena *a);
// A Location that a function gave: bytes that no URL has are percent-encoded.
struct slice location_clean(struct arena *a, struct slice location);

// The nth cookie or query parameter of a name (query: decoded, "+" is a space). False: there are no more.
bool request_cookie(const struct route_request *r, struct slice name, unsigned nth,
                    struct slice *value);
bool request_parameter(const struct route_request *r, struct slice name, unsigned nth,
                       struct arena *a, struct slice *value);
