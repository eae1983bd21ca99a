// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>

#include "core/address.h"
#include "core/slice.h"

// The PROXY protocol, versions 1 and 2 (haproxy.org, proxy-protocol.txt): who the client of a front proxy is. Pure.

enum proxy_event { PROXY_MORE, PROXY_DONE, PROXY_REFUSED };
// Never more of the input than this is needed: 107 bytes are waited for in version 1, 536 in version 2.
#define PROXY_HEADER_READ_MAX 536
// Reads a header of either version at the start of `in`. PROXY_DONE: `used` bytes of it; *client is the address it names,
// or *is_local is set: the front proxy speaks for itself (LOCAL, UNKNOWN). PROXY_REFUSED comes with the first byte after which
// it cannot become a header. What follows the addresses in version 2 must be well formed and is not looked at, but for a checksum.
enum proxy_event proxy_header_parse(struct slice in, size_t *used, struct address *client,
                                    bool *is_local);

#define PROXY_HEADER_MAX 232
// The header to send; `version` 1 or 2. A unix client is UNKNOWN in version 1; one of no known family is UNKNOWN or LOCAL. Where `local` is
// not TCP though the client is, the address 0.0.0.0 or :: stands for it. Returns its length.
size_t proxy_header_write(char to[PROXY_HEADER_MAX], int version, const struct address *client,
                          const struct address *local);
